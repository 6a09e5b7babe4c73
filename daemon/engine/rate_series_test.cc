// rate over series of counts as services have them, each with a week or more
// to learn from and known anomalies: every anomaly is one alert, and nothing
// else is one. The parameters are those of the rule language where a test does
// not say otherwise.
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/core/time.h"
#include "daemon/engine/engine_fixture.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr int64_t kBucket = 5 * kMinute;
constexpr int kPerHour = 12;
constexpr int kPerDay = 24 * kPerHour;

struct Span {
  int from;  // buckets, both included
  int to;
};

// A series of counts, given to the engine event by event.
class Series {
 public:
  explicit Series(int days, uint32_t seed = 1)
      : counts_(static_cast<size_t>(days * kPerDay)), random_(seed) {}

  EventTime TimeOf(size_t bucket) const {
    return start_ + static_cast<int64_t>(bucket) * kBucket;
  }
  Series& Start(EventTime start) {
    start_ = start;
    return *this;
  }
  // Counts around `mean(bucket)`; the standard deviation is that of a Poisson
  // process, and `burst` of the mean on top.
  template <typename F>
  Series& Fill(F mean, double burst = 0.1) {
    for (size_t i = 0; i < counts_.size(); ++i) {
      const double m = mean(i);
      const double deviation = std::sqrt(m + m * m * burst * burst);
      const double x = m + deviation * normal_(random_);
      counts_[i] = x < 0 ? 0 : std::round(x);
    }
    return *this;
  }
  // Makes an anomaly of the buckets.
  Series& Multiply(Span span, double by) {
    for (int i = span.from; i <= span.to; ++i) {
      double& count = counts_[static_cast<size_t>(i)];
      count = std::round(count * by);
    }
    anomalies_.push_back(span);
    return *this;
  }

  // Alerts whose first bucket lies within an anomaly, at most one of each, and
  // all others.
  struct Result {
    int found = 0;
    int again = 0;
    int wrong = 0;
    std::string text;
  };
  Result Judge(absl::string_view keys) {
    auto rules = CompileOrDie(absl::StrCat(R"(
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
    timespan: 5m
)",
                                           keys));
    EngineHarness harness(rules);
    for (size_t i = 0; i < counts_.size(); ++i) {
      TestLog log(rules);
      const auto count = static_cast<int64_t>(counts_[i]);
      for (int64_t n = 0; n < count; ++n) {
        harness.Observe(log.Add(TimeOf(i) + n * kBucket / count,
                                {{"kind", "a"}, {"api.key.id", "mk_A"}}));
      }
      if (random_() % 500 == 0) harness.Restart();
    }
    harness.AdvanceTo(TimeOf(counts_.size()) + kHour);
    Result result;
    std::vector<int> hits(anomalies_.size(), 0);
    for (const Detection& alert : harness.AlertsOf("rule")) {
      const auto bucket =
          static_cast<int>((alert.first_event_ms - start_) / kBucket);
      bool right = false;
      for (size_t a = 0; a < anomalies_.size(); ++a) {
        if (bucket < anomalies_[a].from || bucket > anomalies_[a].to) continue;
        right = true;
        ++(hits[a]++ == 0 ? result.found : result.again);
      }
      if (!right) ++result.wrong;
      absl::StrAppend(&result.text, FormatTime(alert.first_event_ms),
                      right ? " " : " WRONG ", alert.explanation, "\n");
    }
    return result;
  }

 private:
  EventTime start_ = kStart;
  std::vector<double> counts_;
  std::vector<Span> anomalies_;
  std::mt19937 random_;
  std::normal_distribution<double> normal_;
};

// Five times as much at two in the afternoon as at two at night.
double Daily(size_t bucket, double mean) {
  const double hour = static_cast<double>(bucket % kPerDay) / kPerHour;
  return mean * (1 + 0.67 * std::cos((hour - 14) / 24 * 2 * M_PI));
}
bool Weekend(size_t bucket) { return bucket / kPerDay % 7 >= 5; }

constexpr char kByDay[] = R"(
    baseline: {history: 28d, min-history: 7d, season: hour-of-day}
)";
constexpr char kByDayBoth[] = R"(
    direction: both
    baseline: {history: 28d, min-history: 7d, season: hour-of-day}
)";
constexpr char kByWeek[] = R"(
    keep: 30m
    baseline: {history: 28d, min-history: 14d, season: hour-of-week}
)";

TEST(RateSeriesTest, NoiseAloneIsNoAnomaly) {
  int wrong = 0;
  for (uint32_t seed = 0; seed < 6; ++seed) {
    const double mean = std::pow(3, seed % 5);
    wrong += Series(21, seed)
                 .Fill([&](size_t i) { return Daily(i, mean); })
                 .Judge(kByDayBoth)
                 .wrong;
  }
  // 24,000 judged buckets, on both sides.
  EXPECT_LE(wrong, 2);
}

TEST(RateSeriesTest, SpikesAreFoundAtNightAndAtNoon) {
  Series series(21);
  series.Fill([](size_t i) { return Daily(i, 30); });
  // At night six times the usual is hardly more than what is usual at noon.
  const int night = 16 * kPerDay + 2 * kPerHour;
  const int noon = 18 * kPerDay + 14 * kPerHour;
  series.Multiply({night, night + 2}, 6);
  series.Multiply({noon, noon}, 4);
  const auto result = series.Judge(kByDay);
  EXPECT_EQ(result.found, 2) << result.text;
  EXPECT_EQ(result.wrong, 0) << result.text;
}

TEST(RateSeriesTest, ALevelThatShiftsIsOneAlert) {
  Series series(21);
  series.Fill([](size_t i) { return Daily(i, 30); });
  series.Multiply({15 * kPerDay, 18 * kPerDay - 1}, 4);
  const auto result = series.Judge(R"(
    keep: 1h
    baseline: {history: 28d, min-history: 7d, season: hour-of-day}
)");
  EXPECT_EQ(result.found, 1) << result.text;
  EXPECT_EQ(result.again, 0) << result.text;
  EXPECT_EQ(result.wrong, 0) << result.text;
}

TEST(RateSeriesTest, ADropoutIsOneAlertDownwards) {
  Series series(21);
  series.Fill([](size_t i) { return Daily(i, 60); });
  series.Multiply(
      {17 * kPerDay + 11 * kPerHour, 17 * kPerDay + 13 * kPerHour - 1}, 0);
  const auto result = series.Judge(R"(
    direction: down
    condition: {field: score, gte: 5}
    baseline: {history: 28d, min-history: 7d, season: hour-of-day}
)");
  EXPECT_EQ(result.found, 1) << result.text;
  EXPECT_EQ(result.again + result.wrong, 0) << result.text;
}

// What is usual on a Monday is out on a Sunday, and only so by the week.
TEST(RateSeriesTest, AWeekdaysLoadOnASundayIsFoundByTheWeek) {
  Series series(35);
  series.Fill([](size_t i) { return Daily(i, Weekend(i) ? 6 : 40); });
  const int sunday = 34 * kPerDay;
  series.Multiply({sunday + 12 * kPerHour, sunday + 14 * kPerHour - 1}, 7);
  Series by_day = series;
  const auto result = series.Judge(kByWeek);
  EXPECT_EQ(result.found, 1) << result.text;
  EXPECT_EQ(result.again + result.wrong, 0) << result.text;
  EXPECT_EQ(by_day.Judge(kByDay).found, 0);
}

// A job that runs in one hour of the night is not compared with the hours
// beside it, even when it ran a few times only.
TEST(RateSeriesTest, ANightlyJobIsUsualInItsHour) {
  Series series(14);
  series.Fill(
      [](size_t i) { return i % kPerDay / kPerHour == 3 ? 80.0 : 2.0; });
  const auto result = series.Judge(R"(
    baseline: {history: 28d, min-history: 3d, season: hour-of-day}
)");
  EXPECT_EQ(result.wrong, 0) << result.text;
}

TEST(RateSeriesTest, GrowthIsNoAnomaly) {
  Series series(35);
  // Doubles within the month.
  series.Fill([](size_t i) {
    return Daily(i, 30 * (1 + static_cast<double>(i) / (30 * kPerDay)));
  });
  const auto result = series.Judge(kByDayBoth);
  EXPECT_EQ(result.wrong, 0) << result.text;
}

// Office hours follow the clock on the wall: as the clocks change, the season
// goes with them, and in UTC it does not.
TEST(RateSeriesTest, DaylightSavingMovesTheSeason) {
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("America/New_York", &zone));
  for (const absl::CivilDay change :
       {absl::CivilDay(2026, 3, 8), absl::CivilDay(2026, 11, 1)}) {
    const EventTime start =
        ToEventTime(absl::FromCivil(change - 21, absl::UTCTimeZone()));
    Series series(28);
    series.Start(start);
    series.Fill([&](size_t i) {
      const int hour =
          absl::ToCivilHour(FromEventTime(series.TimeOf(i)), zone).hour();
      return hour >= 9 && hour < 17 ? 60.0 : 2.0;
    });
    Series in_utc = series;
    const auto local = series.Judge(R"(
    timezone: America/New_York
    baseline: {history: 28d, min-history: 7d, season: hour-of-day}
)");
    EXPECT_EQ(local.wrong, 0) << local.text;
    EXPECT_GT(in_utc.Judge(kByDay).wrong, 0);
  }
}

TEST(RateSeriesTest, ALeapDayIsADayOfItsWeek) {
  const EventTime start = ToEventTime(
      absl::FromCivil(absl::CivilDay(2028, 1, 31), absl::UTCTimeZone()));
  Series series(35);
  series.Start(start);
  // 2028-01-31 is a Monday; the 29th of February is a Tuesday, the 29th day.
  series.Fill([](size_t i) { return Daily(i, Weekend(i) ? 6 : 40); });
  const int leap_day = 29 * kPerDay;
  series.Multiply({leap_day + 3 * kPerHour, leap_day + 3 * kPerHour + 5}, 6);
  const auto result = series.Judge(kByWeek);
  EXPECT_EQ(result.found, 1) << result.text;
  EXPECT_EQ(result.wrong, 0) << result.text;
}

}  // namespace
}  // namespace keywatch
