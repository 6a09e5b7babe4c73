// The engine's half: epochs, checkpoints, engine state.

#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/store_conformance.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, FirstOpenGivesEpochOneAndNothing) {
  const PartitionState partition = Take();
  EXPECT_EQ(partition.epoch, 1);
  EXPECT_EQ(partition.watermark_ms, kMinEventTime);
  EXPECT_THAT(partition.cursors, IsEmpty());
  EXPECT_THAT(partition.pending, IsEmpty());
  EXPECT_THAT(partition.seen_ids, IsEmpty());
  EXPECT_THAT(state(), IsEmpty());
}

TEST_P(StoreConformance, EveryOpenRaisesTheEpochEvenAfterReopen) {
  EXPECT_EQ(Take().epoch, 1);
  EXPECT_EQ(Take().epoch, 2);
  Reopen();
  EXPECT_EQ(Take().epoch, 3);
}

TEST_P(StoreConformance, PartitionsAreApart) {
  Take();
  ASSERT_CODE(kOk, Commit(TestBatch(1)));
  int rows = 0;
  const auto other =
      store().OpenPartition("q", "me", [&](const StateRow&) { ++rows; });
  ASSERT_CODE(kOk, other);
  EXPECT_EQ(other->epoch, 1);
  EXPECT_THAT(other->cursors, IsEmpty());
  EXPECT_THAT(other->pending, IsEmpty());
  EXPECT_THAT(other->seen_ids, IsEmpty());
  EXPECT_EQ(rows, 0);

  // The same owner and group in another partition is another row.
  CheckpointBatch batch;
  StateRow row = TestBatch(1).state[0];
  row.blob = "of q";
  batch.state = {row};
  ASSERT_CODE(kOk, store().Checkpoint("q", other->epoch, batch));
  Take();
  EXPECT_THAT(state(), SizeIs(10));
  for (const StateRow& kept : state()) EXPECT_NE(kept.blob, "of q");
}

TEST_P(StoreConformance, StaleEpochWritesNothing) {
  Take();
  const int64_t old_epoch = epoch();
  ASSERT_CODE(kOk, Commit(TestBatch(1)));
  Take();
  const std::string before = DumpStore(store());  // takes the partition again
  Take();

  const absl::Status refused = store().Checkpoint("p", old_epoch, TestBatch(2));
  EXPECT_CODE(kAborted, refused);
  EXPECT_TRUE(absl::StrContains(refused.message(), absl::StrCat(old_epoch)))
      << refused;
  EXPECT_CODE(kAborted, store().EraseStateExcept("p", old_epoch, {}));
  EXPECT_EQ(DumpStore(store()), before);
}

TEST_P(StoreConformance, AnEpochThatNeverWasIsRefused) {
  Take();
  EXPECT_CODE(kAborted, store().Checkpoint("p", epoch() + 1, TestBatch(1)));
  EXPECT_CODE(kNotFound, store().Checkpoint("nobody's", 1, TestBatch(1)));
}

TEST_P(StoreConformance, ReopenGivesAllBack) {
  Take();
  for (int64_t i = 1; i <= 12; ++i) ASSERT_CODE(kOk, Commit(TestBatch(i)));
  ASSERT_CODE(
      kOk, store().SetAlertState(AlertId("alert-3"), AlertState::kAcknowledged,
                                 "ann", "looking", 0, 77));
  ASSERT_CODE(kOk, store().InsertRoll(TestRoll("roll-1", "rk_1", 5)));
  const std::string before = DumpStore(store());
  EXPECT_FALSE(absl::StrContains(before, "FAILED")) << before;
  Reopen();
  EXPECT_EQ(DumpStore(store()), before);
}

TEST_P(StoreConformance, EveryFieldOfABatchComesBack) {
  Take();
  ASSERT_CODE(kOk, Commit(TestBatch(1)));
  const PartitionState partition = Take();
  const CheckpointBatch batch = TestBatch(1);

  EXPECT_EQ(partition.watermark_ms, 1000);
  ASSERT_THAT(partition.cursors, SizeIs(2));
  EXPECT_EQ(partition.cursors[0].source, SourceId("nginx"));
  EXPECT_EQ(partition.cursors[0].stream, "access.log");
  EXPECT_EQ(partition.cursors[0].position, 1);
  EXPECT_EQ(partition.cursors[0].read, 2);
  EXPECT_EQ(partition.cursors[0].attributes, "inode 1");
  EXPECT_EQ(partition.cursors[1].stream, "access.log.1");

  ASSERT_THAT(partition.pending, SizeIs(1));
  EXPECT_EQ(partition.pending[0].source, SourceId("push"));
  EXPECT_EQ(partition.pending[0].id, "event 1");
  EXPECT_EQ(partition.pending[0].record, batch.pending[0].record);

  ASSERT_THAT(partition.seen_ids, SizeIs(1));
  EXPECT_EQ(partition.seen_ids[0].first, SourceId("nginx"));
  EXPECT_THAT(partition.seen_ids[0].second, ElementsAre(1, 7));

  ASSERT_THAT(state(), SizeIs(10));
  int found = 0;
  for (const StateRow& row : state()) {
    if (row.owner == "rule1@1f" && row.group == batch.state[1].group) {
      EXPECT_EQ(row.blob, batch.state[1].blob);
      ++found;
    }
  }
  EXPECT_EQ(found, 1);

  const Alert alert = Get("alert-1");
  EXPECT_EQ(alert.rule_id, RuleId("rule.probing"));
  EXPECT_EQ(alert.rule_name, "Permission probing");
  EXPECT_EQ(alert.title, "probing by alert-1");
  EXPECT_EQ(alert.level, Level::kHigh);
  EXPECT_EQ(alert.stage, Stage::kNotify);
  EXPECT_EQ(alert.key, KeyId("rk_1"));
  EXPECT_EQ(alert.group, batch.alerts[0].alert.group);
  EXPECT_EQ(alert.fingerprint, "0123456789abcdef");
  EXPECT_EQ(alert.first_fire_ms, 1000);
  EXPECT_EQ(alert.first_event_ms, 500);
  EXPECT_EQ(alert.last_event_ms, 1000);
  EXPECT_EQ(alert.count, 6);
  EXPECT_EQ(alert.explanation, "6 events in 15m, threshold >= 6");
  EXPECT_EQ(alert.description, "A key tries what it may not do.");
  EXPECT_EQ(alert.playbook, "Ask the owner; roll the key.");
  EXPECT_THAT(alert.tags, ElementsAre("attack.t1078"));
  EXPECT_EQ(alert.evidence, batch.alerts[0].alert.evidence);
  EXPECT_THAT(alert.notify, ElementsAre("oncall"));
  EXPECT_EQ(alert.state, AlertState::kOpen);
  EXPECT_EQ(alert.version, 1);
}

TEST_P(StoreConformance, ExtremeValuesComeBack) {
  Take();
  CheckpointBatch batch;
  StateRow row;
  row.owner = "";
  row.group = std::string("\0\xff\x80", 3);
  row.blob = std::string(300000, '\xfe');
  batch.state.push_back(row);
  row.group = "";
  row.blob = "";
  batch.state.push_back(row);
  batch.watermark_ms = kMaxEventTime;
  batch.seen_until_ms = kMaxEventTime;
  batch.seen_ids = {{SourceId("s"), {0, UINT64_MAX}}};
  ASSERT_CODE(kOk, Commit(batch));
  const PartitionState partition = Take();
  EXPECT_EQ(partition.watermark_ms, kMaxEventTime);
  ASSERT_THAT(partition.seen_ids, SizeIs(1));
  EXPECT_THAT(partition.seen_ids[0].second, ElementsAre(0, UINT64_MAX));
  ASSERT_THAT(state(), SizeIs(2));
  const StateRow& large = state()[state()[0].blob.empty() ? 1 : 0];
  EXPECT_EQ(large.group, std::string("\0\xff\x80", 3));
  EXPECT_EQ(large.blob, std::string(300000, '\xfe'));
}

TEST_P(StoreConformance, StateRowsAreOverwrittenAndErased) {
  Take();
  CheckpointBatch batch;
  batch.state = {{"r", "a", "1", false}, {"r", "b", "1", false}};
  ASSERT_CODE(kOk, Commit(batch));
  // Within one batch the last write wins.
  batch.state = {{"r", "a", "2", false},
                 {"r", "a", "3", false},
                 {"r", "b", "", true},
                 {"never", "was", "", true}};
  ASSERT_CODE(kOk, Commit(batch));
  Take();
  ASSERT_THAT(state(), SizeIs(1));
  EXPECT_EQ(state()[0].group, "a");
  EXPECT_EQ(state()[0].blob, "3");
}

TEST_P(StoreConformance, EraseStateExceptKeepsTheNamedOwners) {
  Take();
  CheckpointBatch batch;
  batch.state = {{"kept", "a", "1", false},
                 {"gone", "a", "1", false},
                 {"gone", "b", "1", false}};
  ASSERT_CODE(kOk, Commit(batch));
  ASSERT_CODE(kOk, store().EraseStateExcept("p", epoch(), {"kept", "new"}));
  // An owner that was erased can come back.
  batch.state = {{"gone", "c", "2", false}};
  ASSERT_CODE(kOk, Commit(batch));
  Take();
  ASSERT_THAT(state(), SizeIs(2));
  for (const StateRow& row : state()) {
    EXPECT_TRUE((row.owner == "kept" && row.group == "a") ||
                (row.owner == "gone" && row.group == "c"))
        << row.owner << " " << row.group;
  }
}

TEST_P(StoreConformance, WatermarkNeverGoesBack) {
  Take();
  CheckpointBatch batch;
  batch.watermark_ms = 2000;
  ASSERT_CODE(kOk, Commit(batch));
  batch.watermark_ms = 1000;
  ASSERT_CODE(kOk, Commit(batch));
  EXPECT_EQ(Must(store().Watermark("p")), 2000);
  EXPECT_EQ(Must(store().Watermark("never opened")), kMinEventTime);
  EXPECT_EQ(Take().watermark_ms, 2000);
}

TEST_P(StoreConformance, SeenIdsGoWhenTheWatermarkHasPassed) {
  Take();
  CheckpointBatch batch;
  batch.seen_until_ms = 1000;
  batch.seen_ids = {{SourceId("b"), {1}}, {SourceId("a"), {2, 3}}};
  ASSERT_CODE(kOk, Commit(batch));
  batch.watermark_ms = 1000;
  batch.seen_until_ms = 2000;
  batch.seen_ids = {{SourceId("a"), {4}}};
  ASSERT_CODE(kOk, Commit(batch));
  // Reached is not passed.
  PartitionState partition = Take();
  ASSERT_THAT(partition.seen_ids, SizeIs(2));
  EXPECT_EQ(partition.seen_ids[0].first, SourceId("a"));
  EXPECT_THAT(partition.seen_ids[0].second, ElementsAre(2, 3, 4));
  EXPECT_THAT(partition.seen_ids[1].second, ElementsAre(1));

  batch.seen_ids.clear();
  batch.watermark_ms = 1001;
  ASSERT_CODE(kOk, Commit(batch));
  partition = Take();
  ASSERT_THAT(partition.seen_ids, SizeIs(1));
  EXPECT_THAT(partition.seen_ids[0].second, ElementsAre(4));
}

TEST_P(StoreConformance, ListCursorsGivesAllPartitionsBySourceAndStream) {
  Take();
  const auto other = store().OpenPartition("q", "me", [](const StateRow&) {});
  ASSERT_CODE(kOk, other);
  CheckpointBatch batch;
  StreamCursor cursor;
  cursor.source = SourceId("b");
  cursor.stream = "1";
  batch.cursors = {cursor};
  ASSERT_CODE(kOk, Commit(batch));
  cursor.source = SourceId("a");
  batch.cursors = {cursor};
  ASSERT_CODE(kOk, store().Checkpoint("q", other->epoch, batch));
  const auto cursors = store().ListCursors();
  ASSERT_CODE(kOk, cursors);
  ASSERT_THAT(*cursors, SizeIs(2));
  EXPECT_EQ((*cursors)[0].source, SourceId("a"));
  EXPECT_EQ((*cursors)[1].source, SourceId("b"));
}

}  // namespace
}  // namespace keywatch
