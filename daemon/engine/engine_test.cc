#include "daemon/engine/engine.h"

#include "daemon/crypto/hash.h"
#include "daemon/engine/engine_fixture.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// A detection that alerts by itself.
constexpr char kDenied[] = R"(
title: Denied
id: 11111111-1111-1111-1111-111111111111
name: denied
level: high
detection: {sel: {http.response.status_code: 403}, condition: sel}
fields: [custom.field]
)";

std::vector<TestField> Denied(const char* key) {
  return {{"api.key.id", key}, {"http.response.status_code", 403}};
}

TEST(EngineTest, ADetectionFiresAtItsFirstMatchAndFoldsTheRest) {
  auto rules = CompileOrDie(kDenied);
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, Denied("mk_A")));
  EXPECT_TRUE(harness.engine().HasOpened());
  harness.Commit();
  harness.Observe(log.Add(kStart + kMinute, Denied("mk_A")));
  EXPECT_FALSE(harness.engine().HasOpened());
  harness.Observe(log.Add(kStart + kMinute, Denied("mk_B")));
  const std::vector<Detection> alerts = harness.AlertsOf("denied");
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0].key, KeyId("mk_A"));
  EXPECT_EQ(alerts[0].group, (Group{{"api.key.id", "mk_A"}}));
  EXPECT_EQ(alerts[0].count, 2);
  EXPECT_EQ(alerts[0].first_fire_ms, kStart);
  EXPECT_EQ(alerts[0].last_event_ms, kStart + kMinute);
  EXPECT_EQ(alerts[0].kind, Detection::Kind::kUpdate);
  EXPECT_EQ(alerts[1].kind, Detection::Kind::kOpen);
}

TEST(EngineTest, AnHourWithoutAMatchEndsTheEpisodeOfADetection) {
  auto rules = CompileOrDie(kDenied);
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, Denied("mk_A")));
  // Exactly one hour later it still folds.
  harness.Observe(log.Add(kStart + kHour, Denied("mk_A")));
  ASSERT_EQ(harness.AlertsOf("denied").size(), 1u);
  harness.AdvanceTo(kStart + 2 * kHour - 1);
  EXPECT_NE(harness.AlertsOf("denied")[0].kind, Detection::Kind::kClose);
  harness.AdvanceTo(kStart + 2 * kHour);
  EXPECT_EQ(harness.AlertsOf("denied")[0].kind, Detection::Kind::kClose);
  EXPECT_EQ(harness.AlertsOf("denied")[0].count, 2);
  EXPECT_TRUE(harness.rows().empty()) << "nothing is left to remember";
  harness.Observe(log.Add(kStart + 2 * kHour + 1, Denied("mk_A")));
  const auto alerts = harness.AlertsOf("denied");
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_NE(alerts[0].id, alerts[1].id);
}

TEST(EngineTest, AnEpisodeThatOpenedAndEndedIsTwoDetections) {
  auto rules = CompileOrDie(kDenied);
  TestLog log(rules);
  auto engine = Engine::Create(rules);
  engine->Observe(log.Add(kStart, Denied("mk_A")));
  engine->Observe(log.Add(kStart + 2 * kHour, Denied("mk_A")));
  const std::vector<Detection> detections = engine->TakeDetections();
  ASSERT_EQ(detections.size(), 3u);
  EXPECT_EQ(detections[0].kind, Detection::Kind::kOpen);
  EXPECT_EQ(detections[1].kind, Detection::Kind::kClose);
  EXPECT_EQ(detections[0].id, detections[1].id);
  EXPECT_EQ(detections[2].kind, Detection::Kind::kOpen);
  EXPECT_TRUE(engine->TakeDetections().empty());
}

TEST(EngineTest, EventsWithoutAKeyAreOneGroup) {
  auto rules = CompileOrDie(kDenied);
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, {{"http.response.status_code", 403}}));
  harness.Observe(log.Add(kStart + 1, {{"http.response.status_code", 403}}));
  harness.Observe(log.Add(kStart + 2, Denied("")));
  const auto alerts = harness.AlertsOf("denied");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].count, 3);
  EXPECT_TRUE(alerts[0].group.empty());
  EXPECT_TRUE(alerts[0].key.empty());
}

TEST(EngineTest, TheAlertIdIsTheHashOfRuleGroupAndFirstFiringEvent) {
  auto rules = CompileOrDie(kDenied);
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(1000, Denied("mk_A"), "req_1"));
  // Lengths before the parts: no two episodes have the same text.
  const std::string text =
      std::string("\x24") + "11111111-1111-1111-1111-111111111111" +
      std::string("\x05\x04") + "mk_A" + std::string("\xd0\x0f") +
      std::string("\x05") + "req_1";
  const auto alerts = harness.AlertsOf("denied");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].id.str(), Sha256Hex(text, 32));
}

TEST(EngineTest, EvidenceIsTheFirstTenEventsBoundedInLength) {
  auto rules = CompileOrDie(kDenied);
  TestLog log(rules);
  EngineHarness harness(rules);
  for (int i = 0; i < 15; ++i) {
    std::vector<TestField> fields = Denied("mk_A");
    fields.emplace_back("url.path", std::string(300, 'p'));
    fields.emplace_back("custom.field", i);
    fields.emplace_back("not.in.any.rule", "x");
    harness.Observe(log.Add(kStart + i, fields));
  }
  const auto alerts = harness.AlertsOf("denied");
  ASSERT_EQ(alerts.size(), 1u);
  ASSERT_EQ(alerts[0].evidence.size(), 10u);
  EXPECT_EQ(alerts[0].evidence[0].event_id, "e0");
  EXPECT_EQ(alerts[0].evidence[9].event_id, "e9");
  EXPECT_EQ(alerts[0].evidence[3].fields,
            (std::vector<std::pair<std::string, std::string>>{
                {"url.path", std::string(200, 'p')},
                {"http.response.status_code", "403"},
                {"custom.field", "3"}}));
}

TEST(EngineTest, LateEventsAreJudgedByDetectionsAndCountedAsLate) {
  auto rules = CompileOrDie(kDenied);
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.AdvanceTo(kStart);
  harness.engine().ObserveLate(log.Add(kStart - kMinute, Denied("mk_A")));
  harness.Observe(log.Add(kStart + 1, Denied("mk_A")));
  harness.engine().ObserveLate(log.Add(kStart - kHour, Denied("mk_A")));
  const auto alerts = harness.AlertsOf("denied");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].count, 3);
  EXPECT_EQ(alerts[0].late_events, 2);
  EXPECT_EQ(alerts[0].first_fire_ms, kStart - kMinute);
  EXPECT_EQ(alerts[0].first_event_ms, kStart - kHour);
  EXPECT_EQ(alerts[0].last_event_ms, kStart + 1);
}

constexpr char kBurst[] = R"(
title: Denied
name: denied
detection: {sel: {http.response.status_code: 403}, condition: sel}
---
title: Burst
name: burst
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: 3}
)";

TEST(EngineTest, ALateEventIsCountedOnTheEpisodeThatItWouldHaveChanged) {
  auto rules = CompileOrDie(kBurst);
  TestLog log(rules);
  EngineHarness harness(rules);
  for (int i = 0; i < 3; ++i) {
    harness.Observe(log.Add(kStart + i * kMinute, Denied("mk_A")));
  }
  harness.AdvanceTo(kStart + 5 * kMinute);
  harness.engine().ObserveLate(log.Add(kStart + kMinute, Denied("mk_A")));
  harness.engine().ObserveLate(log.Add(kStart - kHour, Denied("mk_A")));
  harness.engine().ObserveLate(log.Add(kStart, Denied("mk_B")));
  harness.Restart();
  const auto alerts = harness.AlertsOf("burst");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].count, 3);
  EXPECT_EQ(alerts[0].late_events, 1);
}

TEST(EngineTest, BaseRulesOfACorrelationDoNotAlert) {
  auto rules = CompileOrDie(kBurst);
  TestLog log(rules);
  EngineHarness harness(rules);
  for (int i = 0; i < 3; ++i) {
    harness.Observe(log.Add(kStart + i, Denied("mk_A")));
  }
  EXPECT_EQ(harness.AlertsOf("").size(), 1u);
  EXPECT_EQ(harness.engine().stats().matches, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(harness.engine().stats().episodes, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(harness.engine().stats().groups, (std::vector<int64_t>{0, 1}));
}

TEST(EngineTest, ADetectionThatAlertsGivesEveryMatchOnce) {
  auto rules = CompileOrDie(R"(
title: Denied
name: denied
detection: {sel: {http.response.status_code: 403}, condition: sel}
---
title: Burst
name: burst
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: 3}
    generate: true
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(harness.AlertsOf("burst").empty());
    harness.Observe(log.Add(kStart + i, Denied("mk_A")));
  }
  EXPECT_EQ(harness.AlertsOf("denied").size(), 1u);
  EXPECT_EQ(harness.AlertsOf("burst").size(), 1u);
  EXPECT_EQ(harness.AlertsOf("burst")[0].count, 3);
  EXPECT_EQ(harness.engine().stats().matches, (std::vector<int64_t>{3, 1}));
}

TEST(EngineTest, GroupsAreDroppedAndErasedWhenTheirWindowHasPassed) {
  auto rules = CompileOrDie(kBurst);
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, Denied("mk_A")));
  harness.Observe(log.Add(kStart + 1, Denied("mk_B")));
  harness.Commit();
  EXPECT_EQ(harness.rows().size(), 2u);
  harness.AdvanceTo(kStart + 10 * kMinute);
  harness.Commit();
  EXPECT_EQ(harness.rows().size(), 1u);
  // A group that came and went between two commits leaves no trace.
  harness.Observe(log.Add(kStart + 11 * kMinute, Denied("mk_C")));
  harness.AdvanceTo(kStart + 30 * kMinute);
  harness.Commit();
  EXPECT_TRUE(harness.rows().empty());
  EXPECT_EQ(harness.engine().stats().groups[1], 0);
}

TEST(EngineTest, UnreadableAndForeignRowsAreRefused) {
  auto rules = CompileOrDie(kBurst);
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, Denied("mk_A")));
  harness.Commit();
  ASSERT_EQ(harness.rows().size(), 1u);
  const auto& [row, blob] = *harness.rows().begin();
  EXPECT_EQ(row.first, rules->rule(1).id.str() + "@" + rules->rule(1).meaning);
  auto engine = Engine::Create(rules);
  EXPECT_TRUE(absl::IsNotFound(
      engine->RestoreRow(rules->rule(1).id.str() + "@0", row.second, blob)));
  for (size_t cut = 0; cut < blob.size(); ++cut) {
    EXPECT_TRUE(absl::IsDataLoss(
        engine->RestoreRow(row.first, row.second, blob.substr(0, cut))));
  }
  EXPECT_TRUE(
      absl::IsDataLoss(engine->RestoreRow(row.first, row.second, blob + "x")));
  std::string newer = blob;
  newer[0] = 99;
  EXPECT_TRUE(
      absl::IsDataLoss(engine->RestoreRow(row.first, row.second, newer)));
  EXPECT_TRUE(absl::IsDataLoss(engine->RestoreRow(row.first, "", blob)));
  EXPECT_TRUE(engine->RestoreRow(row.first, row.second, blob).ok());
}

TEST(EngineTest, TheLastOfTwoRowsOfAGroupWins) {
  auto rules = CompileOrDie(kBurst);
  TestLog log(rules);
  auto engine = Engine::Create(rules);
  engine->Observe(log.Add(kStart, Denied("mk_A")));
  const std::vector<StateChange> first = engine->TakeDirtyState();
  engine->Observe(log.Add(kStart + 1, Denied("mk_A")));
  const std::vector<StateChange> second = engine->TakeDirtyState();
  ASSERT_EQ(first.size(), 1u);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_TRUE(engine->TakeDirtyState().empty());
  EXPECT_EQ(engine->AllState().size(), 1u);
  EXPECT_EQ(engine->AllState()[0].blob, second[0].blob);
  auto restored = Engine::Create(rules);
  for (const auto& change : {first[0], second[0]}) {
    ASSERT_TRUE(
        restored->RestoreRow(change.owner, change.group, change.blob).ok());
  }
  restored->FinishRestore(kStart + 1);
  restored->Observe(log.Add(kStart + 2, Denied("mk_A")));
  EXPECT_TRUE(restored->HasOpened());
}

// A group that was used once goes before one that was used twice or that came
// back, one with an open episode goes last, and what is dropped is counted.
TEST(EngineTest, TheCapDropsTheLeastUsedGroup) {
  auto compiled = CompileOrDie(kBurst);
  auto rules = WithCap(compiled, 3);
  TestLog log(compiled);
  EngineHarness harness(rules);
  auto see = [&](int at, const char* key) {
    harness.Observe(log.Add(kStart + at * kSecond, Denied(key)));
  };
  for (int i = 0; i < 3; ++i) see(i, "mk_A");  // has an alert
  see(3, "mk_B");
  see(4, "mk_C");
  see(5, "mk_B");
  see(6, "mk_D");  // mk_C goes
  harness.Restart();
  see(7, "mk_C");  // mk_D goes: mk_B was used twice
  see(8, "mk_A");
  EXPECT_EQ(harness.AlertsOf("burst")[0].count, 4);
  see(9, "mk_D");  // mk_B goes: mk_C was used after it
  see(10, "mk_D");
  see(11, "mk_D");
  EXPECT_EQ(harness.AlertsOf("burst").size(), 2u);
  see(12, "mk_E");  // mk_C goes
  see(13, "mk_F");  // mk_E goes
  // Of groups with open episodes the oldest goes, and its episode ends.
  for (int i = 14; i < 16; ++i) see(i, "mk_F");
  EXPECT_EQ(harness.AlertsOf("burst").size(), 3u);
  see(16, "mk_G");
  const auto alerts = harness.AlertsOf("burst");
  EXPECT_EQ(alerts[0].kind, Detection::Kind::kClose);
  EXPECT_NE(alerts[1].kind, Detection::Kind::kClose);
  EXPECT_EQ(harness.engine().stats().groups[1], 3);
  EXPECT_EQ(harness.engine().stats().evicted[1], 5);
  EXPECT_EQ(harness.rows().size(), 4u) << "three groups, and who was dropped";
}

TEST(EngineTest, DetectionsComeInOrderOfFireThenRuleThenGroup) {
  auto rules = CompileOrDie(R"(
title: One
name: one
detection: {sel: {a: 1}, condition: sel}
---
title: Two
name: two
detection: {sel: {a: 1}, condition: sel}
)");
  TestLog log(rules);
  auto engine = Engine::Create(rules);
  engine->Observe(log.Add(kStart, {{"a", 1}, {"api.key.id", "z"}}));
  engine->Observe(log.Add(kStart, {{"a", 1}, {"api.key.id", "b"}}));
  std::vector<std::string> order;
  for (const Detection& d : engine->TakeDetections()) {
    order.push_back(rules->rule(d.rule).name + d.key.str());
  }
  EXPECT_EQ(order, (std::vector<std::string>{"oneb", "onez", "twob", "twoz"}));
}

}  // namespace
}  // namespace keywatch
