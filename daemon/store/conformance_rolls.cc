// Rolls, lifecycle events, the audit log.

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/store/store_conformance.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

LifecycleEvent TestLifecycle(absl::string_view action, int64_t time_ms) {
  LifecycleEvent event;
  event.time_ms = time_ms;
  event.action = std::string(action);
  event.key = KeyId("rk_old");
  event.new_key = KeyId("rk_new");
  event.roll = RollId("roll-1");
  event.actor = "ann";
  return event;
}

AuditEntry TestEntry(absl::string_view action, absl::string_view subject) {
  AuditEntry entry;
  entry.at_ms = 123;
  entry.actor = "ann";
  entry.action = std::string(action);
  entry.subject = std::string(subject);
  entry.detail = "because";
  return entry;
}

TEST_P(StoreConformance, ARollComesBackWhole) {
  const auto inserted = store().InsertRoll(TestRoll("roll-1", "rk_1", 1000));
  ASSERT_CODE(kOk, inserted);
  EXPECT_EQ(inserted->version, 1);
  Reopen();
  const auto roll = store().GetRoll(RollId("roll-1"));
  ASSERT_CODE(kOk, roll);
  EXPECT_EQ(roll->old_key, KeyId("rk_1"));
  EXPECT_EQ(roll->new_key, KeyId("rk_new"));
  EXPECT_EQ(roll->state, RollState::kAwaitingOperator);
  EXPECT_EQ(roll->reason, "leaked");
  EXPECT_EQ(roll->alert, AlertId("alert-1"));
  EXPECT_EQ(roll->started_by, "ann");
  EXPECT_EQ(roll->started_ms, 1000);
  EXPECT_EQ(roll->old_expires_ms, 1001);
  EXPECT_EQ(roll->new_key_first_success_ms, 1002);
  EXPECT_EQ(roll->old_key_last_success_ms, 1003);
  EXPECT_EQ(roll->old_key_refused_ms, 1004);
  EXPECT_EQ(roll->dashboard_url, "https://dashboard.example/apikeys");
  ASSERT_THAT(roll->follow_ups, SizeIs(1));
  EXPECT_EQ(roll->follow_ups[0].id, 1);
  EXPECT_EQ(roll->follow_ups[0].what, "webhook endpoint we_1");
  EXPECT_TRUE(roll->follow_ups[0].closed);
  EXPECT_EQ(roll->follow_ups[0].closed_by, "bob");
  EXPECT_EQ(roll->follow_ups[0].closed_at_ms, 1005);
  ASSERT_THAT(roll->steps, SizeIs(1));
  EXPECT_EQ(roll->steps[0].at_ms, 1000);
  EXPECT_EQ(roll->steps[0].actor, "ann");
  EXPECT_EQ(roll->steps[0].what, "started");
  EXPECT_EQ(roll->version, 1);
  EXPECT_CODE(kNotFound, store().GetRoll(RollId("no")));
}

TEST_P(StoreConformance, AKeyHasOneUnfinishedRoll) {
  auto roll = store().InsertRoll(TestRoll("roll-1", "rk_1", 1000));
  ASSERT_CODE(kOk, roll);
  EXPECT_CODE(kAlreadyExists,
              store().InsertRoll(TestRoll("roll-2", "rk_1", 1000)));
  EXPECT_CODE(kAlreadyExists,
              store().InsertRoll(TestRoll("roll-1", "rk_2", 1000)));
  EXPECT_CODE(kOk, store().InsertRoll(TestRoll("roll-3", "rk_2", 1000)));
  int64_t started = 2000;
  for (const RollState end :
       {RollState::kCompleted, RollState::kFailed, RollState::kCancelled}) {
    roll->state = end;
    ASSERT_CODE(kOk, store().UpdateRoll(*roll, {}, AuditEntry()));
    roll = store().InsertRoll(
        TestRoll(absl::StrCat("roll-", started), "rk_1", started));
    ASSERT_CODE(kOk, roll) << RollStateName(end);
    started += 1000;
  }
  // What was refused is not in the audit log either.
  EXPECT_THAT(Must(store().ListAudit("roll-2", 10)), IsEmpty());
}

TEST_P(StoreConformance, UpdateRollComparesTheVersion) {
  const auto first = store().InsertRoll(TestRoll("roll-1", "rk_1", 1000));
  ASSERT_CODE(kOk, first);
  Roll roll = *first;
  roll.state = RollState::kAwaitingExpiry;
  const auto second =
      store().UpdateRoll(roll, {TestLifecycle("key_rolled", 10)},
                         TestEntry("roll.confirm", "roll-1"));
  ASSERT_CODE(kOk, second);
  EXPECT_EQ(second->version, 2);

  roll.state = RollState::kCancelled;
  EXPECT_CODE(kAborted,
              store().UpdateRoll(roll, {TestLifecycle("key_expired", 20)},
                                 TestEntry("roll.cancel", "roll-1")));
  EXPECT_EQ(store().GetRoll(RollId("roll-1"))->state,
            RollState::kAwaitingExpiry);
  // Neither what went with it.
  EXPECT_THAT(Must(store().LifecycleAfter(0, 100, 10)), SizeIs(1));
  EXPECT_THAT(Must(store().ListAudit("roll-1", 10)), SizeIs(2));

  roll.id = RollId("no");
  EXPECT_CODE(kNotFound, store().UpdateRoll(roll, {}, AuditEntry()));
}

TEST_P(StoreConformance, ListRollsGivesTheNewestFirst) {
  ASSERT_CODE(kOk, store().InsertRoll(TestRoll("old", "rk_1", 1000)));
  auto middle = store().InsertRoll(TestRoll("middle", "rk_2", 2000));
  ASSERT_CODE(kOk, middle);
  ASSERT_CODE(kOk, store().InsertRoll(TestRoll("new", "rk_3", 3000)));
  middle->state = RollState::kCompleted;
  ASSERT_CODE(kOk, store().UpdateRoll(*middle, {}, AuditEntry()));
  const auto ids = [&](bool unfinished_only, int limit) {
    std::vector<std::string> list;
    for (const Roll& roll : Must(store().ListRolls(unfinished_only, limit))) {
      list.push_back(roll.id.str());
    }
    return list;
  };
  EXPECT_THAT(ids(false, 10), ElementsAre("new", "middle", "old"));
  EXPECT_THAT(ids(true, 10), ElementsAre("new", "old"));
  EXPECT_THAT(ids(false, 1), ElementsAre("new"));
}

TEST_P(StoreConformance, LifecycleEventsAreNumberedWhenTheyBecomeDue) {
  const auto roll = store().InsertRoll(TestRoll("roll-1", "rk_1", 1000));
  ASSERT_CODE(kOk, roll);
  // Written first, due last.
  const auto second = store().UpdateRoll(
      *roll,
      {TestLifecycle("expires later", 900), TestLifecycle("rolled", 100),
       TestLifecycle("at once", 100)},
      AuditEntry());
  ASSERT_CODE(kOk, second);
  EXPECT_THAT(Must(store().LifecycleAfter(0, 99, 10)), IsEmpty());

  auto events = store().LifecycleAfter(0, 500, 10);
  ASSERT_CODE(kOk, events);
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ((*events)[0].sequence, 1);
  EXPECT_EQ((*events)[0].action, "rolled");
  EXPECT_EQ((*events)[0].time_ms, 100);
  EXPECT_EQ((*events)[0].key, KeyId("rk_old"));
  EXPECT_EQ((*events)[0].new_key, KeyId("rk_new"));
  EXPECT_EQ((*events)[0].roll, RollId("roll-1"));
  EXPECT_EQ((*events)[0].actor, "ann");
  EXPECT_EQ((*events)[1].action, "at once");
  EXPECT_EQ((*events)[1].sequence, 2);

  // Written now, for a time before what was read already: it comes after, so
  // that a reader at 2 does not miss it.
  ASSERT_CODE(kOk, store().UpdateRoll(*second, {TestLifecycle("of old", 50)},
                                      AuditEntry()));
  events = store().LifecycleAfter(2, 900, 10);
  ASSERT_CODE(kOk, events);
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ((*events)[0].sequence, 3);
  EXPECT_EQ((*events)[0].action, "of old");
  EXPECT_EQ((*events)[1].sequence, 4);
  EXPECT_EQ((*events)[1].action, "expires later");
  Reopen();
  EXPECT_THAT(Must(store().LifecycleAfter(0, 0, 10)), SizeIs(4));
  EXPECT_THAT(Must(store().LifecycleAfter(1, 0, 2)), SizeIs(2));
  EXPECT_THAT(Must(store().LifecycleAfter(4, INT64_MAX, 10)), IsEmpty());
}

TEST_P(StoreConformance, AuditEntriesAreNumberedAndListedNewestFirst) {
  EXPECT_THAT(Must(store().ListAudit("", 10)), IsEmpty());
  ASSERT_CODE(kOk, store().AppendAudit(TestEntry("rules.reload", "rules")));
  ASSERT_CODE(kOk, store().AppendAudit(TestEntry("silence.add", "s1")));
  ASSERT_CODE(kOk, store().AppendAudit(TestEntry("silence.end", "s1")));
  const auto all = store().ListAudit("", 10);
  ASSERT_CODE(kOk, all);
  ASSERT_THAT(*all, SizeIs(3));
  EXPECT_EQ((*all)[0].sequence, 3);
  EXPECT_EQ((*all)[0].action, "silence.end");
  EXPECT_EQ((*all)[0].at_ms, 123);
  EXPECT_EQ((*all)[0].actor, "ann");
  EXPECT_EQ((*all)[0].subject, "s1");
  EXPECT_EQ((*all)[0].detail, "because");
  EXPECT_EQ((*all)[2].sequence, 1);
  EXPECT_THAT(Must(store().ListAudit("s1", 10)), SizeIs(2));
  EXPECT_THAT(Must(store().ListAudit("s1", 1)), SizeIs(1));
  EXPECT_THAT(Must(store().ListAudit("s2", 10)), IsEmpty());
}

TEST_P(StoreConformance, WhatPeopleDoIsInTheAuditLog) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(TestUpsert("a", 1000)));
  ASSERT_CODE(
      kOk, store().SetAlertState(AlertId("a"), AlertState::kAcknowledged, "ann",
                                 "mine", 0, 11));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a"), AlertState::kResolved,
                                         "bob", "false alarm", 0, 12));
  ASSERT_CODE(kOk, store().RaiseAlert(TestAlert("m", 1), "cat", 13));
  const auto roll = store().InsertRoll(TestRoll("roll-1", "rk_1", 14));
  ASSERT_CODE(kOk, roll);
  ASSERT_CODE(
      kOk, store().UpdateRoll(*roll, {}, TestEntry("roll.confirm", "roll-1")));
  std::vector<std::string> actions;
  for (const AuditEntry& e : Must(store().ListAudit("", 10))) {
    actions.push_back(absl::StrCat(e.actor, " ", e.action, " ", e.subject, " ",
                                   e.at_ms, " ", e.detail));
  }
  EXPECT_THAT(actions, ElementsAre("ann roll.confirm roll-1 123 because",
                                   "ann roll.start roll-1 14 key rk_1: leaked",
                                   "cat alert.raise m 13 probing by m",
                                   "bob alert.resolve a 12 false alarm",
                                   "ann alert.acknowledge a 11 mine"));
}

TEST_P(StoreConformance, TheAuditChainIsWholeAndEachEntryMovesItsHead) {
  const auto empty = store().VerifyAudit();
  ASSERT_CODE(kOk, empty);
  EXPECT_EQ(empty->entries, 0);
  ASSERT_CODE(kOk, store().AppendAudit(TestEntry("a", "b")));
  const auto one = store().VerifyAudit();
  ASSERT_CODE(kOk, one);
  EXPECT_EQ(one->entries, 1);
  EXPECT_EQ(one->hash.size(), 64u);
  EXPECT_NE(one->hash, empty->hash);
  ASSERT_CODE(kOk, store().AppendAudit(TestEntry("a", "b")));
  Reopen();
  const auto two = store().VerifyAudit();
  ASSERT_CODE(kOk, two);
  EXPECT_EQ(two->entries, 2);
  EXPECT_NE(two->hash, one->hash);
}

}  // namespace
}  // namespace keywatch
