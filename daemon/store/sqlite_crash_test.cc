// kill -9 and power loss: what is found afterwards is a whole number of steps.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

std::unique_ptr<SqliteStore> Open(const std::string& directory) {
  SqliteStoreOptions options;
  options.directory = directory;
  auto store = SqliteStore::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

int64_t Take(Store& store) {
  const auto partition = store.OpenPartition("p", "me", [](const StateRow&) {});
  return partition.ok() ? partition->epoch : 0;
}

// Step 2i-1 commits the ith batch, step 2i acknowledges its alert: the engine's
// connection and the people's take turns.
absl::Status Step(Store& store, int64_t epoch, int64_t step) {
  const int64_t i = (step + 1) / 2;
  if (step % 2 == 1) return store.Checkpoint("p", epoch, TestBatch(i));
  return store
      .SetAlertState(AlertId(absl::StrCat("alert-", i)),
                     AlertState::kAcknowledged, "ann", "seen", 0, i)
      .status();
}

// The number of steps that `store` has seen.
int64_t StepsOf(Store& store) {
  const EventTime watermark = *store.Watermark("p");
  if (watermark == kMinEventTime) return 0;
  const int64_t i = watermark / 1000;
  const auto alert = store.GetAlert(AlertId(absl::StrCat("alert-", i)));
  EXPECT_TRUE(alert.ok()) << alert.status();
  const bool acknowledged =
      alert.ok() && alert->state == AlertState::kAcknowledged;
  return acknowledged ? 2 * i : 2 * i - 1;
}

// A store beside the disturbed one, for comparison.
class Mirror {
 public:
  // The dump of a store that went undisturbed to `step`, not before the last.
  std::string DumpAt(int64_t step) {
    const std::unique_ptr<SqliteStore> store = Open(directory_.path());
    const int64_t epoch = Take(*store);
    for (int64_t next = StepsOf(*store) + 1; next <= step; ++next) {
      const absl::Status status = Step(*store, epoch, next);
      EXPECT_TRUE(status.ok()) << status;
    }
    return DumpStore(*store);
  }

 private:
  TestDirectory directory_;
};

// Goes on with the steps until it is killed; says each that is done.
[[noreturn]] void RunChild(const std::string& directory, int out) {
  const std::unique_ptr<SqliteStore> store = Open(directory);
  if (store == nullptr) _exit(1);
  const int64_t epoch = Take(*store);
  for (int64_t step = StepsOf(*store) + 1;; ++step) {
    if (!Step(*store, epoch, step).ok()) _exit(2);
    if (write(out, &step, sizeof(step)) != sizeof(step)) _exit(3);
  }
}

TEST(SqliteCrashTest, KilledAnywhereItIsAtAWholeStep) {
  TestDirectory directory;
  Mirror mirror;
  std::mt19937 random(4711);
  int64_t acknowledged = 0;
  for (int round = 0; round < 25; ++round) {
    int steps[2];
    ASSERT_EQ(pipe(steps), 0);
    const pid_t child = fork();
    if (child == 0) RunChild(directory.path(), steps[1]);
    close(steps[1]);
    // Some kills hit the opening, most hit the steps.
    if (round % 5 != 0) {
      int64_t first = 0;
      ASSERT_EQ(read(steps[0], &first, sizeof(first)),
                static_cast<ssize_t>(sizeof(first)));
      acknowledged = first;
    }
    usleep(random() % 15000);
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    int64_t step = 0;
    while (read(steps[0], &step, sizeof(step)) ==
           static_cast<ssize_t>(sizeof(step))) {
      acknowledged = step;
    }
    close(steps[0]);

    const std::unique_ptr<SqliteStore> store = Open(directory.path());
    ASSERT_NE(store, nullptr);
    const int64_t found = StepsOf(*store);
    // Nothing that was said to be done is lost; one step may have been done and
    // not said.
    ASSERT_GE(found, acknowledged);
    ASSERT_LE(found, acknowledged + 1);
    ASSERT_EQ(DumpStore(*store), mirror.DumpAt(found)) << "step " << found;
  }
  EXPECT_GT(acknowledged, 25);
}

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// A power loss may take any of the log's pages that were not synced.
TEST(SqliteCrashTest, WhateverIsLeftOfTheLogItIsAtAWholeStep) {
  TestDirectory directory;
  constexpr int64_t kSteps = 12;
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<SqliteStore> store = Open(directory.path());
    const int64_t epoch = Take(*store);
    for (int64_t step = 1; step <= kSteps; ++step) {
      if (!Step(*store, epoch, step).ok()) _exit(1);
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const std::string database = ReadFile(directory.File("keywatch.db"));
  const std::string log = ReadFile(directory.File("keywatch.db-wal"));
  ASSERT_GT(log.size(), 20 * 8192u);

  std::vector<std::string> dumps;
  {
    Mirror mirror;
    for (int64_t step = 0; step <= kSteps; ++step) {
      dumps.push_back(mirror.DumpAt(step));
    }
  }
  std::set<int64_t> seen;
  const auto check = [&](const std::string& left, size_t at) {
    TestDirectory copy;
    WriteFile(copy.File("keywatch.db"), database);
    WriteFile(copy.File("keywatch.db-wal"), left);
    const std::unique_ptr<SqliteStore> store = Open(copy.path());
    ASSERT_NE(store, nullptr) << at;
    const int64_t found = StepsOf(*store);
    ASSERT_LE(found, kSteps);
    EXPECT_EQ(DumpStore(*store), dumps[found]) << "cut at " << at;
    seen.insert(found);
  };
  for (size_t at = 0; at < log.size(); at += 1 + log.size() / 60) {
    check(log.substr(0, at), at);
    std::string torn = log;
    torn.replace(at, 512, std::string(512, '\0'));
    check(torn.substr(0, log.size()), at);
  }
  // The cuts fell into different steps.
  EXPECT_GT(seen.size(), 6u);
}

}  // namespace
}  // namespace keywatch
