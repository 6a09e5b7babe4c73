// Failures at every point of a commit: nothing half-written, and the same batch
// goes through later.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "daemon/store/fault_vfs.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

std::unique_ptr<SqliteStore> Open(const TestDirectory& directory) {
  SqliteStoreOptions options;
  options.directory = directory.path();
  options.busy_timeout_ms = 0;
  auto store = SqliteStore::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

int64_t Take(Store& store) {
  const auto partition = store.OpenPartition("p", "me", [](const StateRow&) {});
  EXPECT_TRUE(partition.ok()) << partition.status();
  return partition.ok() ? partition->epoch : 0;
}

// The dump after `commits` commits that nothing disturbed.
std::string Undisturbed(int64_t commits) {
  TestDirectory directory;
  const std::unique_ptr<SqliteStore> store = Open(directory);
  const int64_t epoch = Take(*store);
  for (int64_t i = 1; i <= commits; ++i) {
    EXPECT_TRUE(store->Checkpoint("p", epoch, TestBatch(i)).ok());
  }
  return DumpStore(*store);
}

// Lets SQLite's virtual machine stop at its nth look around, on whatever
// connection: between any two steps of any statement.
struct Interruption {
  int64_t looks = 0;
  int64_t stop_at = 0;  // 0: never
  bool lasting = false;
};
Interruption interruption;

int Look(void*) {
  ++interruption.looks;
  if (interruption.stop_at == 0) return 0;
  return interruption.lasting ? interruption.looks >= interruption.stop_at
                              : interruption.looks == interruption.stop_at;
}

int WatchConnection(sqlite3* db, char**, const sqlite3_api_routines*) {
  sqlite3_progress_handler(db, 1, Look, nullptr);
  return SQLITE_OK;
}

class InterruptedTest : public testing::Test {
 protected:
  void SetUp() override {
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(WatchConnection));
  }
  void TearDown() override {
    interruption = Interruption();
    sqlite3_reset_auto_extension();
  }
};

class InterruptedCheckpointTest : public InterruptedTest,
                                  public testing::WithParamInterface<bool> {};

TEST_P(InterruptedCheckpointTest, StoppedAnywhereItLeavesNothing) {
  // Lasting, it stops the rollback as well.
  const bool lasting = GetParam();
  TestDirectory directory;
  const std::unique_ptr<SqliteStore> store = Open(directory);
  const int64_t epoch = Take(*store);
  for (int64_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE(store->Checkpoint("p", epoch, TestBatch(i)).ok());
  }
  int64_t failures = 0;
  for (int64_t stop_at = 1;; ++stop_at) {
    interruption = {0, stop_at, lasting};
    const absl::Status status = store->Checkpoint("p", epoch, TestBatch(11));
    interruption = Interruption();
    if (status.ok()) break;
    ASSERT_TRUE(absl::IsCancelled(status)) << status;
    ++failures;
    const auto watermark = store->Watermark("p");
    ASSERT_TRUE(watermark.ok());
    ASSERT_EQ(*watermark, 10000) << "stopped at " << stop_at;
  }
  // A commit of some fifty statements has that many places to stop at.
  EXPECT_GT(failures, 100);
  EXPECT_EQ(DumpStore(*store), Undisturbed(11));
}

INSTANTIATE_TEST_SUITE_P(OnceOrLasting, InterruptedCheckpointTest,
                         testing::Bool());

TEST_F(InterruptedTest, WhatPeopleDoStoppedAnywhereLeavesNothing) {
  TestDirectory directory;
  const std::unique_ptr<SqliteStore> store = Open(directory);
  const int64_t epoch = Take(*store);
  ASSERT_TRUE(store->Checkpoint("p", epoch, TestBatch(1)).ok());
  const std::string before = DumpStore(*store);
  int64_t failures = 0;
  for (int64_t stop_at = 1;; ++stop_at) {
    interruption = {0, stop_at, false};
    const auto alert = store->SetAlertState(
        AlertId("alert-1"), AlertState::kResolved, "ann", "done", 1, 5);
    interruption = Interruption();
    if (alert.ok()) break;
    ASSERT_TRUE(absl::IsCancelled(alert.status())) << alert.status();
    ++failures;
    ASSERT_EQ(DumpStore(*store), before) << "stopped at " << stop_at;
  }
  EXPECT_GT(failures, 5);
  EXPECT_EQ(store->VerifyAudit()->entries, 1);
  EXPECT_EQ(store->CountOutbox()->pending, 2);
}

struct DiskFault {
  int code;
  absl::StatusCode expected;
  bool lasting;

  friend void PrintTo(const DiskFault& fault, std::ostream* out) {
    *out << sqlite3_errstr(fault.code) << (fault.lasting ? ", lasting" : "");
  }
};

class BrokenDiskTest : public testing::TestWithParam<DiskFault> {
 protected:
  void SetUp() override { FaultVfs::Install(); }
  void TearDown() override { FaultVfs::Heal(); }
};

TEST_P(BrokenDiskTest, ARetriedCheckpointGivesTheSameAsNoFailure) {
  TestDirectory directory;
  std::unique_ptr<SqliteStore> store = Open(directory);
  int64_t epoch = Take(*store);
  constexpr int64_t kCommits = 150;
  int64_t failures = 0;
  int64_t operations = 0;
  for (int64_t i = 1; i <= kCommits; ++i) {
    // Every place in turn, the copying of the log into the database included.
    FaultVfs::Fail(1 + i % 70, GetParam().code, GetParam().lasting);
    for (;;) {
      const absl::Status status = store->Checkpoint("p", epoch, TestBatch(i));
      operations = std::max(operations, FaultVfs::Operations());
      if (status.ok()) break;
      ++failures;
      ASSERT_EQ(status.code(), GetParam().expected) << status;
      EXPECT_EQ(*store->Watermark("p"),
                i == 1 ? kMinEventTime : (i - 1) * 1000);
      FaultVfs::Heal();
    }
    FaultVfs::Heal();
    // A restart in between, now and then.
    if (i % 40 == 0) {
      store.reset();
      store = Open(directory);
      epoch = Take(*store);
    }
  }
  EXPECT_GT(failures, kCommits / 4);
  EXPECT_GT(operations, 20);
  EXPECT_EQ(DumpStore(*store), Undisturbed(kCommits));
}

TEST_P(BrokenDiskTest, APersonsChangeIsWholeOrNotAtAll) {
  TestDirectory directory;
  const std::unique_ptr<SqliteStore> store = Open(directory);
  const int64_t epoch = Take(*store);
  ASSERT_TRUE(store->Checkpoint("p", epoch, TestBatch(1)).ok());
  const std::string before = DumpStore(*store);
  int64_t failures = 0;
  for (int64_t nth = 1;; ++nth) {
    FaultVfs::Fail(nth, GetParam().code, GetParam().lasting);
    const auto alert = store->SetAlertState(
        AlertId("alert-1"), AlertState::kResolved, "ann", "done", 1, 5);
    FaultVfs::Heal();
    if (alert.ok()) break;
    ++failures;
    ASSERT_EQ(alert.status().code(), GetParam().expected) << alert.status();
    ASSERT_EQ(DumpStore(*store), before) << "at operation " << nth;
  }
  // At least one write and one sync.
  EXPECT_GE(failures, 2);
  EXPECT_EQ(store->VerifyAudit()->entries, 1);
}

TEST_P(BrokenDiskTest, OpeningOnABrokenDiskFailsAndLaterWorks) {
  int64_t failures = 0;
  for (int64_t nth = 1; nth <= 25; ++nth) {
    TestDirectory directory;
    SqliteStoreOptions options;
    options.directory = directory.path();
    FaultVfs::Fail(nth, GetParam().code, GetParam().lasting);
    const auto store = SqliteStore::Open(options);
    FaultVfs::Heal();
    // Some failures are of no account, as those of tidying up.
    if (store.ok()) continue;
    ++failures;
    ASSERT_EQ(store.status().code(), GetParam().expected) << store.status();
    ASSERT_EQ(Take(*Open(directory)), 1) << "failed at operation " << nth;
  }
  EXPECT_GT(failures, 5);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, BrokenDiskTest,
    testing::Values(
        DiskFault{SQLITE_FULL, absl::StatusCode::kResourceExhausted, false},
        DiskFault{SQLITE_FULL, absl::StatusCode::kResourceExhausted, true},
        DiskFault{SQLITE_IOERR_WRITE, absl::StatusCode::kUnavailable, false},
        DiskFault{SQLITE_IOERR_WRITE, absl::StatusCode::kUnavailable, true}));

}  // namespace
}  // namespace keywatch
