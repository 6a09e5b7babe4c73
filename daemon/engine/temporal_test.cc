// temporal and temporal_ordered.
#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// A correlation over detections a, b and c.
std::shared_ptr<const RuleSet> Temporal(absl::string_view type,
                                        absl::string_view names,
                                        absl::string_view condition = "") {
  return CorrelationOrDie(type, names, "10m", condition);
}

class Scenario {
 public:
  explicit Scenario(std::shared_ptr<const RuleSet> rules)
      : log_(rules), harness_(rules) {}

  // "a" matches rule a, "ab" both a and b.
  Scenario& See(double minute, const char* kind, std::string id = "",
                const char* key = "mk_A") {
    harness_.Observe(log_.Add(
        Time(minute), {{"kind", kind}, {"api.key.id", key}}, std::move(id)));
    return *this;
  }
  Scenario& Advance(double minute) {
    harness_.AdvanceTo(Time(minute));
    return *this;
  }
  Scenario& Restart() {
    harness_.Restart();
    return *this;
  }
  std::vector<Detection> Alerts() { return harness_.AlertsOf("rule"); }

  static EventTime Time(double minute) {
    return kStart + static_cast<int64_t>(minute * static_cast<double>(kMinute));
  }

 private:
  TestLog log_;
  EngineHarness harness_;
};

constexpr double kTick = 1.0 / 60'000;

std::vector<std::string> Ids(const Detection& detection) {
  std::vector<std::string> ids;
  for (const Evidence& e : detection.evidence) ids.push_back(e.event_id);
  return ids;
}

bool Closed(const Detection& d) { return d.kind == Detection::Kind::kClose; }

TEST(TemporalOrderedTest, FiresWhenTheInputsCameInOrder) {
  Scenario run(Temporal("temporal_ordered", "a, b, c"));
  run.See(0, "b").See(1, "a").See(2, "c").See(3, "b").See(4, "a");
  EXPECT_TRUE(run.Alerts().empty());
  run.Restart().See(5, "c");
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].first_fire_ms, Scenario::Time(5));
  EXPECT_EQ(alerts[0].count, 5) << "since the chain began";
  EXPECT_EQ(alerts[0].first_event_ms, Scenario::Time(1));
  EXPECT_EQ(Ids(alerts[0]), (std::vector<std::string>{"e1", "e3", "e5"}))
      << "the chain, not what else was in the window";
  EXPECT_EQ(alerts[0].explanation,
            "a, then b, then c within 4m (timespan 10m)");
}

TEST(TemporalOrderedTest, TheWholeChainMustFitIntoTheTimespan) {
  EXPECT_EQ(Scenario(Temporal("temporal_ordered", "a, b"))
                .See(0, "a")
                .See(10, "b")
                .Alerts()
                .size(),
            1u);
  EXPECT_EQ(Scenario(Temporal("temporal_ordered", "a, b"))
                .See(0, "a")
                .See(10 + kTick, "b")
                .Alerts()
                .size(),
            0u);
  // The second a begins a chain that fits.
  EXPECT_EQ(Scenario(Temporal("temporal_ordered", "a, b, c"))
                .See(0, "a")
                .See(8, "a")
                .See(9, "b")
                .See(17, "c")
                .Alerts()
                .size(),
            1u);
  // b belongs to the first a only.
  EXPECT_EQ(Scenario(Temporal("temporal_ordered", "a, b, c"))
                .See(0, "a")
                .See(1, "b")
                .See(8, "a")
                .See(11, "c")
                .Alerts()
                .size(),
            0u);
}

TEST(TemporalOrderedTest, EventsOfOneInstantSatisfyTheOrderEitherWay) {
  // Observed in order of id: b before a, and c first of all.
  Scenario run(Temporal("temporal_ordered", "a, b"));
  run.See(1, "b", "1").See(1, "a", "2");
  EXPECT_EQ(run.Alerts().size(), 1u);
  Scenario three(Temporal("temporal_ordered", "a, b, c"));
  three.See(1, "c", "1").See(1, "b", "2").Restart().See(1, "a", "3");
  EXPECT_EQ(three.Alerts().size(), 1u);
  // One millisecond apart is another instant.
  Scenario apart(Temporal("temporal_ordered", "a, b"));
  apart.See(1, "b").See(1 + kTick, "a");
  EXPECT_EQ(apart.Alerts().size(), 0u);
}

TEST(TemporalOrderedTest, OneEventCanBeTwoInputs) {
  Scenario run(Temporal("temporal_ordered", "a, b"));
  run.See(0, "ab");
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 1);
  EXPECT_EQ(Ids(run.Alerts()[0]), (std::vector<std::string>{"e0"}));
}

TEST(TemporalOrderedTest, FoldsUntilNoChainWasThereForOneTimespan) {
  Scenario run(Temporal("temporal_ordered", "a, b"));
  // The chain 0-1 is in the window until 10.
  run.See(0, "a").See(1, "b").See(9, "a").See(18, "b");
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 4);
  // 9-18 until 19; ends at 29.
  run.Advance(29 - kTick);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(29);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
}

TEST(TemporalOrderedTest, GroupsDoNotMix) {
  Scenario run(Temporal("temporal_ordered", "a, b"));
  run.See(0, "a", "", "mk_A").See(1, "b", "", "mk_B");
  EXPECT_TRUE(run.Alerts().empty());
}

TEST(TemporalTest, FiresWhenAllInputsCameInAnyOrder) {
  Scenario run(Temporal("temporal", "a, b, c"));
  run.See(0, "c").See(1, "a").See(2, "a");
  EXPECT_TRUE(run.Alerts().empty());
  run.Restart().See(10, "b");
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].count, 4);
  EXPECT_EQ(alerts[0].first_event_ms, Scenario::Time(0));
  EXPECT_EQ(Ids(alerts[0]), (std::vector<std::string>{"e0", "e2", "e3"}));
  EXPECT_EQ(alerts[0].explanation, "a, b, c within 10m");
  EXPECT_EQ(Scenario(Temporal("temporal", "a, b"))
                .See(0, "a")
                .See(10 + kTick, "b")
                .Alerts()
                .size(),
            0u);
}

TEST(TemporalTest, FollowsABooleanExpression) {
  auto alerts = [](const char* kinds) {
    Scenario run(Temporal("temporal", "a, b, c", "(a and b) or c"));
    int minute = 0;
    for (const char* k = kinds; *k != 0; ++k) {
      run.See(minute++, std::string(1, *k).c_str());
    }
    return run.Alerts().size();
  };
  EXPECT_EQ(alerts("a"), 0u);
  EXPECT_EQ(alerts("ba"), 1u);
  EXPECT_EQ(alerts("c"), 1u);
  EXPECT_EQ(alerts("bc"), 1u);
}

TEST(TemporalTest, EndsWhenTheExpressionWasFalseForOneTimespan) {
  Scenario run(Temporal("temporal", "a, b, c", "(a and b) or c"));
  // a and b until 10 (a leaves); c until 14.
  run.See(0, "a").See(2, "b").See(4, "c");
  run.Advance(24 - kTick);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(24);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_EQ(run.Alerts()[0].count, 3);
}

TEST(TemporalAbsenceTest, NotIsJudgedWhenTheWindowIsOver) {
  Scenario run(Temporal("temporal", "a, b", "a and not b"));
  run.See(0, "a").Restart().Advance(10 - kTick);
  EXPECT_TRUE(run.Alerts().empty());
  run.Advance(10);
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].first_fire_ms, Scenario::Time(10));
  EXPECT_EQ(alerts[0].first_event_ms, Scenario::Time(0));
  EXPECT_EQ(Ids(alerts[0]), (std::vector<std::string>{"e0"}));
  EXPECT_EQ(alerts[0].explanation,
            "a without b in the 10m from 2026-01-05T00:00:00.000Z to "
            "2026-01-05T00:10:00.000Z");
}

TEST(TemporalAbsenceTest, WhatIsNegatedMustNotComeUntilTheEnd) {
  auto alerts = [](double at) {
    Scenario run(Temporal("temporal", "a, b", "a and not b"));
    if (at < 5) run.See(at, "b", "x").See(5, "a", "y");
    if (at >= 5) run.See(5, "a", "y").See(at, "b", "z");
    run.Advance(60);
    return run.Alerts().size();
  };
  EXPECT_EQ(alerts(0), 1u) << "what came before is not in the window";
  EXPECT_EQ(alerts(5), 0u);
  EXPECT_EQ(alerts(15), 0u) << "the end is inside";
  EXPECT_EQ(alerts(15 + kTick), 1u);
  // The same instant, in the other order of ids.
  Scenario run(Temporal("temporal", "a, b", "a and not b"));
  run.See(5, "b", "1").See(5, "a", "2").Advance(60);
  EXPECT_TRUE(run.Alerts().empty());
}

TEST(TemporalAbsenceTest, EveryEventThatIsAskedForOpensItsOwnWindow) {
  Scenario run(Temporal("temporal", "a, b, c", "a and c and not b"));
  // a and c are never in the window of the first a.
  run.See(0, "a").See(8, "a").See(12, "c").Advance(60);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].first_fire_ms, Scenario::Time(18));
  EXPECT_EQ(run.Alerts()[0].first_event_ms, Scenario::Time(8));
}

TEST(TemporalAbsenceTest, WindowsInARowAreOneEpisode) {
  Scenario run(Temporal("temporal", "a, b", "a and not b"));
  run.See(0, "a").See(9, "a").See(18, "a").See(20, "b").Advance(29 - kTick);
  // 0 holds at 10, 9 holds at 19, 18 does not.
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 2);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(29);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  run.See(40, "a").Advance(50);
  EXPECT_EQ(run.Alerts().size(), 2u);
}

}  // namespace
}  // namespace keywatch
