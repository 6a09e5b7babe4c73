// Alerts: facts, human state, lists, changes.

#include <gmock/gmock.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/store_conformance.h"

namespace keywatch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> Ids(const std::vector<Alert>& alerts) {
  std::vector<std::string> ids;
  for (const Alert& alert : alerts) ids.push_back(alert.id.str());
  return ids;
}

// All ids of the list, over all its pages.
std::vector<std::string> AllIds(Store& store, AlertFilter filter) {
  std::vector<std::string> ids;
  do {
    const auto page = store.ListAlerts(filter);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    for (const std::string& id : Ids(page->alerts)) ids.push_back(id);
    filter.page_token = page->next_page_token;
  } while (!filter.page_token.empty());
  return ids;
}

TEST_P(StoreConformance, FactsGoForwardOnly) {
  Take();
  AlertUpsert first = TestUpsert("a", 1000);
  ASSERT_CODE(kOk, CommitAlert(first));
  AlertUpsert second = first;
  second.alert.count = 9;
  second.alert.last_event_ms = 3000;
  second.alert.late_events = 1;
  second.alert.ended_ms = 4000;
  second.alert.explanation = "9 events";
  second.alert.evidence.push_back(second.alert.evidence[0]);
  ASSERT_CODE(kOk, CommitAlert(second));
  // A replay after a crash brings the old facts once more.
  ASSERT_CODE(kOk, CommitAlert(first));

  const Alert alert = Get("a");
  EXPECT_EQ(alert.count, 9);
  EXPECT_EQ(alert.last_event_ms, 3000);
  EXPECT_EQ(alert.late_events, 1);
  EXPECT_EQ(alert.ended_ms, 4000);
  EXPECT_EQ(alert.explanation, "9 events");
  EXPECT_THAT(alert.evidence, SizeIs(2));
}

TEST_P(StoreConformance, TheSameFactsAgainChangeNothing) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(TestUpsert("a", 1000)));
  const int64_t change = *store().LastAlertChange();
  ASSERT_CODE(kOk, CommitAlert(TestUpsert("a", 1000)));
  EXPECT_EQ(Must(store().LastAlertChange()), change);
  EXPECT_EQ(Get("a").version, 1);
}

TEST_P(StoreConformance, FactsAndHumanStateDoNotOverwriteEachOther) {
  Take();
  AlertUpsert upsert = TestUpsert("a", 1000);
  ASSERT_CODE(kOk, CommitAlert(upsert));
  const auto acknowledged = store().SetAlertState(
      AlertId("a"), AlertState::kAcknowledged, "ann", "mine", 0, 5555);
  ASSERT_CODE(kOk, acknowledged);
  EXPECT_EQ(acknowledged->count, 6);
  // The engine's view of an alert knows nothing of people.
  upsert.alert.count = 7;
  upsert.alert.state = AlertState::kOpen;
  upsert.alert.note = "overwritten";
  upsert.alert.version = 99;
  ASSERT_CODE(kOk, CommitAlert(upsert));

  const Alert alert = Get("a");
  EXPECT_EQ(alert.state, AlertState::kAcknowledged);
  EXPECT_EQ(alert.state_by, "ann");
  EXPECT_EQ(alert.note, "mine");
  EXPECT_EQ(alert.state_at_ms, 5555);
  EXPECT_EQ(alert.count, 7);
  EXPECT_EQ(alert.version, 3);
}

TEST_P(StoreConformance, SetAlertStateComparesTheVersion) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(TestUpsert("a", 1000)));
  EXPECT_CODE(kAborted,
              store().SetAlertState(AlertId("a"), AlertState::kAcknowledged,
                                    "ann", "", 2, 1));
  EXPECT_EQ(Get("a").state, AlertState::kOpen);
  EXPECT_CODE(
      kOk, store().SetAlertState(AlertId("a"), AlertState::kAcknowledged, "ann",
                                 "", 1, 1));
  EXPECT_CODE(kAborted,
              store().SetAlertState(AlertId("a"), AlertState::kResolved, "bob",
                                    "", 1, 2));
  EXPECT_EQ(Get("a").state_by, "ann");
}

TEST_P(StoreConformance, ResolvedStaysResolvedAndNothingOpensAgain) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(TestUpsert("a", 1000)));
  const auto set = [&](AlertState state) {
    return store().SetAlertState(AlertId("a"), state, "ann", "n", 0, 1);
  };
  EXPECT_CODE(kFailedPrecondition, set(AlertState::kOpen));
  EXPECT_CODE(kOk, set(AlertState::kAcknowledged));
  // Somebody else takes over.
  EXPECT_CODE(kOk, set(AlertState::kAcknowledged));
  EXPECT_CODE(kFailedPrecondition, set(AlertState::kOpen));
  EXPECT_CODE(kOk, set(AlertState::kResolved));
  for (const AlertState state :
       {AlertState::kOpen, AlertState::kAcknowledged, AlertState::kResolved}) {
    EXPECT_CODE(kFailedPrecondition, set(state));
  }
  EXPECT_CODE(kNotFound,
              store().SetAlertState(AlertId("no"), AlertState::kResolved, "ann",
                                    "", 0, 1));
  EXPECT_CODE(kNotFound, store().GetAlert(AlertId("no")));
}

// A resolve muted the rule for the key as long as the attack went on.
TEST_P(StoreConformance, AMatchAfterAResolveOpensAnotherAlert) {
  Take();
  AlertUpsert attack = TestUpsert("a", 1000);
  const auto more = [&](int64_t count) {
    attack.alert.count = count;
    attack.alert.last_event_ms = 1000 + count;
    ASSERT_CODE(kOk, CommitAlert(attack));
  };
  const auto resolve = [&](const AlertId& id) {
    ASSERT_CODE(kOk, store().SetAlertState(id, AlertState::kResolved, "ann", "",
                                           0, 100));
  };
  const auto open = [&] {
    AlertFilter filter;
    filter.unresolved_only = true;
    return Must(store().ListAlerts(filter)).alerts;
  };
  more(10);
  resolve(AlertId("a"));
  // Nothing new: it stays resolved.
  more(10);
  EXPECT_THAT(open(), IsEmpty());
  for (const int64_t base : {10, 20}) {
    more(base + 1);
    ASSERT_THAT(open(), SizeIs(1));
    const Alert next = open()[0];
    EXPECT_EQ(next.count, 1);
    EXPECT_EQ(next.first_fire_ms, 1000 + base + 1);
    EXPECT_TRUE(absl::StrContains(next.explanation, "was resolved"));
    // It goes on in that one; the same again changes nothing.
    more(base + 10);
    more(base + 10);
    ASSERT_THAT(open(), SizeIs(1));
    EXPECT_EQ(open()[0].id, next.id);
    EXPECT_EQ(open()[0].count, 10);
    EXPECT_EQ(open()[0].first_fire_ms, next.first_fire_ms);
    EXPECT_EQ(Get("a").count, 10);
    EXPECT_THAT(Due(1000), Contains(absl::StrCat("open to oncall about ",
                                                 next.id.view())));
    resolve(next.id);
  }
  // Its end ends all of them, for retention.
  attack.alert.ended_ms = 9000;
  more(30);
  EXPECT_THAT(open(), IsEmpty());
  for (const Alert& alert : Must(store().ListAlerts(AlertFilter())).alerts) {
    EXPECT_EQ(alert.ended_ms, 9000) << alert.id.view();
  }
}

TEST_P(StoreConformance, AFailedStateChangeLeavesNoTrace) {
  Take();
  ASSERT_CODE(kOk, CommitAlert(TestUpsert("a", 1000)));
  const std::string before = DumpStore(store());
  EXPECT_CODE(kAborted,
              store().SetAlertState(AlertId("a"), AlertState::kResolved, "ann",
                                    "", 9, 1));
  EXPECT_EQ(DumpStore(store()), before);
}

TEST_P(StoreConformance, RaiseAlertStoresOnceAndGivesTheStoredBack) {
  Alert alert = TestAlert("m", 1000);
  alert.rule_id = RuleId("manual");
  alert.state = AlertState::kResolved;  // ignored
  const auto raised = store().RaiseAlert(alert, "ann", 42);
  ASSERT_CODE(kOk, raised);
  EXPECT_EQ(raised->state, AlertState::kOpen);
  EXPECT_EQ(raised->version, 1);
  EXPECT_EQ(raised->state_by, "ann");
  EXPECT_EQ(raised->state_at_ms, 42);
  EXPECT_THAT(Due(42), ElementsAre("open to oncall about m"));

  alert.title = "another";
  const auto again = store().RaiseAlert(alert, "bob", 43);
  ASSERT_CODE(kOk, again);
  EXPECT_EQ(again->title, "probing by m");
  EXPECT_EQ(again->state_by, "ann");
  EXPECT_EQ(Must(store().LastAlertChange()), 1);
  EXPECT_THAT(Must(store().ListAudit("m", 10)), SizeIs(1));
}

TEST_P(StoreConformance, CountAlertsCountsByStateAndLevel) {
  Take();
  for (const auto& levels : Must(store().CountAlerts())) {
    EXPECT_THAT(levels, ElementsAre(0, 0, 0, 0, 0));
  }
  CheckpointBatch batch;
  for (int i = 0; i < 6; ++i) {
    batch.alerts.push_back(TestUpsert(absl::StrCat("a", i), 1000));
    batch.alerts.back().alert.level = i < 2 ? Level::kLow : Level::kCritical;
  }
  ASSERT_CODE(kOk, Commit(batch));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a0"), AlertState::kResolved,
                                         "ann", "", 0, 1));
  ASSERT_CODE(kOk,
              store().SetAlertState(AlertId("a5"), AlertState::kAcknowledged,
                                    "ann", "", 0, 1));
  const auto counts = store().CountAlerts();
  ASSERT_CODE(kOk, counts);
  ASSERT_THAT(*counts, SizeIs(3));
  EXPECT_THAT((*counts)[0], ElementsAre(0, 1, 0, 0, 3));
  EXPECT_THAT((*counts)[1], ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT((*counts)[2], ElementsAre(0, 1, 0, 0, 0));
}

TEST_P(StoreConformance, AlertsAreListedByTimeOfFireInBothDirections) {
  Take();
  CheckpointBatch batch;
  // Equal times are told apart by their ids.
  for (const char* id : {"c", "a", "d", "b"}) {
    batch.alerts.push_back(TestUpsert(id, id[0] < 'c' ? 1000 : 2000));
  }
  ASSERT_CODE(kOk, Commit(batch));
  for (const int limit : {1, 2, 3, 4, 100}) {
    AlertFilter filter;
    filter.limit = limit;
    EXPECT_THAT(AllIds(store(), filter), ElementsAre("d", "c", "b", "a"));
    filter.ascending = true;
    EXPECT_THAT(AllIds(store(), filter), ElementsAre("a", "b", "c", "d"));
  }
}

// Only the newest thousand alerts were looked through.
TEST_P(StoreConformance, AlertsAreFoundByTheFirstDigitsOfTheirIds) {
  Take();
  CheckpointBatch batch;
  for (const char* id : {"ab1", "ab2", "abf", "ac", "b", "a"}) {
    batch.alerts.push_back(TestUpsert(id, 1000));
  }
  ASSERT_CODE(kOk, Commit(batch));
  AlertFilter filter;
  filter.limit = 2;
  filter.id_prefix = "ab";
  EXPECT_THAT(AllIds(store(), filter), ElementsAre("abf", "ab2", "ab1"));
  filter.id_prefix = "ab2";
  EXPECT_THAT(AllIds(store(), filter), ElementsAre("ab2"));
  filter.id_prefix = "f";
  EXPECT_THAT(AllIds(store(), filter), IsEmpty());
  filter.id_prefix = "a";
  filter.since_ms = 1001;
  EXPECT_THAT(AllIds(store(), filter), IsEmpty());
}

TEST_P(StoreConformance, PagesSkipAndRepeatNothingWhileAlertsCome) {
  Take();
  CheckpointBatch batch;
  for (int i = 10; i < 20; ++i) {
    batch.alerts.push_back(TestUpsert(absl::StrCat("a", i), i * 1000));
  }
  ASSERT_CODE(kOk, Commit(batch));
  AlertFilter filter;
  filter.limit = 3;
  std::vector<std::string> ids;
  int64_t newer = 100;
  do {
    const auto page = store().ListAlerts(filter);
    ASSERT_CODE(kOk, page);
    for (const std::string& id : Ids(page->alerts)) ids.push_back(id);
    filter.page_token = page->next_page_token;
    ASSERT_CODE(
        kOk, CommitAlert(TestUpsert(absl::StrCat("n", newer), newer * 1000)));
    ++newer;
  } while (!filter.page_token.empty());
  EXPECT_THAT(ids, ElementsAre("a19", "a18", "a17", "a16", "a15", "a14", "a13",
                               "a12", "a11", "a10"));
}

TEST_P(StoreConformance, AlertFiltersChooseAndCombine) {
  Take();
  CheckpointBatch batch;
  for (int i = 0; i < 8; ++i) {
    AlertUpsert upsert = TestUpsert(absl::StrCat("a", i), i * 1000);
    upsert.alert.key = KeyId(i % 2 == 0 ? "rk_even" : "rk_odd");
    upsert.alert.rule_id = RuleId(i < 4 ? "r1" : "r2");
    upsert.alert.level = static_cast<Level>(i % 5);
    batch.alerts.push_back(upsert);
  }
  ASSERT_CODE(kOk, Commit(batch));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a2"), AlertState::kResolved,
                                         "ann", "", 0, 1));
  ASSERT_CODE(kOk,
              store().SetAlertState(AlertId("a4"), AlertState::kAcknowledged,
                                    "ann", "", 0, 1));
  const auto list = [&](const std::function<void(AlertFilter*)>& choose) {
    AlertFilter filter;
    filter.ascending = true;
    choose(&filter);
    return AllIds(store(), filter);
  };
  EXPECT_THAT(list([](AlertFilter* f) { f->key = KeyId("rk_even"); }),
              ElementsAre("a0", "a2", "a4", "a6"));
  EXPECT_THAT(list([](AlertFilter* f) { f->rule = RuleId("r1"); }),
              ElementsAre("a0", "a1", "a2", "a3"));
  EXPECT_THAT(list([](AlertFilter* f) { f->min_level = Level::kHigh; }),
              ElementsAre("a3", "a4"));
  EXPECT_THAT(list([](AlertFilter* f) { f->since_ms = 6000; }),
              ElementsAre("a6", "a7"));
  EXPECT_THAT(list([](AlertFilter* f) { f->state = AlertState::kResolved; }),
              ElementsAre("a2"));
  EXPECT_THAT(
      list([](AlertFilter* f) { f->state = AlertState::kAcknowledged; }),
      ElementsAre("a4"));
  EXPECT_THAT(list([](AlertFilter* f) { f->unresolved_only = true; }),
              SizeIs(7));
  EXPECT_THAT(list([](AlertFilter* f) {
                f->unresolved_only = true;
                f->key = KeyId("rk_even");
                f->rule = RuleId("r1");
                f->min_level = Level::kInformational;
                f->since_ms = 0;
                f->limit = 1;
              }),
              ElementsAre("a0"));
  EXPECT_THAT(list([](AlertFilter* f) {
                f->state = AlertState::kOpen;
                f->key = KeyId("rk_even");
                f->rule = RuleId("r2");
              }),
              ElementsAre("a6"));
  EXPECT_THAT(list([](AlertFilter* f) { f->key = KeyId("' OR 1=1 --"); }),
              IsEmpty());
}

TEST_P(StoreConformance, AnAlertPageTokenThatIsNotOursIsRefused) {
  Take();
  CheckpointBatch batch;
  batch.alerts = {TestUpsert("a", 1000), TestUpsert("b", 2000)};
  ASSERT_CODE(kOk, Commit(batch));
  AlertFilter filter;
  filter.limit = 1;
  const std::string token = store().ListAlerts(filter)->next_page_token;
  ASSERT_NE(token, "");
  for (const std::string& bad :
       {std::string("garbage"), std::string(1, '\0'), std::string(9, 'A'),
        token.substr(0, token.size() - 2), token + token}) {
    filter.page_token = bad;
    EXPECT_CODE(kInvalidArgument, store().ListAlerts(filter));
  }
  for (size_t i = 0; i < token.size(); ++i) {
    filter.page_token = token;
    filter.page_token[i] = token[i] == 'A' ? 'B' : 'A';
    EXPECT_CODE(kInvalidArgument, store().ListAlerts(filter)) << i;
  }
  filter.page_token = token;
  EXPECT_CODE(kOk, store().ListAlerts(filter));
  // Of this list, but of another question.
  filter.ascending = true;
  EXPECT_CODE(kInvalidArgument, store().ListAlerts(filter));
}

TEST_P(StoreConformance, AlertsChangedAfterGivesEachAlertAtItsLastChange) {
  Take();
  CheckpointBatch batch;
  batch.alerts = {TestUpsert("a", 3000), TestUpsert("b", 2000),
                  TestUpsert("c", 1000)};
  ASSERT_CODE(kOk, Commit(batch));
  auto changed = store().AlertsChangedAfter(0, 100);
  ASSERT_CODE(kOk, changed);
  EXPECT_THAT(Ids(changed->first), ElementsAre("a", "b", "c"));
  EXPECT_EQ(changed->second, Must(store().LastAlertChange()));
  const int64_t seen = changed->second;

  AlertUpsert again = TestUpsert("b", 2000);
  again.alert.count = 10;
  ASSERT_CODE(kOk, CommitAlert(again));
  ASSERT_CODE(kOk, store().SetAlertState(AlertId("a"), AlertState::kResolved,
                                         "ann", "", 0, 1));
  ASSERT_CODE(kOk, store().RaiseAlert(TestAlert("m", 1), "ann", 2));
  again.alert.count = 11;
  ASSERT_CODE(kOk, CommitAlert(again));

  changed = store().AlertsChangedAfter(seen, 100);
  ASSERT_CODE(kOk, changed);
  EXPECT_THAT(Ids(changed->first), ElementsAre("a", "m", "b"));
  EXPECT_EQ(changed->first[2].count, 11);

  // In steps it is the same.
  std::vector<std::string> ids;
  int64_t after = seen;
  for (;;) {
    changed = store().AlertsChangedAfter(after, 1);
    ASSERT_CODE(kOk, changed);
    if (changed->first.empty()) break;
    ids.push_back(changed->first[0].id.str());
    ASSERT_GT(changed->second, after);
    after = changed->second;
  }
  EXPECT_THAT(ids, ElementsAre("a", "m", "b"));
  EXPECT_EQ(changed->second, after);
  EXPECT_EQ(after, Must(store().LastAlertChange()));
}

}  // namespace
}  // namespace keywatch
