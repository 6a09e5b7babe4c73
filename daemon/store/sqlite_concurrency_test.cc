// Engine, people, notifiers and queries at the same time.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

TEST(SqliteConcurrencyTest, EverybodyAtOnceLosesNothing) {
  constexpr int64_t kCommits = 120;
  TestDirectory directory;
  SqliteStoreOptions options;
  options.directory = directory.path();
  options.readers = 2;  // fewer than threads that ask
  auto opened = SqliteStore::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  SqliteStore& store = **opened;
  const auto partition = store.OpenPartition("p", "me", [](const StateRow&) {});
  ASSERT_TRUE(partition.ok());

  std::atomic<int64_t> committed{0};
  std::atomic<bool> finished{false};
  std::thread engine([&] {
    for (int64_t i = 1; i <= kCommits; ++i) {
      const absl::Status status =
          store.Checkpoint("p", partition->epoch, TestBatch(i));
      EXPECT_TRUE(status.ok()) << status;
      committed = i;
    }
  });
  std::thread person([&] {
    for (int64_t i = 1; i <= kCommits; ++i) {
      while (committed < i) std::this_thread::yield();
      const auto alert = store.SetAlertState(
          AlertId(absl::StrCat("alert-", i)),
          i % 2 == 0 ? AlertState::kAcknowledged : AlertState::kResolved, "ann",
          "", 0, i);
      EXPECT_TRUE(alert.ok()) << alert.status();
    }
  });
  // Sends until all is sent; no message comes before an earlier one.
  int64_t sent = 0;
  std::thread notifier([&] {
    std::map<std::string, int> progress;
    const std::map<std::string, int> order = {
        {"open", 1}, {"escalate", 2}, {"resolve", 3}};
    for (;;) {
      const bool last = finished;
      const auto rows = store.DueOutbox("", INT64_MAX, 50);
      ASSERT_TRUE(rows.ok()) << rows.status();
      for (const OutboxRow& row : *rows) {
        int& at = progress[row.alert.str() + row.notifier];
        EXPECT_TRUE(at < order.at(row.event));
        at = order.at(row.event);
        const absl::Status done = store.OutboxDone({row.id}, 1);
        EXPECT_TRUE(done.ok()) << done;
        ++sent;
      }
      if (last && rows->empty()) break;
    }
  });
  // Follows the changes; in the end it knows every alert as it is.
  std::map<std::string, int64_t> versions;
  std::thread watcher([&] {
    int64_t after = 0;
    for (;;) {
      const bool last = finished;
      const auto changed = store.AlertsChangedAfter(after, 7);
      ASSERT_TRUE(changed.ok()) << changed.status();
      for (const Alert& alert : changed->first) {
        int64_t& version = versions[alert.id.str()];
        EXPECT_GT(alert.version, version);
        version = alert.version;
      }
      after = changed->second;
      if (last && changed->first.empty()) break;
    }
  });
  // Each answer is of one commit, and of no earlier one than the answer before.
  std::vector<std::thread> readers;
  for (int n = 0; n < 3; ++n) {
    readers.emplace_back([&] {
      int64_t before = 0;
      while (!finished) {
        const int64_t at_least = committed;
        const auto sources = store.ListSources();
        ASSERT_TRUE(sources.ok()) << sources.status();
        const int64_t commits =
            sources->empty() ? 0 : (*sources)[0].records / 10;
        EXPECT_GE(commits, at_least);
        EXPECT_GE(commits, before);
        before = commits;
        EXPECT_TRUE(store.CountAlerts().ok());
        AlertFilter filter;
        filter.limit = 10;
        EXPECT_TRUE(store.ListAlerts(filter).ok());
      }
    });
  }
  std::thread backup([&] {
    const absl::Status status = store.Backup(directory.File("copy.db"));
    EXPECT_TRUE(status.ok()) << status;
  });

  engine.join();
  person.join();
  finished = true;
  notifier.join();
  watcher.join();
  backup.join();
  for (std::thread& reader : readers) reader.join();

  EXPECT_EQ(store.VerifyAudit()->entries, kCommits);
  EXPECT_EQ(store.CountOutbox()->pending, 0);
  // Each alert opens, some escalate, and those with odd numbers resolve.
  EXPECT_GE(sent, kCommits + kCommits / 2);
  const auto all = store.AlertsChangedAfter(0, 10000);
  ASSERT_TRUE(all.ok());
  int64_t opened_by_rules = 0;
  for (const Alert& alert : all->first) {
    EXPECT_EQ(versions[alert.id.str()], alert.version);
    if (absl::StartsWith(alert.id.view(), "alert-")) ++opened_by_rules;
  }
  EXPECT_EQ(opened_by_rules, kCommits);
  // A match after a resolve opens one more.
  EXPECT_LE(static_cast<int64_t>(all->first.size()),
            kCommits + (kCommits + 1) / 2);
}

}  // namespace
}  // namespace keywatch
