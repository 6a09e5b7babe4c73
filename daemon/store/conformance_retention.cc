// Retention: what may be dropped, and what never is.

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/store/store_conformance.h"

namespace keywatch {
namespace {

constexpr int64_t kResolvedAt = 5000;
constexpr int64_t kLater = 9000;

AlertUpsert Ended(absl::string_view id) {
  AlertUpsert upsert = TestUpsert(id, 1000);
  upsert.alert.last_event_ms = 2000;
  upsert.alert.ended_ms = 2000;
  return upsert;
}

int64_t Prune(Store& store, const PruneBefore& before, int limit = 100) {
  return Must(store.Prune(before, limit));
}
int64_t PruneAlerts(Store& store, int64_t before_ms) {
  PruneBefore before;
  before.alerts_ms = before_ms;
  return Prune(store, before);
}
void Resolve(Store& store, absl::string_view id) {
  ASSERT_CODE(kOk, store.SetAlertState(AlertId(id), AlertState::kResolved,
                                       "ann", "", 0, kResolvedAt));
}
void SendAll(Store& store) {
  for (int i = 0; i < 1000; ++i) {
    const auto rows = Must(store.DueOutbox("", kLater, 100));
    if (rows.empty()) return;
    for (const OutboxRow& row : rows) {
      ASSERT_CODE(kOk, store.OutboxDone({row.id}, kResolvedAt));
    }
  }
  FAIL() << "messages remain";
}
bool Has(Store& store, absl::string_view id) {
  return store.GetAlert(AlertId(id)).ok();
}

// A watcher that had seen the dropped alert's change missed the next one.
TEST_P(StoreConformance, ADroppedAlertsChangeNumberIsNotUsedAgain) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(Ended("a")));
  Resolve(store(), "a");
  SendAll(store());
  const int64_t seen = Must(store().LastAlertChange());
  ASSERT_EQ(PruneAlerts(store(), kLater), 1);
  EXPECT_EQ(Must(store().LastAlertChange()), seen);
  ASSERT_CODE(kOk, CommitAlert(Ended("b")));
  EXPECT_GT(Must(store().LastAlertChange()), seen);
  EXPECT_EQ(Must(store().AlertsChangedAfter(seen, 10)).first.size(), 1u);
}

TEST_P(StoreConformance, AnOldAlertThatIsOverGoesWithItsMessages) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(Ended("a")));
  Resolve(store(), "a");
  SendAll(store());
  EXPECT_EQ(PruneAlerts(store(), kResolvedAt), 0);
  EXPECT_TRUE(Has(store(), "a"));
  EXPECT_EQ(PruneAlerts(store(), kResolvedAt + 1), 1);
  EXPECT_FALSE(Has(store(), "a"));
  Reopen();
  EXPECT_FALSE(Has(store(), "a"));
}

TEST_P(StoreConformance, AnUnresolvedAlertIsKeptForEver) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(Ended("open")));
  ASSERT_CODE(kOk, CommitAlert(Ended("seen")));
  SendAll(store());
  ASSERT_CODE(kOk,
              store().SetAlertState(AlertId("seen"), AlertState::kAcknowledged,
                                    "ann", "", 0, 1));
  EXPECT_EQ(PruneAlerts(store(), INT64_MAX), 0);
  EXPECT_TRUE(Has(store(), "open"));
  EXPECT_TRUE(Has(store(), "seen"));
}

TEST_P(StoreConformance, AnAlertThatTheEngineMayStillChangeIsKept) {
  Take();
  AlertUpsert going_on = Ended("a");
  going_on.alert.ended_ms = 0;
  ASSERT_CODE(kOk, CommitAlert(going_on));
  Resolve(store(), "a");
  SendAll(store());
  EXPECT_EQ(PruneAlerts(store(), INT64_MAX), 0);
  EXPECT_TRUE(Has(store(), "a"));
}

TEST_P(StoreConformance, AnAlertWithAMessageThatWaitsIsKept) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(Ended("a")));
  Resolve(store(), "a");
  EXPECT_EQ(PruneAlerts(store(), INT64_MAX), 0);
  PruneBefore messages;
  messages.messages_ms = INT64_MAX;
  EXPECT_EQ(Prune(store(), messages), 0);
  EXPECT_TRUE(Has(store(), "a"));
}

TEST_P(StoreConformance, AnAlertRaisedByHandHasNoEpisodeToWaitFor) {
  Take();
  Alert alert = TestAlert("m", 1000);
  alert.rule_id = RuleId("manual");
  alert.ended_ms = 0;
  alert.notify.clear();
  ASSERT_CODE(kOk, store().RaiseAlert(alert, "ann", 1));
  Resolve(store(), "m");
  SendAll(store());
  EXPECT_EQ(PruneAlerts(store(), kResolvedAt + 1), 1);
}

TEST_P(StoreConformance, WhoMustHearOfTheResolutionIsNotForgotten) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(Ended("a")));
  SendAll(store());
  PruneBefore messages;
  messages.messages_ms = INT64_MAX;
  EXPECT_EQ(Prune(store(), messages), 0);
  Resolve(store(), "a");
  EXPECT_THAT(Due(kLater), testing::ElementsAre("resolve to oncall about a"));
  SendAll(store());
  EXPECT_EQ(Prune(store(), messages), 2);
  EXPECT_TRUE(Has(store(), "a"));
}

TEST_P(StoreConformance, GapsAndRejectedRecordsGoByEventTimeAndCountsStay) {
  Take();
  CheckpointBatch batch;
  batch.gaps = {{SourceId("s"), 1000, 2000, "old"},
                {SourceId("s"), 1000, 4000, "new"}};
  RejectSample old;
  old.source = SourceId("s");
  old.reason = "json";
  old.at_ms = 2000;
  RejectSample fresh = old;
  fresh.at_ms = 4000;
  batch.reject_samples = {old, fresh};
  batch.rejects = {{SourceId("s"), "json", 2}};
  ASSERT_CODE(kOk, Commit(batch));
  PruneBefore before;
  before.gaps_ms = 3000;
  before.rejects_ms = 3000;
  EXPECT_EQ(Prune(store(), before), 2);
  const auto gaps = Must(store().ListGaps(SourceId(), 0, 10));
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].reason, "new");
  EXPECT_EQ(Must(store().ListRejects(SourceId(), 10)).size(), 1u);
  const auto counts = Must(store().ListRejectCounts());
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0].count, 2);
}

TEST_P(StoreConformance, OneCallDropsNoMoreThanItsLimit) {
  Take();
  for (int i = 0; i < 25; ++i) {
    ASSERT_CODE(kOk, CommitAlert(Ended(absl::StrCat("a", i))));
    Resolve(store(), absl::StrCat("a", i));
  }
  SendAll(store());
  PruneBefore before;
  before.alerts_ms = kLater;
  EXPECT_EQ(Prune(store(), before, 10), 10);
  EXPECT_EQ(Prune(store(), before, 10), 10);
  EXPECT_EQ(Prune(store(), before, 10), 5);
  EXPECT_EQ(Prune(store(), before, 10), 0);
}

TEST_P(StoreConformance, TheDefaultDropsNothing) {
  Take();
  for (int64_t i = 1; i <= 5; ++i) ASSERT_CODE(kOk, Commit(TestBatch(i)));
  const std::string before = DumpStore(store());
  EXPECT_EQ(Prune(store(), PruneBefore()), 0);
  EXPECT_EQ(DumpStore(store()), before);
}

}  // namespace
}  // namespace keywatch
