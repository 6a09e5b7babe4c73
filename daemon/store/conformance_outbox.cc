// The outbox: what is sent to whom, in which order.

#include <gmock/gmock.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/store_conformance.h"

namespace keywatch {

std::vector<std::string> StoreConformance::Due(int64_t now_ms) {
  const auto rows = store().DueOutbox("", now_ms, 1000);
  EXPECT_TRUE(rows.ok()) << rows.status();
  std::vector<std::string> due;
  if (!rows.ok()) return due;
  for (const OutboxRow& row : *rows) {
    due.push_back(absl::StrCat(row.event, " to ", row.notifier, " about ",
                               row.alert.view()));
  }
  return due;
}

void StoreConformance::SendFirst(int64_t now_ms) {
  const auto rows = store().DueOutbox("", now_ms, 1);
  ASSERT_TRUE(rows.ok() && !rows->empty());
  ASSERT_TRUE(store().OutboxDone({(*rows)[0].id}, now_ms).ok());
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

AlertUpsert ToTwo(absl::string_view id) {
  AlertUpsert upsert = TestUpsert(id, 1000);
  upsert.notify = {"chat", "pager"};
  return upsert;
}

TEST_P(StoreConformance, OnlyANewAlertIsSent) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(ToTwo("a"), 100));
  AlertUpsert more = ToTwo("a");
  more.alert.count = 50;
  more.notify.push_back("third");
  ASSERT_CODE(kOk, CommitAlert(more, 200));
  EXPECT_THAT(Due(300),
              ElementsAre("open to chat about a", "open to pager about a"));
  EXPECT_THAT(Due(99), IsEmpty());
}

TEST_P(StoreConformance, AShadowRulesAlertIsNeverSent) {
  Take();
  AlertUpsert shadow = ToTwo("a");
  shadow.alert.stage = Stage::kShadow;
  ASSERT_CODE(kOk, CommitAlert(shadow, 100));
  shadow.alert.level = Level::kCritical;
  ASSERT_CODE(kOk, CommitAlert(shadow, 100));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a"), AlertState::kResolved,
                                         "ann", "", 0, 100));
  Alert raised = TestAlert("m", 1000);
  raised.stage = Stage::kShadow;
  ASSERT_CODE(kOk, store().RaiseAlert(raised, "ann", 100));
  EXPECT_THAT(Due(1000), IsEmpty());
  EXPECT_EQ(store().CountOutbox()->pending, 0);
}

TEST_P(StoreConformance, AnOutboxRowSaysAllThatASenderNeeds) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(TestUpsert("a", 1000), 100));
  const auto rows = store().DueOutbox("", 100, 10);
  ASSERT_CODE(kOk, rows);
  ASSERT_THAT(*rows, SizeIs(1));
  const OutboxRow& row = (*rows)[0];
  EXPECT_EQ(row.idempotency_key, "a_oncall_open");
  EXPECT_EQ(row.notifier, "oncall");
  EXPECT_EQ(row.event, "open");
  EXPECT_EQ(row.alert, AlertId("a"));
  EXPECT_EQ(row.created_ms, 100);
  EXPECT_EQ(row.attempts, 0);
  EXPECT_EQ(row.next_attempt_ms, 100);
  EXPECT_EQ(row.last_error, "");
}

TEST_P(StoreConformance, IdempotencyKeysAreUniqueAndHoldNoDot) {
  Take();
  AlertUpsert upsert = TestUpsert("a", 1000);
  upsert.notify = {"eu.pager", "eu%2Epager", "eu_pager", "eu.pager"};
  upsert.alert.level = Level::kLow;
  ASSERT_CODE(kOk, CommitAlert(upsert, 100));
  upsert.alert.level = Level::kHigh;
  ASSERT_CODE(kOk, CommitAlert(upsert, 100));
  upsert.alert.level = Level::kCritical;
  ASSERT_CODE(kOk, CommitAlert(upsert, 100));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a"), AlertState::kResolved,
                                         "ann", "", 0, 100));
  std::set<std::string> keys;
  int sent = 0;
  for (;;) {
    const auto rows = store().DueOutbox("", 100, 100);
    ASSERT_CODE(kOk, rows);
    if (rows->empty()) break;
    for (const OutboxRow& row : *rows) {
      EXPECT_FALSE(absl::StrContains(row.idempotency_key, "."))
          << row.idempotency_key;
      keys.insert(row.idempotency_key);
      ++sent;
      ASSERT_CODE(kOk, store().OutboxDone({row.id}, 100));
    }
  }
  // Three notifiers, four messages.
  EXPECT_EQ(sent, 12);
  EXPECT_THAT(keys, SizeIs(12));
}

TEST_P(StoreConformance, ARisenLevelIsSentOncePerLevel) {
  Take();
  AlertUpsert upsert = TestUpsert("a", 1000);
  ASSERT_CODE(kOk, CommitAlert(upsert, 100));
  upsert.alert.level = Level::kCritical;
  ASSERT_CODE(kOk, CommitAlert(upsert, 200));
  ASSERT_CODE(kOk, CommitAlert(upsert, 300));
  // Down again is no news, and does not lower the alert.
  upsert.alert.level = Level::kLow;
  upsert.alert.count = 99;
  ASSERT_CODE(kOk, CommitAlert(upsert, 400));
  EXPECT_EQ(Get("a").level, Level::kCritical);

  EXPECT_THAT(Due(500), ElementsAre("open to oncall about a"));
  SendFirst(500);
  EXPECT_THAT(Due(500), ElementsAre("escalate to oncall about a"));
  SendFirst(500);
  EXPECT_THAT(Due(500), IsEmpty());
}

TEST_P(StoreConformance, AResolvedAlertIsNotEscalated) {
  Take();
  AlertUpsert upsert = TestUpsert("a", 1000);
  upsert.notify.clear();
  ASSERT_CODE(kOk, CommitAlert(upsert, 100));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a"), AlertState::kResolved,
                                         "ann", "", 0, 200));
  upsert.notify = {"oncall"};
  upsert.alert.level = Level::kCritical;
  ASSERT_CODE(kOk, CommitAlert(upsert, 300));
  EXPECT_THAT(Due(400), IsEmpty());
}

TEST_P(StoreConformance, ResolveGoesToThoseWhoWereSentTheAlert) {
  Take();
  AlertUpsert upsert = TestUpsert("a", 1000);
  upsert.notify = {"done", "dead", "waiting"};
  ASSERT_CODE(kOk, CommitAlert(upsert, 100));
  for (const OutboxRow& row : Must(store().DueOutbox("", 100, 10))) {
    if (row.notifier == "done") {
      ASSERT_CODE(kOk, store().OutboxDone({row.id}, 110));
    } else if (row.notifier == "dead") {
      ASSERT_CODE(kOk, store().OutboxDead(row.id, 110, "410 Gone"));
    }
  }
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a"), AlertState::kResolved,
                                         "ann", "", 0, 200));
  // The one that waits hears of the opening first.
  EXPECT_THAT(Due(300), ElementsAre("open to waiting about a",
                                    "resolve to done about a"));
  SendFirst(300);
  EXPECT_THAT(Due(300), ElementsAre("resolve to done about a",
                                    "resolve to waiting about a"));
}

TEST_P(StoreConformance, ALaterMessageWaitsForTheEarlierEvenInItsBackoff) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(ToTwo("a"), 100));
  ASSERT_CODE(kOk, CommitAlert(ToTwo("b"), 100));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a"), AlertState::kResolved,
                                         "ann", "", 0, 150));
  auto rows = store().DueOutbox("", 200, 10);
  ASSERT_CODE(kOk, rows);
  ASSERT_THAT(*rows, SizeIs(4));
  EXPECT_EQ((*rows)[0].notifier, "chat");
  ASSERT_CODE(kOk, store().OutboxRetry((*rows)[0].id, 1000, "503"));
  // Others are not held up by it.
  EXPECT_THAT(Due(999),
              ElementsAre("open to pager about a", "open to chat about b",
                          "open to pager about b"));
  EXPECT_THAT(Due(1000),
              ElementsAre("open to chat about a", "open to pager about a",
                          "open to chat about b", "open to pager about b"));
  rows = store().DueOutbox("", 1000, 1);
  ASSERT_CODE(kOk, rows);
  ASSERT_THAT(*rows, SizeIs(1));
  EXPECT_EQ((*rows)[0].attempts, 1);
  EXPECT_EQ((*rows)[0].last_error, "503");
  EXPECT_EQ((*rows)[0].next_attempt_ms, 1000);
  EXPECT_EQ((*rows)[0].idempotency_key, "a_chat_open");
  // Given up counts as over.
  ASSERT_CODE(kOk, store().OutboxDead((*rows)[0].id, 1000, "410"));
  EXPECT_THAT(Due(1000),
              ElementsAre("open to pager about a", "open to chat about b",
                          "open to pager about b", "resolve to chat about a"));
}

TEST_P(StoreConformance, OutboxRowsEndOnce) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(ToTwo("a"), 100));
  const auto rows = store().DueOutbox("", 100, 10);
  ASSERT_CODE(kOk, rows);
  ASSERT_THAT(*rows, SizeIs(2));
  const int64_t done = (*rows)[0].id;
  const int64_t dead = (*rows)[1].id;
  auto counts = store().CountOutbox();
  ASSERT_CODE(kOk, counts);
  EXPECT_EQ(counts->pending, 2);
  EXPECT_EQ(counts->oldest_pending_ms, 100);

  ASSERT_CODE(kOk, store().OutboxDone({done}, 110));
  ASSERT_CODE(kOk, store().OutboxDead(dead, 110, "410 Gone"));
  // The answer was lost, and it is told again.
  EXPECT_CODE(kOk, store().OutboxDone({done}, 120));
  EXPECT_CODE(kOk, store().OutboxDead(dead, 120, "410 Gone"));
  EXPECT_CODE(kFailedPrecondition, store().OutboxDead(done, 120, ""));
  EXPECT_CODE(kOk, store().OutboxDone({dead}, 120));
  EXPECT_EQ(Must(store().CountOutbox()).dead, 1);
  EXPECT_CODE(kFailedPrecondition, store().OutboxRetry(done, 120, ""));
  EXPECT_CODE(kOk, store().OutboxDone({4711}, 1));
  EXPECT_CODE(kNotFound, store().OutboxDead(4711, 1, ""));
  EXPECT_CODE(kNotFound, store().OutboxRetry(4711, 1, ""));

  EXPECT_THAT(Due(1000), IsEmpty());
  counts = store().CountOutbox();
  ASSERT_CODE(kOk, counts);
  EXPECT_EQ(counts->pending, 0);
  EXPECT_EQ(counts->dead, 1);
  EXPECT_EQ(counts->oldest_pending_ms, 0);
  Reopen();
  EXPECT_THAT(Due(1000), IsEmpty());
}

TEST_P(StoreConformance, DueOutboxGivesTheRowsOfOneNotifier) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(ToTwo("a"), 100));
  ASSERT_CODE(kOk, CommitAlert(ToTwo("b"), 100));
  EXPECT_THAT(Must(store().OutboxNotifiers()), ElementsAre("chat", "pager"));
  const auto rows = Must(store().DueOutbox("pager", 100, 10));
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].notifier, "pager");
  EXPECT_EQ(rows[0].alert, AlertId("a"));
  EXPECT_THAT(Must(store().DueOutbox("nobody", 100, 10)), IsEmpty());
  for (const OutboxRow& row : rows) {
    ASSERT_CODE(kOk, store().OutboxDone({row.id}, 100));
  }
  // One that waits for its next attempt waits, too.
  const auto chat = Must(store().DueOutbox("chat", 100, 1));
  ASSERT_CODE(kOk, store().OutboxDone({chat[0].id}, 100));
  const auto last = Must(store().DueOutbox("chat", 100, 1));
  ASSERT_CODE(kOk, store().OutboxRetry(last[0].id, 900, "down"));
  EXPECT_THAT(Must(store().OutboxNotifiers()), ElementsAre("chat"));
  ASSERT_CODE(kOk, store().OutboxDone({last[0].id}, 100));
  EXPECT_THAT(Must(store().OutboxNotifiers()), IsEmpty());
}

TEST_P(StoreConformance, DueOutboxGivesTheOldestUpToTheLimit) {
  Take();
  for (int i = 0; i < 5; ++i) {
    ASSERT_CODE(kOk,
                CommitAlert(TestUpsert(absl::StrCat("a", i), 1000), 100 - i));
  }
  const auto rows = store().DueOutbox("", 100, 3);
  ASSERT_CODE(kOk, rows);
  ASSERT_THAT(*rows, SizeIs(3));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ((*rows)[i].alert, AlertId(absl::StrCat("a", i)));
  }
}

}  // namespace
}  // namespace keywatch
