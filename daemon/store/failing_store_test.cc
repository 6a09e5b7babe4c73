#include "daemon/store/failing_store.h"

#include <gtest/gtest.h>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

class FailingStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.directory = directory_.path();
    auto sqlite = SqliteStore::Open(options);
    ASSERT_TRUE(sqlite.ok()) << sqlite.status();
    store_ = std::make_unique<FailingStore>(*std::move(sqlite));
    const auto partition =
        store_->OpenPartition("p", "me", [](const StateRow&) {});
    ASSERT_TRUE(partition.ok());
    epoch_ = partition->epoch;
  }
  absl::Status Commit(EventTime watermark_ms) {
    CheckpointBatch batch;
    batch.watermark_ms = watermark_ms;
    return store_->Checkpoint("p", epoch_, batch);
  }

  TestDirectory directory_;
  std::unique_ptr<FailingStore> store_;
  int64_t epoch_ = 0;
};

TEST_F(FailingStoreTest, FailsTheNthCallAndOnlyThat) {
  EXPECT_TRUE(Commit(1).ok());
  store_->Fail("Checkpoint", 2, absl::ResourceExhaustedError("disk full"));
  EXPECT_TRUE(Commit(2).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Commit(3)));
  EXPECT_EQ(*store_->Watermark("p"), 2);
  EXPECT_TRUE(Commit(3).ok());
  EXPECT_EQ(*store_->Watermark("p"), 3);
  EXPECT_EQ(store_->Calls("Checkpoint"), 4);
  EXPECT_EQ(store_->Calls("Watermark"), 2);
}

TEST_F(FailingStoreTest, ALostAnswerIsWritten) {
  store_->Fail("Checkpoint", 1, absl::UnavailableError("lost"),
               FailingStore::When::kAfter);
  EXPECT_TRUE(absl::IsUnavailable(Commit(7)));
  EXPECT_EQ(*store_->Watermark("p"), 7);
}

TEST_F(FailingStoreTest, FailsUntilHealed) {
  store_->Fail("CountAlerts", 1, absl::DataLossError("gone"),
               FailingStore::When::kBefore, INT64_MAX / 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(absl::IsDataLoss(store_->CountAlerts().status()));
  }
  store_->Heal();
  EXPECT_TRUE(store_->CountAlerts().ok());
}

TEST_F(FailingStoreTest, HandsEverythingElseOn) {
  ASSERT_TRUE(store_->Checkpoint("p", epoch_, TestBatch(1)).ok());
  EXPECT_EQ(DumpStore(*store_), DumpStore(store_->store()));
}

}  // namespace
}  // namespace keywatch
