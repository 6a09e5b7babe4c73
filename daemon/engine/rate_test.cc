#include <cmath>

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"
#include "daemon/engine/seasonal_samples.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Scenario {
 public:
  explicit Scenario(absl::string_view body)
      : rules_(CompileOrDie(absl::StrCat(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
---
title: Rule
name: rule
anomaly:
    type: rate
    rules: [base]
    group-by: [api.key.id]
)",
                                         body))),
        log_(rules_),
        harness_(rules_) {}

  // `count` events, one every second from `offset_ms` on.
  Scenario& See(int64_t offset_ms, int count, TestField value = {"value", 1},
                const char* key = "mk_A") {
    for (int i = 0; i < count; ++i) {
      harness_.Observe(log_.Add(
          kStart + offset_ms + i * kSecond,
          {{"kind", "a"}, {"api.key.id", key}, {"team", "red"}, value}));
    }
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

 private:
  std::shared_ptr<const RuleSet> rules_;
  TestLog log_;
  EngineHarness harness_;
};

bool Closed(const Detection& d) { return d.kind == Detection::Kind::kClose; }

constexpr char kUp[] = R"(
    timespan: 5m
    condition: {field: score, gte: 4}
    baseline: {history: 1d, min-history: 1h}
)";

TEST(RateTest, FiresOnTheEventThatLeavesTheBand) {
  Scenario run(kUp);
  // 10, 12, 14, 10, ...: median 12, MAD 2.
  for (int i = 0; i < 12; ++i) run.See(i * 5 * kMinute, 10 + i % 3 * 2);
  EXPECT_TRUE(run.Alerts().empty());
  run.Restart().See(kHour, 25);
  EXPECT_TRUE(run.Alerts().empty());
  // 1.4826 * 2 is less than the root of 12: the top is 12 + 4 * 3.464.
  run.See(kHour + 25 * kSecond, 1);
  const auto alerts = run.Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].first_fire_ms, kStart + kHour + 25 * kSecond);
  EXPECT_EQ(alerts[0].first_event_ms, kStart + kHour);
  EXPECT_EQ(alerts[0].count, 26);
  EXPECT_EQ(alerts[0].explanation,
            "26 events in 5m; median = 12, MAD 2, margin 1, root of the median "
            "3.464; band top 25.856; score 4.041 (threshold >= 4)");
}

TEST(RateTest, OneEpisodeLastsUntilABucketIsInsideAgain) {
  Scenario run(kUp);
  for (int i = 0; i < 12; ++i) run.See(i * 5 * kMinute, 10 + i % 3 * 2);
  for (int i = 12; i < 15; ++i) run.See(i * 5 * kMinute, 40);
  run.Restart();
  ASSERT_EQ(run.Alerts().size(), 1u);
  // Out until the end of the 15th bucket, inside in the 16th.
  run.See(15 * 5 * kMinute, 12);
  EXPECT_EQ(run.Alerts()[0].count, 132);
  run.Advance(16 * 5 * kMinute - 2);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance(16 * 5 * kMinute - 1);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  // The bursts were not learned: the same again is out again.
  run.See(17 * 5 * kMinute, 40);
  EXPECT_EQ(run.Alerts().size(), 2u);
}

// A burst before a silence was learned: its alert had ended by the next event.
TEST(RateTest, ABurstIsNotLearnedHoweverLongTheSilenceAfterIt) {
  Scenario run(R"(
    timespan: 5m
    condition: {field: score, gte: 4}
    baseline: {history: 2h, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) run.See(i * 5 * kMinute, 10 + i % 3 * 2);
  // Bursts, each followed by buckets as before: were they learned, they would
  // soon be the median.
  for (int i = 12; i < 48; i += 4) {
    run.See(i * 5 * kMinute, 40);
    run.Advance((i + 3) * 5 * kMinute - 1);
    run.See((i + 3) * 5 * kMinute, 12).Restart();
  }
  EXPECT_EQ(run.Alerts().size(), 9u);
}

// A measure that is out for less than `for` does not alert; neither may it move
// the band, or repeated it would become normal.
TEST(RateTest, WhatWaitsForItsForIsNotLearned) {
  Scenario run(R"(
    timespan: 5m
    for: 15m
    condition: {field: score, gte: 4}
    baseline: {history: 2h, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) run.See(i * 5 * kMinute, 10 + i % 3 * 2);
  for (int i = 12; i < 48; ++i) run.See(i * 5 * kMinute, i % 3 == 0 ? 12 : 60);
  EXPECT_TRUE(run.Alerts().empty());
  for (int i = 48; i < 52; ++i) run.See(i * 5 * kMinute, 60);
  EXPECT_EQ(run.Alerts().size(), 1u);
}

// A level that lasts as long as the whole history is what there is now: the
// alert ends and the group learns anew, or nothing would ever be seen above it.
TEST(RateTest, ALevelAsOldAsTheHistoryIsLearnedAnew) {
  Scenario run(R"(
    timespan: 5m
    condition: {field: score, gte: 4}
    baseline: {history: 3h, min-history: 1h}
)");
  int i = 0;
  for (; i < 12; ++i) run.See(i * 5 * kMinute, 10 + i % 3 * 2);
  for (; i < 12 + 36 + 2; ++i) run.See(i * 5 * kMinute, 60 + i % 3 * 2);
  run.Restart();
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_EQ(run.harness().engine().stats().learning.back(), 1);
  for (; i < 12 + 36 + 20; ++i) run.See(i * 5 * kMinute, 60 + i % 3 * 2);
  EXPECT_EQ(run.Alerts().size(), 1u) << "the new level is normal";
  run.See(i * 5 * kMinute, 150);
  EXPECT_EQ(run.Alerts().size(), 2u);
}

TEST(RateTest, LearnsBeforeItJudges) {
  Scenario run(kUp);
  for (int i = 0; i < 11; ++i) run.See(i * 5 * kMinute, 10);
  run.See(11 * 5 * kMinute, 200);
  EXPECT_TRUE(run.Alerts().empty());
  EXPECT_EQ(run.harness().engine().stats().learning.back(), 1);
  run.See(12 * 5 * kMinute, 200);
  EXPECT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.harness().engine().stats().learning.back(), 0);
}

TEST(RateTest, TheFloorIsAnAbsoluteMinimum) {
  Scenario run(R"(
    timespan: 5m
    floor: 50
    baseline: {history: 1d, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) run.See(i * 5 * kMinute, 1);
  run.See(kHour, 49);
  EXPECT_TRUE(run.Alerts().empty());
  run.See(kHour + kMinute, 1);
  EXPECT_EQ(run.Alerts().size(), 1u);
}

TEST(RateTest, EmptyBucketsCountAsZero) {
  Scenario run(R"(
    timespan: 5m
    condition: {field: score, gte: 4}
    baseline: {history: 1d, min-history: 1h}
)");
  // Silence for two hours: the median is 0, and 4 steps of the margin are out.
  run.See(0, 10).See(2 * kHour, 3);
  EXPECT_TRUE(run.Alerts().empty());
  run.See(2 * kHour + 10 * kSecond, 1);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_THAT(run.Alerts()[0].explanation,
              StartsWith("4 events in 5m; median = 0, MAD 0"));
}

TEST(RateTest, DownIsJudgedAtTheEndOfTheBucket) {
  Scenario run(R"(
    timespan: 5m
    direction: down
    floor: 10
    condition: {field: score, gte: 4}
    baseline: {history: 1d, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) run.See(i * 5 * kMinute, 20 + i % 2);
  run.Restart().See(kHour, 2).Advance(kHour + 5 * kMinute - 2);
  EXPECT_TRUE(run.Alerts().empty());
  run.Advance(kHour + 5 * kMinute - 1);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].count, 2);
  EXPECT_THAT(run.Alerts()[0].explanation,
              StartsWith("2 events in 5m; median = 20.5, MAD 0.5, margin 1, "
                         "root of the median 4.528; band bottom 2.389; score "
                         "4.086"));
  // Silence goes on; the episode ends when the rate is back.
  run.Advance(2 * kHour);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Restart().See(2 * kHour + kMinute, 20).Advance(2 * kHour + 5 * kMinute);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_EQ(run.Alerts().size(), 1u);
}

TEST(RateTest, AGroupThatIsSilentForEverIsForgotten) {
  Scenario run(R"(
    timespan: 1h
    direction: down
    condition: {field: score, gte: 4}
    baseline: {history: 2d, min-history: 1d, forget-after: 5d}
)");
  for (int i = 0; i < 48; ++i) run.See(i * kHour, 20);
  run.Advance(4 * kDay);
  EXPECT_EQ(run.Alerts().size(), 1u);
  run.Advance(9 * kDay);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
  EXPECT_TRUE(run.harness().rows().empty());
}

TEST(RateTest, ForWaitsAndKeepHolds) {
  Scenario run(R"(
    timespan: 5m
    for: 15m
    keep: 20m
    condition: {field: score, gte: 4}
    baseline: {history: 1d, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) run.See(i * 5 * kMinute, 10);
  // Two buckets out, one inside, then three out.
  int bucket = 12;
  for (int n : {50, 50, 10, 50, 50}) run.See(bucket++ * 5 * kMinute, n);
  run.Restart().See(bucket * 5 * kMinute, 50);
  EXPECT_TRUE(run.Alerts().empty());
  run.Advance((bucket + 1) * 5 * kMinute - 1);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].first_event_ms, kStart + 15 * 5 * kMinute);
  run.Advance((bucket + 1) * 5 * kMinute - 1 + 20 * kMinute - 1);
  EXPECT_FALSE(Closed(run.Alerts()[0]));
  run.Advance((bucket + 1) * 5 * kMinute - 1 + 20 * kMinute);
  EXPECT_TRUE(Closed(run.Alerts()[0]));
}

TEST(RateTest, MeasuresDistinctValuesSumsAndAverages) {
  Scenario distinct(R"(
    timespan: 5m
    measure: {distinct: value}
    condition: {field: score, gte: 4}
    baseline: {history: 1d, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) distinct.See(i * 5 * kMinute, 20, {"value", 1});
  for (int i = 0; i < 4; ++i) {
    distinct.See(kHour + i * kSecond, 1, {"value", i});
  }
  EXPECT_TRUE(distinct.Alerts().empty());
  distinct.See(kHour + kMinute, 1, {"value", 5});
  ASSERT_EQ(distinct.Alerts().size(), 1u);
  EXPECT_THAT(distinct.Alerts()[0].explanation,
              StartsWith("5 distinct value in 5m; median = 1"));

  Scenario sum(R"(
    timespan: 5m
    measure: {sum: value}
    condition: {field: score, gte: 4}
    baseline: {history: 1d, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) sum.See(i * 5 * kMinute, 2, {"value", 50});
  sum.See(kHour, 1, {"value", 103.5});
  EXPECT_TRUE(sum.Alerts().empty());
  sum.See(kHour + 1, 1, {"value", 0.5});
  ASSERT_EQ(sum.Alerts().size(), 1u);
  EXPECT_THAT(sum.Alerts()[0].explanation,
              StartsWith("sum of value 104 in 5m; median = 100"));

  Scenario avg(R"(
    timespan: 5m
    measure: {avg: value}
    margin: 0.5
    condition: {field: score, gte: 4}
    baseline: {history: 1d, min-history: 1h}
)");
  for (int i = 0; i < 12; ++i) avg.See(i * 5 * kMinute, 2, {"value", 3});
  // A bucket without events has no average.
  avg.See(kHour + 5 * kMinute, 1, {"value", 9});
  avg.See(kHour + 5 * kMinute + 2 * kSecond, 1, {"value", 1});
  avg.Advance(kHour + 10 * kMinute - 2);
  EXPECT_TRUE(avg.Alerts().empty());
  avg.Advance(kHour + 10 * kMinute - 1);
  ASSERT_EQ(avg.Alerts().size(), 1u);
  EXPECT_THAT(avg.Alerts()[0].explanation,
              StartsWith("average of value 5 in 5m; median = 3, MAD 0, margin "
                         "0.5; band top 5; score 4"));
}

TEST(RateTest, JudgesByTheSameHourOfTheDay) {
  Scenario run(R"(
    timespan: 30m
    condition: {field: score, gte: 4}
    baseline: {history: 20d, min-history: 5d, season: hour-of-day}
)");
  // 100 an hour at noon, 2 at night.
  for (int half = 0; half < 48 * 8; ++half) {
    run.See(half * 30 * kMinute, half % 48 == 24 || half % 48 == 25 ? 100 : 2);
  }
  EXPECT_TRUE(run.Alerts().empty());
  run.Restart().See(8 * kDay + 3 * kHour, 8);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_THAT(run.Alerts()[0].explanation,
              StartsWith("8 events in 30m; median for 03:00 = 2, MAD 0"));
}

TEST(RateTest, JudgesByTheHourOfTheWeek) {
  Scenario run(R"(
    timespan: 5m
    condition: {field: score, gte: 4}
    baseline: {history: 30d, min-history: 7d, season: hour-of-week}
)");
  for (int day = 0; day < 21; ++day) {
    for (int n = 0; n < 288; ++n) {
      run.See(day * kDay + n * 5 * kMinute, day % 7 < 5 ? 5 : 1);
    }
  }
  EXPECT_TRUE(run.Alerts().empty());
  // The samples, and the current bucket.
  size_t bytes = 0;
  for (const auto& [row, blob] : run.harness().rows()) bytes += blob.size();
  EXPECT_LT(bytes, 4096u);
  // 8 is nothing for a Monday at noon, and much for a Saturday.
  run.See(21 * kDay + 12 * kHour, 8);
  EXPECT_TRUE(run.Alerts().empty());
  run.Restart().See(26 * kDay + 12 * kHour, 8);
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_THAT(run.Alerts()[0].explanation, HasSubstr("for Sat 12:00"));
}

TEST(RateTest, PeersStandInWhileAGroupIsLearning) {
  Scenario run(R"(
    timespan: 5m
    condition: {field: score, gte: 4}
    peers: [team]
    baseline: {history: 1d, min-history: 1h}
)");
  for (int i = 0; i < 14; ++i) {
    run.See(i * 5 * kMinute, 10 + i % 3, {"value", 1}, "mk_old");
  }
  run.Restart().See(70 * kMinute, 30, {"value", 1}, "mk_new");
  ASSERT_EQ(run.Alerts().size(), 1u);
  EXPECT_EQ(run.Alerts()[0].key, KeyId("mk_new"));
  EXPECT_THAT(run.Alerts()[0].explanation,
              HasSubstr("median for the peer group = 11"));
}

TEST(SeasonalSamplesTest, PacksWholeNumbersExactlyAndOthersNearly) {
  for (int i = -1024; i <= 1024; ++i) {
    ASSERT_EQ(UnpackSample(PackSample(i)), i);
  }
  for (double x = 1e-4; x < 1e13; x *= 1.37) {
    ASSERT_NEAR(UnpackSample(PackSample(x)), x, x * 0.001);
    ASSERT_NEAR(UnpackSample(PackSample(-x)), -x, x * 0.001);
  }
  EXPECT_EQ(UnpackSample(PackSample(std::nan(""))), 0);
  EXPECT_GT(UnpackSample(PackSample(1e300)), 1e14);
}

TEST(SeasonalSamplesTest, SamplesOfASlotSpreadOverTheWholeHistory) {
  Baseline baseline;
  baseline.history_ms = 28 * kDay;
  baseline.season = Baseline::Season::kHourOfWeek;
  const SampleShape shape(baseline, 5 * kMinute, "");
  EXPECT_EQ(shape.slots(), 168u);
  EXPECT_EQ(shape.per_slot(), 10u);
  EXPECT_EQ(shape.stride(), 5) << "48 buckets of an hour of the week";
  EXPECT_EQ(shape.SlotName(shape.SlotOf(kStart + kDay + 14 * kHour)),
            "Tue 14:00");
  const SampleShape tokyo(baseline, 5 * kMinute, "Asia/Tokyo");
  EXPECT_EQ(tokyo.SlotName(tokyo.SlotOf(kStart + 20 * kHour)), "Tue 05:00");
}

// Every seventh bucket of ten minutes is the same in every week.
TEST(SeasonalSamplesTest, NoSlotStaysWithoutSamples) {
  for (const int minutes : {1, 2, 5, 10, 15, 20, 30, 60}) {
    for (const int days : {28, 30, 60, 90, 180}) {
      Baseline baseline;
      baseline.history_ms = days * kDay;
      baseline.season = Baseline::Season::kHourOfWeek;
      const int64_t bucket_ms = minutes * kMinute;
      const SampleShape shape(baseline, bucket_ms, "");
      std::vector<int> samples(shape.slots());
      for (int64_t b = 0; b * bucket_ms < baseline.history_ms; ++b) {
        if (b % shape.stride() == 0) ++samples[shape.SlotOf(b * bucket_ms)];
      }
      EXPECT_GT(*std::min_element(samples.begin(), samples.end()), 0)
          << minutes << "m, " << days << "d";
    }
  }
}

TEST(SeasonalSamplesTest, TheNewestSamplesOfASlotAreKept) {
  Baseline baseline;
  baseline.history_ms = kDay;
  const SampleShape shape(baseline, kHour, "");
  ASSERT_EQ(shape.per_slot(), 24u);
  SeasonalSamples samples;
  for (int i = 0; i < 1000; ++i) samples.Add(shape, 0, i);
  std::vector<double> collected;
  std::string name;
  samples.Collect(shape, 0, 8, &collected, &name);
  ASSERT_EQ(collected.size(), 24u);
  EXPECT_EQ(collected.front(), 976);
  EXPECT_EQ(collected.back(), 999);
}

TEST(BandTest, ModelsHaveTheirOwnCentreAndWidth) {
  const std::vector<double> samples = {1, 2, 3, 4, 100};
  const Band mad = MakeBand(Baseline::Model::kMedianMad, samples, 0);
  EXPECT_EQ(mad.center, 3);
  EXPECT_EQ(mad.spread, 1);
  EXPECT_DOUBLE_EQ(mad.scale_up, 1.4826);
  EXPECT_EQ(MakeBand(Baseline::Model::kMedianMad, samples, 7).scale_down, 7);
  std::vector<double> ramp;
  for (int i = 0; i <= 100; ++i) ramp.push_back(i);
  const Band quantile = MakeBand(Baseline::Model::kQuantile, ramp, 0);
  EXPECT_EQ(quantile.center, 50);
  EXPECT_DOUBLE_EQ(quantile.scale_up, 45 / 1.645);
  const Band ewma =
      MakeBand(Baseline::Model::kEwma, std::vector<double>(50, 6.0), 0);
  EXPECT_EQ(ewma.center, 6);
  EXPECT_EQ(ewma.spread, 0);
  EXPECT_GT(MakeBand(Baseline::Model::kEwma, ramp, 0).center, 55)
      << "newer samples weigh more";
}

}  // namespace
}  // namespace keywatch
