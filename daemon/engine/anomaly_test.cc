// new_term, rare_term, dormant, travel, absence, ratio.
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "daemon/core/time.h"
#include "daemon/engine/engine_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::shared_ptr<const RuleSet> Anomaly(absl::string_view body) {
  return CompileOrDie(absl::StrCat(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
---
title: Bad
name: bad
detection: {sel: {bad: 1}, condition: sel}
---
title: Rule
name: rule
anomaly:
)",
                                   body));
}

class Scenario {
 public:
  explicit Scenario(absl::string_view body)
      : rules_(Anomaly(body)), log_(rules_), harness_(rules_) {}

  Scenario& See(int64_t offset_ms, std::vector<TestField> fields,
                const char* key = "mk_A") {
    fields.emplace_back("kind", "a");
    fields.emplace_back("api.key.id", key);
    harness_.Observe(log_.Add(kStart + offset_ms, fields));
    return *this;
  }
  Scenario& Advance(int64_t offset_ms) {
    harness_.AdvanceTo(kStart + offset_ms);
    return *this;
  }
  Scenario& Restart() {
    harness_.Restart();
    return *this;
  }
  std::vector<Detection> Alerts() { return harness_.AlertsOf("rule"); }
  EngineHarness& harness() { return harness_; }
  int64_t learning() { return harness_.engine().stats().learning.back(); }

 private:
  std::shared_ptr<const RuleSet> rules_;
  TestLog log_;
  EngineHarness harness_;
};

bool Closed(const Detection& d) { return d.kind == Detection::Kind::kClose; }

constexpr char kNewNetwork[] = R"(
    type: new_term
    rules: [base]
    group-by: [api.key.id]
    field: [asn, country]
    baseline: {history: 30d, min-history: 7d, min-events: 3, forget-after: 90d}
)";

TEST(NewTermTest, FiresOnAValueThatWasNotSeenWithinTheHistory) {
  Scenario run(kNewNetwork);
  auto from = [](int asn) {
    return std::vector<TestField>{{"asn", asn}, {"country", "US"}};
  };
  run.See(0, from(1)).See(kDay, from(2)).See(2 * kDay, from(3));
  EXPECT_EQ(run.learning(), 1);
  EXPECT_TRUE(run.Alerts().empty()) << "learning";
  run.Restart();
  EXPECT_EQ(run.learning(), 1);
  run.See(7 * kDay, from(1));
  EXPECT_EQ(run.learning(), 0);
  run.See(8 * kDay, from(3)).See(8 * kDay + 1, {{"asn", 9}});
  EXPECT_TRUE(run.Alerts().empty());
  run.See(9 * kDay, from(64511));
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].explanation,
            "asn=64511, country=US not seen in 30d for this group; it is known "
            "with 3 other values from 5 events since 2026-01-05T00:00:00.000Z");
  EXPECT_EQ(alerts[0].count, 1);
}

TEST(NewTermTest, AnOpenAlertsEventsDoNotTrainTheBaseline) {
  Scenario run(kNewNetwork);
  for (int i = 0; i < 8; ++i)
    run.See(i * kDay, {{"asn", 1}, {"country", "US"}});
  for (int i = 0; i < 20; ++i) {
    run.See(8 * kDay + i * 50 * kMinute, {{"asn", 2}, {"country", "US"}});
  }
  // Used without a pause it stays one alert, known values do not count for it.
  run.See(8 * kDay + 19 * 50 * kMinute + 1, {{"asn", 1}, {"country", "US"}});
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 20);
  run.Restart().Advance(10 * kDay);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  run.See(11 * kDay, {{"asn", 2}, {"country", "US"}});
  EXPECT_EQ(run.Alerts().size(), 2u);
}

TEST(NewTermTest, LearnsFromAllWhenToldSo) {
  Scenario run(R"(
    type: new_term
    rules: [base]
    group-by: [api.key.id]
    field: asn
    baseline: {history: 30d, learn-from: all}
)");
  run.See(0, {{"asn", 1}}).See(1, {{"asn", 2}}).See(2, {{"asn", 2}});
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 1);
  run.See(2 * kHour, {{"asn", 2}});
  EXPECT_EQ(run.Alerts().size(), 1u);
  // Not seen for the whole history: new again.
  run.See(20 * kDay, {{"asn", 1}}).See(2 * kHour + 30 * kDay, {{"asn", 2}});
  EXPECT_EQ(run.Alerts().size(), 1u) << "exactly the history old is known";
  run.See(2 * kHour + 60 * kDay + 1, {{"asn", 2}});
  EXPECT_EQ(run.Alerts().size(), 2u);
}

TEST(NewTermTest, TheFirstEventOfAGroupHasNothingToBeComparedWith) {
  Scenario run(R"(
    type: new_term
    rules: [base]
    group-by: [api.key.id]
    field: asn
)");
  run.See(0, {{"asn", 1}}).See(1, {{"asn", 1}}, "mk_B");
  EXPECT_TRUE(run.Alerts().empty());
  run.See(2, {{"asn", 2}}, "mk_B");
  EXPECT_EQ(run.Alerts().size(), 1u);
}

TEST(NewTermTest, AGroupIsForgottenWhenItWasNotUsed) {
  Scenario run(kNewNetwork);
  for (int i = 0; i < 8; ++i)
    run.See(i * kDay, {{"asn", 1}, {"country", "US"}});
  run.harness().Commit();
  EXPECT_EQ(run.harness().rows().size(), 1u);
  run.Advance(97 * kDay - 1);
  run.harness().Commit();
  EXPECT_EQ(run.harness().rows().size(), 1u);
  run.Advance(97 * kDay);
  run.harness().Commit();
  EXPECT_TRUE(run.harness().rows().empty());
  EXPECT_EQ(run.learning(), 0);
  // It learns again.
  run.See(98 * kDay, {{"asn", 5}, {"country", "US"}});
  EXPECT_EQ(run.learning(), 1);
  EXPECT_TRUE(run.Alerts().empty());
}

TEST(NewTermTest, PeersStandInWhileAGroupIsLearning) {
  Scenario run(R"(
    type: new_term
    rules: [base]
    group-by: [api.key.id]
    field: asn
    peers: [team]
    baseline: {history: 30d, min-history: 7d, min-events: 3}
)");
  for (int i = 0; i < 10; ++i) {
    run.See(i * kDay, {{"asn", 1}, {"team", "red"}}, "mk_old");
  }
  run.See(9 * kDay + 1, {{"asn", 1}, {"team", "red"}}, "mk_new");
  EXPECT_TRUE(run.Alerts().empty());
  run.Restart();
  run.See(9 * kDay + 2, {{"asn", 7}, {"team", "blue"}}, "mk_blue");
  EXPECT_TRUE(run.Alerts().empty()) << "nobody knows the blue team";
  run.See(9 * kDay + 3, {{"asn", 7}, {"team", "red"}}, "mk_new");
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].key, KeyId("mk_new"));
  EXPECT_THAT(run.Alerts()[0].explanation, HasSubstr("for this peer group"));
}

TEST(RareTermTest, FiresOnAValueWithASmallShare) {
  Scenario run(R"(
    type: rare_term
    rules: [base]
    group-by: [api.key.id]
    field: agent
    condition: {field: share, lte: 0.02}
    baseline: {history: 8d, min-events: 50}
)");
  // learn: 49 of one, 1 of another, and it is judged from the 51st on.
  for (int i = 0; i < 50; ++i) {
    run.See(i * kMinute, {{"agent", i == 25 ? "odd" : "usual"}});
  }
  EXPECT_TRUE(run.Alerts().empty());
  run.Restart().See(kHour, {{"agent", "odd"}});
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].explanation,
            "agent=odd in 1 of 50 events of this group in 8d: share 0.02 "
            "(threshold <= 0.02)");
  run.See(2 * kHour, {{"agent", "usual"}});
  EXPECT_EQ(run.Alerts()[0].count, 1);
  // What alerted was not learned.
  run.See(5 * kHour, {{"agent", "never"}});
  ASSERT_EQ(run.Alerts().size(), 2u);
  EXPECT_THAT(run.Alerts()[1].explanation,
              StartsWith("agent=never in 0 of 51 events"));
}

TEST(DormantTest, FiresWhenAGroupIsUsedAfterALongTime) {
  Scenario run(R"(
    type: dormant
    rules: [base]
    group-by: [api.key.id]
    condition: {field: idle, gte: 30d}
)");
  run.See(0, {}).See(kDay, {});
  run.Restart().See(31 * kDay - 1, {});
  EXPECT_TRUE(run.Alerts().empty());
  // Far beyond the usual time of forgetting.
  run.Advance(300 * kDay);
  run.See(31 * kDay - 1 + 400 * kDay, {});
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].explanation,
            "not used for 400d (threshold >= 30d); last use "
            "2026-02-04T23:59:59.999Z, before that 3 events since "
            "2026-01-05T00:00:00.000Z");
  run.See(31 * kDay + 400 * kDay, {});
  EXPECT_EQ(run.Alerts()[0].count, 1);
}

TEST(DormantTest, SaysForHowLongNobodyCouldHaveSeenTheGroup) {
  Scenario run(R"(
    type: dormant
    rules: [base]
    group-by: [api.key.id]
    condition: {field: idle, gte: 30d}
)");
  run.See(0, {}).See(kDay, {});
  Engine& engine = run.harness().engine();
  // One from before, one that grows, one of another source over it.
  engine.ObserveGap(kStart, kStart + kHour);
  engine.ObserveGap(kStart + 2 * kDay, kStart + 3 * kDay);
  engine.ObserveGap(kStart + 2 * kDay, kStart + 4 * kDay);
  engine.ObserveGap(kStart + 3 * kDay, kStart + 5 * kDay);
  run.Restart().See(41 * kDay, {});
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_THAT(alerts[0].explanation,
              HasSubstr("; a source was blind for 3d of that time"));
}

TEST(DormantTest, ExactlyTheTimeIsEnough) {
  Scenario run(R"(
    type: dormant
    rules: [base]
    group-by: [api.key.id]
    condition: {field: idle, gte: 30d}
)");
  run.See(0, {}).See(30 * kDay, {});
  EXPECT_EQ(run.Alerts().size(), 1u);
}

constexpr char kTravel[] = R"(
    type: travel
    rules: [base]
    group-by: [api.key.id]
    field: {lat: lat, lon: lon}
    condition: {field: speed_kmh, gte: 1000}
    floor: {distance_km: 500}
)";

std::vector<TestField> At(double lat, double lon) {
  return {{"lat", lat}, {"lon", lon}};
}
std::vector<TestField> NewYork() { return At(40.71, -74.01); }
std::vector<TestField> London() { return At(51.51, -0.13); }
std::vector<TestField> Boston() { return At(42.36, -71.06); }

TEST(TravelTest, FiresWhenTwoPlacesAreTooFarApart) {
  Scenario run(kTravel);
  run.See(0, NewYork()).See(kMinute, Boston());
  EXPECT_TRUE(run.Alerts().empty()) << "near, however fast";
  run.Restart().See(kHour, London());
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  // Boston to London.
  EXPECT_EQ(alerts[0].explanation,
            "5264 km in 59m = 5353 km/h (threshold >= 1000; at least 500 km): "
            "from 42.36,-71.06 at 2026-01-05T00:01:00.000Z to 51.51,-0.13");
  // Slowly enough.
  Scenario slow(kTravel);
  slow.See(0, NewYork()).See(6 * kHour, London());
  EXPECT_TRUE(slow.Alerts().empty());
}

TEST(TravelTest, KnownPlacesDoNotCountAndOpenAlertsTeachNone) {
  Scenario run(kTravel);
  run.See(0, NewYork()).See(kDay, London());
  // Both are known now.
  run.See(2 * kDay, NewYork()).See(2 * kDay + 1, London());
  EXPECT_TRUE(run.Alerts().empty());
  const auto tokyo = At(35.68, 139.69);
  run.See(2 * kDay + 2, tokyo).See(2 * kDay + 3, tokyo);
  run.See(2 * kDay + 4, London()).See(2 * kDay + 5, tokyo);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 3);
  run.Restart().Advance(3 * kDay);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  run.See(3 * kDay + 1, London()).See(3 * kDay + 2, tokyo);
  EXPECT_EQ(run.Alerts().size(), 2u);
}

TEST(TravelTest, IgnoresWhatIsNoPlace) {
  Scenario run(kTravel);
  run.See(0, NewYork())
      .See(1, At(95, 0))
      .See(2, {{"lat", "north"}, {"lon", 1}})
      .See(3, {{"lat", 51.51}});
  EXPECT_TRUE(run.Alerts().empty());
  run.See(4, {{"lat", "51.51"}, {"lon", "-0.13"}});
  EXPECT_EQ(run.Alerts().size(), 1u) << "numbers may come as text";
}

TEST(AbsenceTest, FiresWhenTheNextEventDoesNotComeInTime) {
  Scenario run(R"(
    type: absence
    rules: [base]
    group-by: [api.key.id]
    every: 26h
    grace: 1h
)");
  run.See(0, {}).See(24 * kHour, {});
  run.Restart().Advance(51 * kHour - 1);
  EXPECT_TRUE(run.Alerts().empty());
  run.Advance(51 * kHour);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].first_fire_ms, kStart + 51 * kHour);
  EXPECT_EQ(run.Alerts()[0].key, KeyId("mk_A"));
  EXPECT_EQ(run.Alerts()[0].explanation,
            "no event for 1d3h (expected every 1d2h, grace 1h); last one "
            "2026-01-06T00:00:00.000Z");
  // It ends when the event comes; three were missed.
  run.Advance(100 * kHour);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Restart().See(24 * kHour + 80 * kHour, {});
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_EQ(run.Alerts()[0].count, 3);
  run.Advance(24 * kHour + 80 * kHour + 27 * kHour);
  EXPECT_EQ(run.Alerts().size(), 2u);
}

TEST(AbsenceTest, AGroupThatStaysAwayIsForgotten) {
  Scenario run(R"(
    type: absence
    rules: [base]
    group-by: [api.key.id]
    every: 1h
)");
  run.See(0, {}).Advance(89 * kDay);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(90 * kDay);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_TRUE(run.harness().rows().empty());
}

TEST(AbsenceTest, FollowsASchedule) {
  // Mondays to Fridays at 06:00 in Berlin: 05:00 UTC in January.
  Scenario run(R"(
    type: absence
    rules: [base]
    group-by: [api.key.id]
    schedule: "0 6 * * 1-5"
    timezone: Europe/Berlin
    grace: 30m
)");
  run.See(5 * kHour, {});                            // Monday
  run.See(kDay + 5 * kHour + 29 * kMinute, {});      // Tuesday, late
  run.See(2 * kDay + 4 * kHour + 45 * kMinute, {});  // Wednesday, early
  run.Restart();
  // Thursday: not at all; seen at 09:00.
  run.Advance(3 * kDay + 5 * kHour + 30 * kMinute - 1);
  EXPECT_TRUE(run.Alerts().empty());
  run.Advance(3 * kDay + 5 * kHour + 30 * kMinute);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].explanation,
            "no event for the scheduled time 2026-01-08T05:00:00.000Z "
            "(schedule 0 6 * * 1-5 Europe/Berlin, grace 30m); last one "
            "2026-01-07T04:45:00.000Z");
  run.See(3 * kDay + 8 * kHour, {});
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  run.See(4 * kDay + 5 * kHour, {});  // Friday
  // Nothing on the weekend; Monday and Tuesday are missed.
  run.Advance(7 * kDay + 5 * kHour);
  EXPECT_EQ(run.Alerts().size(), 1u);
  run.Advance(7 * kDay + 6 * kHour);
  EXPECT_EQ(run.Alerts().size(), 2u);
  run.Restart().See(8 * kDay + 7 * kHour, {});
  EXPECT_EQ(run.Alerts()[1].count, 2);
}

TEST(AbsenceTest, ThereIsNoVerdictOverABlindTime) {
  const char* every = R"(
    type: absence
    rules: [base]
    group-by: [api.key.id]
    every: 2h
)";
  Scenario run(every);
  run.See(0, {});
  run.harness().engine().ObserveGap(kStart + kHour, kStart + 5 * kHour);
  run.Restart().Advance(7 * kHour - 1);
  EXPECT_TRUE(run.Alerts().empty());
  run.Advance(7 * kHour);
  EXPECT_EQ(run.Alerts().size(), 1u);
  // A gap before the last event does not matter.
  Scenario before(every);
  before.See(10 * kHour, {});
  before.harness().engine().ObserveGap(kStart, kStart + 9 * kHour);
  before.Advance(12 * kHour);
  EXPECT_EQ(before.Alerts().size(), 1u);
  Scenario daily(R"(
    type: absence
    rules: [base]
    group-by: [api.key.id]
    schedule: "0 6 * * *"
    grace: 1h
)");
  daily.See(6 * kHour, {});
  daily.harness().engine().ObserveGap(kStart + kDay, kStart + kDay + 6 * kHour);
  daily.Advance(kDay + 20 * kHour);
  EXPECT_TRUE(daily.Alerts().empty());
  daily.Advance(2 * kDay + 7 * kHour);
  EXPECT_EQ(daily.Alerts().size(), 1u);
}

constexpr char kRatio[] = R"(
    type: ratio
    numerator: bad
    denominator: base
    group-by: [api.key.id]
    timespan: 1h
    condition: {field: ratio, gt: 0.5}
    floor: {denominator: 10}
)";

TEST(RatioTest, FiresWhenTheQuotientCrosses) {
  Scenario run(kRatio);
  for (int i = 0; i < 10; ++i) {
    run.See(i * kMinute, {{"bad", i < 5 ? 1 : 0}});
  }
  EXPECT_TRUE(run.Alerts().empty()) << "5 of 10 is not more than a half";
  run.Restart().See(10 * kMinute, {{"bad", 1}});
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].explanation,
            "6 / 11 = 0.5455 in 1h (threshold > 0.5; denominator at least 10)");
  EXPECT_EQ(alerts[0].count, 6);
  run.See(11 * kMinute, {}).See(12 * kMinute, {{"bad", 1}});
  EXPECT_EQ(run.Alerts()[0].count, 7);
}

TEST(RatioTest, NeedsItsFloor) {
  Scenario run(kRatio);
  for (int i = 0; i < 9; ++i) run.See(i, {{"bad", 1}});
  EXPECT_TRUE(run.Alerts().empty());
  run.See(9, {{"bad", 1}});
  EXPECT_EQ(run.Alerts().size(), 1u);
}

TEST(RatioTest, TheWindowSlides) {
  Scenario run(kRatio);
  for (int i = 0; i < 20; ++i) run.See(i * kMinute, {});
  // An hour later the twenty good ones have left.
  for (int i = 0; i < 9; ++i) run.See((80 + i) * kMinute, {{"bad", 1}});
  EXPECT_TRUE(run.Alerts().empty()) << "9 of 9, under the floor";
  run.See(90 * kMinute, {{"bad", 1}});
  EXPECT_EQ(run.Alerts().size(), 1u);
}

}  // namespace
}  // namespace keywatch
