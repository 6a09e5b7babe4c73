#include "daemon/store/retention.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/store/failing_store.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class RetentionTest : public testing::Test {
 protected:
  RetentionTest() {
    SqliteStoreOptions options;
    options.directory = directory_.path();
    auto opened = SqliteStore::Open(options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = std::make_unique<FailingStore>(*std::move(opened));
    auto partition = store_->OpenPartition("p", "me", [](const StateRow&) {});
    EXPECT_TRUE(partition.ok());
    epoch_ = partition->epoch;
  }

  // Gaps that ended `age` before now.
  void AddGaps(int count, absl::Duration age) {
    CheckpointBatch batch;
    for (int i = 0; i < count; ++i) {
      const EventTime end = ToEventTime(kNow - age);
      batch.gaps.push_back(
          {SourceId("s"), end - 1000 - i, end, absl::StrCat("gap ", i)});
    }
    ASSERT_TRUE(store_->Checkpoint("p", epoch_, batch).ok());
  }
  size_t Gaps() {
    auto gaps = store_->ListGaps(SourceId(), kMinEventTime, 10000);
    EXPECT_TRUE(gaps.ok());
    return gaps.ok() ? gaps->size() : 0;
  }
  Retention Make(const RetentionPeriods& periods) {
    return Retention(periods, store_.get(), [this](absl::string_view line) {
      log_.emplace_back(line);
    });
  }

  TestDirectory directory_;
  std::unique_ptr<FailingStore> store_;
  int64_t epoch_ = 0;
  std::vector<std::string> log_;
};

TEST_F(RetentionTest, DropsWhatIsOlderThanItsPeriodAndSaysSoOnce) {
  AddGaps(3, absl::Hours(10));
  AddGaps(2, absl::Hours(1));
  RetentionPeriods periods;
  periods.gaps = absl::Hours(5);
  Retention retention = Make(periods);
  EXPECT_TRUE(retention.RunOnce(kNow).ok());
  EXPECT_EQ(Gaps(), 2u);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_NE(log_[0].find("dropped 3 rows"), std::string::npos) << log_[0];
}

TEST_F(RetentionTest, KeepsEverythingForEverByDefault) {
  AddGaps(3, absl::Hours(24 * 365 * 20));
  Retention retention = Make(RetentionPeriods());
  EXPECT_TRUE(retention.RunOnce(kNow).ok());
  EXPECT_EQ(Gaps(), 3u);
  EXPECT_TRUE(log_.empty());
}

TEST_F(RetentionTest, MuchIsDroppedInSmallTransactions) {
  AddGaps(1200, absl::Hours(10));
  RetentionPeriods periods;
  periods.gaps = absl::Hours(5);
  Retention retention = Make(periods);
  for (size_t left : {700u, 200u, 0u}) {
    EXPECT_TRUE(retention.RunOnce(kNow).ok());
    EXPECT_EQ(Gaps(), left);
  }
  EXPECT_EQ(log_.size(), 1u);
}

TEST_F(RetentionTest, RestsForAnHourWhenNothingIsLeft) {
  RetentionPeriods periods;
  periods.gaps = absl::Hours(5);
  Retention retention = Make(periods);
  EXPECT_TRUE(retention.RunOnce(kNow).ok());
  AddGaps(1, absl::Hours(10));
  EXPECT_TRUE(retention.RunOnce(kNow + absl::Minutes(59)).ok());
  EXPECT_EQ(Gaps(), 1u);
  EXPECT_TRUE(retention.RunOnce(kNow + absl::Minutes(61)).ok());
  EXPECT_EQ(Gaps(), 0u);
}

TEST_F(RetentionTest, AFullDiskIsToldAndTriedAgainAMinuteLater) {
  AddGaps(1, absl::Hours(10));
  RetentionPeriods periods;
  periods.gaps = absl::Hours(5);
  Retention retention = Make(periods);
  store_->Fail("Prune", 1, absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(retention.RunOnce(kNow)));
  EXPECT_TRUE(retention.RunOnce(kNow + absl::Seconds(30)).ok());
  EXPECT_EQ(store_->Calls("Prune"), 1);
  EXPECT_TRUE(retention.RunOnce(kNow + absl::Seconds(61)).ok());
  EXPECT_EQ(Gaps(), 0u);
}

}  // namespace
}  // namespace keywatch
