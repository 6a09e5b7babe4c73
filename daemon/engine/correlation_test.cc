// Sigma correlations that count and measure: event_count, value_count,
// value_sum, value_avg, value_percentile, value_median; chains of them.
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "daemon/engine/engine_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::shared_ptr<const RuleSet> Correlation(absl::string_view type,
                                           absl::string_view condition,
                                           absl::string_view more = "") {
  return CompileOrDie(absl::Substitute(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
---
title: Rule
name: rule
correlation:
    type: $0
    rules: [base]
    group-by: [api.key.id]
    timespan: 10m
    condition: {$1}
$2
)",
                                       type, condition, more));
}

// Events of key mk_A at the given minutes, each with the field `value`.
class Scenario {
 public:
  explicit Scenario(std::shared_ptr<const RuleSet> rules)
      : log_(rules), harness_(rules) {}

  Scenario& See(double minute, TestField value = {"value", 0}) {
    harness_.Observe(log_.Add(
        kStart + static_cast<int64_t>(minute * static_cast<double>(kMinute)),
        {{"kind", "a"}, {"api.key.id", "mk_A"}, std::move(value)}));
    return *this;
  }
  Scenario& Advance(double minute) {
    harness_.AdvanceTo(
        kStart + static_cast<int64_t>(minute * static_cast<double>(kMinute)));
    return *this;
  }
  std::vector<Detection> Alerts() { return harness_.AlertsOf("rule"); }
  TestLog& log() { return log_; }
  EngineHarness& harness() { return harness_; }

 private:
  TestLog log_;
  EngineHarness harness_;
};

bool Closed(const Detection& d) { return d.kind == Detection::Kind::kClose; }

TEST(EventCountTest, FiresOnTheEventThatCrosses) {
  Scenario run(Correlation("event_count", "gte: 3"));
  run.See(0).See(4);
  EXPECT_TRUE(run.Alerts().empty());
  run.See(9);
  auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].first_fire_ms, kStart + 9 * kMinute);
  EXPECT_EQ(alerts[0].first_event_ms, kStart);
  EXPECT_EQ(alerts[0].count, 3);
  EXPECT_EQ(alerts[0].explanation, "3 events in 10m (threshold >= 3)");
  EXPECT_EQ(alerts[0].group, (Group{{"api.key.id", "mk_A"}}));
  EXPECT_EQ(alerts[0].key, KeyId("mk_A"));
}

TEST(EventCountTest, AnEventExactlyATimespanOldIsInside) {
  EXPECT_EQ(Scenario(Correlation("event_count", "gte: 2"))
                .See(0)
                .See(10)
                .Alerts()
                .size(),
            1u);
  EXPECT_EQ(Scenario(Correlation("event_count", "gte: 2"))
                .See(0)
                .See(10 + 1.0 / 60'000)
                .Alerts()
                .size(),
            0u);
}

TEST(EventCountTest, TheWindowSlides) {
  // Three within ten minutes, across any aligned boundary.
  EXPECT_EQ(Scenario(Correlation("event_count", "gte: 3"))
                .See(1)
                .See(8)
                .See(12)
                .See(17)
                .Alerts()
                .size(),
            1u);
}

TEST(EventCountTest, GtAsksForOneMore) {
  Scenario run(Correlation("event_count", "gt: 2"));
  run.See(0).See(1);
  EXPECT_TRUE(run.Alerts().empty());
  run.See(2);
  EXPECT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].explanation, "3 events in 10m (threshold > 2)");
  EXPECT_EQ(Scenario(Correlation("event_count", "gte: 2.5"))
                .See(0)
                .See(1)
                .Alerts()
                .size(),
            0u);
}

TEST(EventCountTest, FoldsUntilItWasBelowForOneTimespan) {
  Scenario run(Correlation("event_count", "gte: 3"));
  run.See(0).See(1).See(2);
  // Holds until minute 10, when the first leaves: below from then on. An event
  // folds although it does not cross.
  run.See(19);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 4);
  // At minute 20 it was below for one timespan.
  run.Advance(20 - 1.0 / 60'000);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(20);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  // The event at 19 counts for the next crossing.
  run.See(21).See(22);
  ASSERT_EQ(run.Alerts().size(), 2u);
  EXPECT_EQ(run.Alerts()[1].first_event_ms, kStart + 19 * kMinute);
  EXPECT_EQ(run.Alerts()[1].count, 3);
}

TEST(EventCountTest, CrossingAgainInTimeStaysInTheEpisode) {
  Scenario run(Correlation("event_count", "gte: 3"));
  run.See(0).See(1).See(2);
  run.See(17).See(18).See(19);
  run.See(25);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 7);
  // The three newest are 18, 19, 25: holds until 28, ends at 38.
  run.Advance(38 - 1.0 / 60'000);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(38);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
}

TEST(EventCountTest, EventsWithoutTheGroupFieldFormNoGroup) {
  auto rules = Correlation("event_count", "gte: 1");
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, {{"kind", "a"}}));
  harness.Observe(log.Add(kStart, {{"kind", "a"}, {"api.key.id", ""}}));
  EXPECT_TRUE(harness.AlertsOf("rule").empty());
}

TEST(EventCountTest, WithoutGroupByThereIsOneGroup) {
  auto rules = CompileOrDie(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
---
title: Rule
name: rule
correlation:
    type: event_count
    rules: [base]
    timespan: 10m
    condition: {gte: 2}
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, {{"kind", "a"}, {"api.key.id", "mk_A"}}));
  harness.Observe(log.Add(kStart, {{"kind", "a"}, {"api.key.id", "mk_B"}}));
  harness.Restart();
  const auto alerts = harness.AlertsOf("rule");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_TRUE(alerts[0].group.empty());
  EXPECT_EQ(alerts[0].key, KeyId("mk_B")) << "the key of the event that fired";
}

TEST(EventCountTest, AnEventOfTwoInputsCountsOnce) {
  auto rules = CompileOrDie(R"(
title: A
name: a
detection: {sel: {x: 1}, condition: sel}
---
title: B
name: b
detection: {sel: {y: 1}, condition: sel}
---
title: Rule
name: rule
correlation:
    type: event_count
    rules: [a, b]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: 2}
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, {{"x", 1}, {"y", 1}, {"api.key.id", "k"}}));
  EXPECT_TRUE(harness.AlertsOf("rule").empty());
  harness.Observe(log.Add(kStart, {{"y", 1}, {"api.key.id", "k"}}));
  ASSERT_EQ(harness.AlertsOf("rule").size(), 1u);
  EXPECT_EQ(harness.AlertsOf("rule")[0].count, 2);
}

TEST(EventCountTest, FewEventsAreJudgedWhenTheWindowIsOver) {
  Scenario run(Correlation("event_count", "lt: 3"));
  run.See(0).See(5);
  run.Advance(10 - 1.0 / 60'000);
  EXPECT_TRUE(run.Alerts().empty());
  run.Advance(10);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].first_fire_ms, kStart + 10 * kMinute);
  EXPECT_EQ(run.Alerts()[0].first_event_ms, kStart);
  EXPECT_EQ(run.Alerts()[0].last_event_ms, kStart + 5 * kMinute);
  EXPECT_EQ(run.Alerts()[0].count, 2);
  EXPECT_EQ(run.Alerts()[0].key, KeyId("mk_A"));
  ASSERT_EQ(run.Alerts()[0].evidence.size(), 1u);
  EXPECT_EQ(run.Alerts()[0].evidence[0].event_id, "e0");
  EXPECT_EQ(run.Alerts()[0].explanation,
            "2 events in the 10m from 2026-01-05T00:00:00.000Z to "
            "2026-01-05T00:10:00.000Z (threshold < 3)");
}

TEST(EventCountTest, ABurstIsNotFewEventsAtItsEnd) {
  Scenario run(Correlation("event_count", "lt: 3"));
  for (int i = 0; i < 10; ++i) run.See(i);
  run.Advance(60);
  EXPECT_TRUE(run.Alerts().empty());
}

TEST(EventCountTest, QuietWindowsInARowAreOneEpisode) {
  Scenario run(Correlation("event_count", "lt: 3"));
  run.See(0).See(12).See(33).Advance(42);
  // 0-10 holds, 12-22 holds, 33-43 is not over; 22 + 10 had passed without a
  // window.
  EXPECT_EQ(run.Alerts().size(), 1u);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_EQ(run.Alerts()[0].count, 2);
  run.Advance(43);
  EXPECT_EQ(run.Alerts().size(), 2u);
  // A window that opened in time is waited for, and ends the episode when it
  // does not hold.
  run.See(50).See(51).See(52).Advance(60 - 1.0 / 60'000);
  EXPECT_FALSE(Closed(run.Alerts()[1]));
  run.Advance(60);
  EXPECT_TRUE(Closed(run.Alerts()[1]));
  EXPECT_EQ(run.Alerts()[1].count, 1);
}

TEST(EventCountTest, RangesAndEqualityNeedTheWholeWindow) {
  auto alerts = [](const char* condition, int events) {
    Scenario run(Correlation("event_count", condition));
    for (int i = 0; i < events; ++i) run.See(i * 0.5);
    run.Advance(100);
    return run.Alerts().size();
  };
  EXPECT_EQ(alerts("gte: 3, lte: 5", 2), 0u);
  EXPECT_EQ(alerts("gte: 3, lte: 5", 3), 1u);
  EXPECT_EQ(alerts("gte: 3, lte: 5", 5), 1u);
  EXPECT_EQ(alerts("gte: 3, lte: 5", 6), 0u);
  EXPECT_EQ(alerts("eq: 4", 4), 1u);
  EXPECT_EQ(alerts("eq: 4", 5), 0u);
  EXPECT_EQ(alerts("neq: 4", 4), 0u);
  EXPECT_EQ(alerts("neq: 4", 5), 1u);
}

TEST(ValueCountTest, CountsDistinctValuesOfTheWindow) {
  Scenario run(Correlation("value_count", "field: value, gte: 3"));
  run.See(0, {"value", "x"})
      .See(1, {"value", "y"})
      .See(2, {"value", "x"})
      .See(3, {"value", ""})
      .See(10.5, {"value", "z"});
  // x was seen again at 2: x, y and z are within ten minutes.
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].first_fire_ms, kStart + 10 * kMinute + 30 * kSecond);
  EXPECT_EQ(alerts[0].explanation, "3 distinct value in 10m (threshold >= 3)");
  // Events of the window with a value: 1, 2 and 10.5.
  EXPECT_EQ(alerts[0].count, 3);
  EXPECT_EQ(alerts[0].first_event_ms, kStart + kMinute);
  // y leaves at 11: below since then, over at 21.
  run.Advance(21 - 1.0 / 60'000);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(21);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
}

TEST(ValueCountTest, ATupleIsOneValueAndAListManyValues) {
  auto rules = CompileOrDie(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
---
title: Tuple
name: tuple
correlation:
    type: value_count
    rules: [base]
    group-by: [api.key.id]
    timespan: 10m
    condition: {field: [x, y], gte: 3}
---
title: List
name: list
correlation:
    type: value_count
    rules: [base]
    group-by: [api.key.id]
    timespan: 10m
    condition: {field: x, gte: 3}
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  auto see = [&](int at, std::vector<TestField> fields) {
    fields.emplace_back("kind", "a");
    fields.emplace_back("api.key.id", "k");
    harness.Observe(log.Add(kStart + at, fields));
  };
  see(0, {{"x", "a"}, {"y", "b"}});
  // Not the same as the tuple before, although it reads alike.
  see(1, {{"x", "ab"}, {"y", "b"}});
  see(2, {{"x", "ab"}});
  EXPECT_TRUE(harness.AlertsOf("").empty());
  see(3, {{"x", "a"}, {"y", "c"}});
  EXPECT_EQ(harness.AlertsOf("tuple").size(), 1u);
  EXPECT_THAT(harness.AlertsOf("tuple")[0].explanation,
              StartsWith("3 distinct (x, y) in 10m"));
  EXPECT_TRUE(harness.AlertsOf("list").empty());
  see(4, {{"x", std::vector<std::string>{"a", "p", "q"}}});
  EXPECT_EQ(harness.AlertsOf("list").size(), 1u);
  EXPECT_EQ(harness.AlertsOf("list")[0].count, 5);
}

TEST(ValueCountTest, GreatThresholdsAreEstimatedAndSaySo) {
  Scenario run(Correlation("value_count", "field: value, gte: 1000"));
  int fired_at = 0;
  for (int i = 0; i < 1200 && fired_at == 0; ++i) {
    run.See(i / 1000.0, {"value", absl::StrCat("v", i)});
    if (run.harness().engine().HasOpened()) fired_at = i + 1;
  }
  EXPECT_NEAR(fired_at, 1000, 1000 * 3 * 0.023);
  EXPECT_THAT(run.Alerts()[0].explanation,
              HasSubstr("HyperLogLog, standard error 2.3 %"));
}

TEST(ValueCountTest, FewValuesAreJudgedWhenTheWindowIsOver) {
  Scenario run(Correlation("value_count", "field: value, lte: 1"));
  run.See(0, {"value", "x"}).See(1, {"value", "x"}).See(2, {"value", "x"});
  run.Advance(10);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_THAT(run.Alerts()[0].explanation, StartsWith("1 distinct value in"));
  EXPECT_EQ(run.Alerts()[0].count, 3);
}

TEST(ValueSumTest, AddsTheNumbersOfTheWindow) {
  Scenario run(Correlation("value_sum", "field: value, gte: 0.3"));
  run.See(0, {"value", 0.1}).See(1, {"value", "no number"});
  EXPECT_TRUE(run.Alerts().empty());
  run.See(2, {"value", "0.2"});
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].explanation,
            "sum of value = 0.3 over 2 events in 10m (threshold >= 0.3)");
  // The first leaves after minute 10; over ten minutes after that.
  run.Advance(20 - 1.0 / 60'000);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(20);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
}

TEST(ValueSumTest, AnEventCanBringItBelow) {
  Scenario run(Correlation("value_sum", "field: value, gte: 10"));
  run.See(0, {"value", 10}).See(1, {"value", -5}).Advance(11);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_EQ(run.Alerts()[0].count, 2);
}

TEST(ValueSumTest, LessIsJudgedWhenTheWindowIsOver) {
  Scenario run(Correlation("value_sum", "field: value, lt: 10"));
  run.See(0, {"value", 4}).See(5, {"value", 5}).Advance(10);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_THAT(run.Alerts()[0].explanation,
              StartsWith("sum of value = 9 over 2 events in the 10m from"));
}

TEST(ValueAvgTest, ComparesTheMeanInBothDirections) {
  Scenario run(Correlation("value_avg", "field: value, gt: 5"));
  run.See(0, {"value", 4}).See(1, {"value", 6});
  EXPECT_TRUE(run.Alerts().empty());
  run.See(2, {"value", 8});
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].explanation,
            "average of value = 6 over 3 events in 10m (threshold > 5)");
  Scenario low(Correlation("value_avg", "field: value, lt: 5"));
  low.See(0, {"value", 9}).See(1, {"value", 0.5});
  ASSERT_EQ(low.Alerts().size(), 1u);
  EXPECT_EQ(low.Alerts()[0].first_fire_ms, kStart + kMinute);
}

TEST(ValueAvgTest, NumbersThatLeaveCanMakeItHoldNoLonger) {
  Scenario run(Correlation("value_avg", "field: value, gte: 5"));
  // 9 leaves after 10: the mean of 2 and 4 does not hold; over at 20.
  run.See(0, {"value", 9}).See(5, {"value", 2}).See(6, {"value", 4});
  ASSERT_EQ(run.Alerts().size(), 1u);
  run.Advance(20 - 1.0 / 60'000);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(20);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
}

TEST(ValuePercentileTest, ComparesThePercentile) {
  Scenario run(
      Correlation("value_percentile", "field: value, percentile: 90, gte: 37"));
  run.See(0, {"value", 10}).See(1, {"value", 20}).See(2, {"value", 30});
  EXPECT_TRUE(run.Alerts().empty());
  run.See(3, {"value", 40});
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].explanation,
            "percentile 90 of value = 37 over 4 events in 10m "
            "(threshold >= 37)");
}

TEST(ValueMedianTest, ComparesTheMedian) {
  Scenario run(Correlation("value_median", "field: value, gte: 2.5"));
  run.See(0, {"value", 1}).See(1, {"value", 2}).See(2, {"value", 3});
  EXPECT_TRUE(run.Alerts().empty());
  run.See(3, {"value", 4});
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_THAT(run.Alerts()[0].explanation, StartsWith("median of value = 2.5"));
}

TEST(ChainTest, ALowerCorrelationGivesOneSignalForEachCrossing) {
  auto rules = CompileOrDie(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
---
title: Lower
name: lower
correlation:
    type: event_count
    rules: [base]
    group-by: [api.key.id, source.ip]
    timespan: 1m
    condition: {gte: 2}
---
title: Upper
name: upper
correlation:
    type: value_count
    rules: [lower]
    group-by: [api.key.id]
    timespan: 1h
    condition: {field: source.ip, gte: 2}
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  auto see = [&](int second, const char* ip) {
    harness.Observe(
        log.Add(kStart + second * kSecond,
                {{"kind", "a"}, {"api.key.id", "mk_A"}, {"source.ip", ip}}));
  };
  see(0, "10.0.0.1");
  see(1, "10.0.0.1");
  see(2, "10.0.0.1");
  see(3, "10.0.0.2");
  harness.Restart();
  EXPECT_TRUE(harness.AlertsOf("").empty());
  EXPECT_EQ(harness.engine().stats().matches, (std::vector<int64_t>{0, 0, 0}));
  see(4, "10.0.0.2");
  const auto alerts = harness.AlertsOf("");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(rules->rule(alerts[0].rule).name, "upper");
  EXPECT_EQ(alerts[0].key, KeyId("mk_A"));
  EXPECT_EQ(alerts[0].count, 2);
  EXPECT_EQ(alerts[0].first_event_ms, kStart + 1 * kSecond);
  EXPECT_EQ(alerts[0].evidence.back().event_id, "e4");
}

// The same value was another one when a lower correlation gave it.
TEST(ChainTest, AValueIsTheSameFromAnEventAndFromALowerGroup) {
  auto rules = CompileOrDie(R"(
title: A
name: a
detection: {sel: {kind: a}, condition: sel}
---
title: B
name: b
detection: {sel: {kind: b}, condition: sel}
---
title: Lower
name: lower
correlation: {type: event_count, rules: [a], group-by: [user], timespan: 1m, condition: {gte: 1}}
---
title: Users
name: users
correlation: {type: value_count, rules: [lower, b], timespan: 1h, condition: {field: user, gte: 2}}
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, {{"kind", "a"}, {"user", "u"}}));
  harness.Observe(log.Add(kStart + 1, {{"kind", "b"}, {"user", "u"}}));
  EXPECT_TRUE(harness.AlertsOf("users").empty());
  harness.Observe(log.Add(kStart + 2, {{"kind", "b"}, {"user", "v"}}));
  EXPECT_EQ(harness.AlertsOf("users").size(), 1u);
}

TEST(ChainTest, AVerdictOfTheWatermarkIsASignalToo) {
  auto rules = CompileOrDie(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
---
title: Quiet
name: quiet
correlation:
    type: event_count
    rules: [base]
    group-by: [api.key.id]
    timespan: 1m
    condition: {lt: 2}
---
title: Upper
name: upper
correlation:
    type: event_count
    rules: [quiet]
    timespan: 1h
    condition: {gte: 2}
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, {{"kind", "a"}, {"api.key.id", "k1"}}));
  harness.Observe(log.Add(kStart, {{"kind", "a"}, {"api.key.id", "k2"}}));
  harness.AdvanceTo(kStart + kMinute);
  const auto alerts = harness.AlertsOf("upper");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].first_fire_ms, kStart + kMinute);
  EXPECT_EQ(alerts[0].count, 2);
}

TEST(AliasTest, InputsMayNameTheGroupDifferently) {
  auto rules = CompileOrDie(R"(
title: A
name: a
detection: {sel: {kind: a}, condition: sel}
---
title: B
name: b
detection: {sel: {kind: b}, condition: sel}
---
title: Rule
name: rule
correlation:
    type: event_count
    rules: [a, b]
    aliases: {who: {a: user.name, b: actor.name}}
    group-by: [who]
    timespan: 1m
    condition: {gte: 2}
)");
  TestLog log(rules);
  EngineHarness harness(rules);
  harness.Observe(log.Add(kStart, {{"kind", "a"}, {"user.name", "eve"}}));
  harness.Observe(log.Add(kStart, {{"kind", "b"}, {"user.name", "eve"}}));
  EXPECT_TRUE(harness.AlertsOf("rule").empty());
  harness.Observe(log.Add(kStart, {{"kind", "b"}, {"actor.name", "eve"}}));
  ASSERT_EQ(harness.AlertsOf("rule").size(), 1u);
  EXPECT_EQ(harness.AlertsOf("rule")[0].group, (Group{{"who", "eve"}}));
}

}  // namespace
}  // namespace keywatch
