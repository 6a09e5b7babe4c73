// The same events in the same order give the same alerts: whatever the
// commits, the restarts, the calls of AdvanceTo, and the order in which they
// came within the allowed lateness.
#include <random>

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"
#include "daemon/engine/reorder_buffer.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// At least one rule of every type, chained ones among them. Times are short,
// so that much happens in a few thousand events.
constexpr char kRules[] = R"(
title: A
name: a
detection: {sel: {kind|contains: a}, condition: sel}
---
title: B
name: b
detection: {sel: {kind|contains: b}, condition: sel}
---
title: Alerting
name: alerting
detection: {sel: {kind|contains: c}, condition: sel}
---
title: Event count
name: event_count
correlation: {type: event_count, rules: [a, b], group-by: [api.key.id], timespan: 2m, condition: {gte: 5}, generate: true}
---
title: Few
name: few
correlation: {type: event_count, rules: [a], group-by: [api.key.id], timespan: 3m, condition: {lt: 3}, generate: true}
---
title: Value count
name: value_count
correlation: {type: value_count, rules: [a], group-by: [api.key.id], timespan: 5m, condition: {field: ip, gte: 4}, generate: true}
---
title: Many values
name: many_values
correlation: {type: value_count, rules: [a, b], timespan: 2h, condition: {field: unique, gte: 400}, generate: true}
---
title: Few values
name: few_values
correlation: {type: value_count, rules: [a], group-by: [api.key.id], timespan: 5m, condition: {field: ip, lte: 2}, generate: true}
---
title: Temporal
name: temporal
correlation: {type: temporal, rules: [a, b, alerting], group-by: [api.key.id], timespan: 1m, generate: true}
---
title: Temporal not
name: temporal_not
correlation: {type: temporal, rules: [a, b], group-by: [ip], timespan: 1m, condition: a and not b, generate: true}
---
title: Ordered
name: ordered
correlation: {type: temporal_ordered, rules: [a, b, alerting], group-by: [api.key.id], timespan: 2m, generate: true}
---
title: Sum
name: sum
correlation: {type: value_sum, rules: [a], group-by: [api.key.id], timespan: 5m, condition: {field: number, gt: 40}, generate: true}
---
title: Low sum
name: low_sum
correlation: {type: value_sum, rules: [a], group-by: [api.key.id], timespan: 5m, condition: {field: number, lt: 5}, generate: true}
---
title: Average
name: average
correlation: {type: value_avg, rules: [b], group-by: [ip], timespan: 5m, condition: {field: number, lt: 3}, generate: true}
---
title: Percentile
name: percentile
correlation: {type: value_percentile, rules: [b], group-by: [api.key.id], timespan: 5m, condition: {field: number, percentile: 90, gte: 9}, generate: true}
---
title: Median
name: median
correlation: {type: value_median, rules: [b], timespan: 5m, condition: {field: number, gte: 6}, generate: true}
---
title: Chain
name: chain
correlation: {type: event_count, rules: [event_count, few], group-by: [api.key.id], timespan: 20m, condition: {gte: 3}}
---
title: Chain in order
name: chain_ordered
correlation: {type: temporal_ordered, rules: [few, value_count], group-by: [api.key.id], timespan: 30m}
---
title: New term
name: new_term
anomaly: {type: new_term, rules: [a], group-by: [api.key.id], field: ip, peers: [team], baseline: {history: 2h, min-history: 20m, min-events: 10, forget-after: 3h}}
---
title: Rare term
name: rare_term
anomaly: {type: rare_term, rules: [b], group-by: [api.key.id], field: ip, condition: {field: share, lte: 0.05}, peers: [team], baseline: {history: 2h, min-events: 15, forget-after: 4h}}
---
title: Dormant
name: dormant
anomaly: {type: dormant, rules: [a], group-by: [api.key.id], condition: {field: idle, gte: 6m}}
---
title: Absence
name: absence
anomaly: {type: absence, rules: [a], group-by: [api.key.id], every: 5m, grace: 30s}
---
title: Absence by schedule
name: absence_schedule
anomaly: {type: absence, rules: [alerting], group-by: [api.key.id], schedule: "*/7 * * * *", grace: 1m}
---
title: Travel
name: travel
anomaly: {type: travel, rules: [a], group-by: [api.key.id], field: {lat: lat, lon: lon}, condition: {field: speed_kmh, gte: 1000}, floor: {distance_km: 500}, baseline: {history: 1h}}
---
title: Rate up
name: rate_up
anomaly: {type: rate, rules: [a, b], group-by: [api.key.id], timespan: 1m, peers: [team], condition: {field: score, gte: 2}, baseline: {history: 2h, min-history: 15m}}
---
title: Rate both
name: rate_both
anomaly: {type: rate, rules: [a], group-by: [api.key.id], timespan: 2m, direction: both, for: 4m, keep: 5m, condition: {field: score, gte: 1.5}, baseline: {history: 2h, min-history: 15m, forget-after: 2h, season: hour-of-day}}
---
title: Rate of values
name: rate_values
anomaly: {type: rate, rules: [b], group-by: [team], timespan: 2m, measure: {distinct: ip}, peers: [team], condition: {field: score, gte: 2}, baseline: {history: 2h, model: quantile}}
---
title: Rate of averages
name: rate_average
anomaly: {type: rate, rules: [b], group-by: [api.key.id], timespan: 2m, measure: {avg: number}, peers: [team], direction: both, margin: 0.5, condition: {field: score, gte: 2}, baseline: {history: 2h, min-events: 10, model: ewma, forget-after: 2h}}
---
title: Ratio
name: ratio
anomaly: {type: ratio, numerator: a, denominator: b, group-by: [api.key.id], timespan: 5m, condition: {field: ratio, gt: 1.2}, floor: {denominator: 4}}
)";

// A few hours of six keys, with bursts, pauses and equal times.
void Fill(uint32_t seed, int events, TestLog* log) {
  std::mt19937 random(seed);
  EventTime now = kStart + static_cast<EventTime>(random() % kHour);
  const double places[4][2] = {
      {40.7, -74}, {51.5, -0.1}, {35.7, 139.7}, {42, -71}};
  int burst = 0;
  for (int i = 0; i < events; ++i) {
    if (random() % 40 == 0) burst = static_cast<int>(random() % 30);
    if (burst > 0) {
      --burst;
      now += random() % 3 == 0 ? 0 : static_cast<EventTime>(random() % 2000);
    } else if (random() % 60 == 0) {
      now += static_cast<EventTime>(random() % (15 * kMinute));
    } else {
      now += static_cast<EventTime>(random() % (20 * kSecond));
    }
    std::string kind;
    for (const char* one : {"a", "b", "c"}) {
      if (random() % 3 == 0) kind += one;
    }
    const unsigned key = burst > 0 ? seed % 6 : random() % 6;
    const auto& place = places[random() % 20 == 0 ? random() % 4 : key % 4];
    std::vector<TestField> fields = {
        {"kind", kind},
        {"team", key % 2 == 0 ? "red" : "blue"},
        {"unique", absl::StrCat(random() % 2000)},
        {"number", static_cast<double>(random() % 100) / 10},
        {"lat", place[0]},
        {"lon", place[1]}};
    if (random() % 30 != 0) {
      fields.emplace_back("api.key.id", absl::StrCat("mk_", key));
    }
    if (random() % 30 != 0) {
      fields.emplace_back("ip", absl::StrCat("10.0.0.", random() % 8));
    }
    log->Add(now, fields, absl::StrCat(random() % 100'000, ".", i));
  }
  log->Sort();
}

std::map<std::string, Detection> RunPlainly(
    const std::shared_ptr<const RuleSet>& rules, const TestLog& log,
    EventTime end) {
  EngineHarness harness(rules);
  for (const Event* event : log.events()) harness.Observe(*event);
  harness.AdvanceTo(end);
  return harness.Alerts();
}

class EnginePropertyTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    compiled_ = CompileOrDie(kRules);
    log_ = std::make_unique<TestLog>(compiled_);
    const auto seed = static_cast<uint32_t>(GetParam());
    // Every second run has too little room for its groups.
    rules_ = seed % 2 == 0 ? compiled_ : WithCap(compiled_, 4);
    Fill(seed, 1500, log_.get());
    end_ = log_->events().back()->time_ms + 12 * kHour;
    expected_ = RunPlainly(rules_, *log_, end_);
  }

  std::shared_ptr<const RuleSet> compiled_;
  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<TestLog> log_;
  EventTime end_ = 0;
  std::map<std::string, Detection> expected_;
};

TEST_P(EnginePropertyTest, RestartsCommitsAndAdvancesChangeNothing) {
  for (uint32_t run = 0; run < 4; ++run) {
    std::mt19937 random(run * 1000 + static_cast<uint32_t>(GetParam()));
    EngineHarness harness(rules_, run);
    const unsigned restart_every = 5 + random() % 200;
    EventTime last = kMinEventTime;
    for (const Event* event : log_->events()) {
      if (last != kMinEventTime && event->time_ms > last) {
        if (random() % 4 == 0) {
          // Anywhere between the two events.
          harness.AdvanceTo(last + static_cast<EventTime>(
                                       random() % (event->time_ms - last)));
        }
        if (random() % 10 == 0) harness.Commit();
        if (random() % restart_every == 0) harness.Restart();
      }
      harness.Observe(*event);
      last = event->time_ms;
    }
    if (random() % 2 == 0) harness.Restart();
    harness.AdvanceTo(end_);
    ASSERT_EQ(ToText(harness.Alerts()), ToText(expected_)) << "run " << run;
  }
}

TEST_P(EnginePropertyTest, DisorderWithinTheLatenessChangesNothing) {
  constexpr int64_t kLateness = 5 * kMinute;
  std::mt19937 random(static_cast<uint32_t>(GetParam()) + 77);
  std::vector<std::pair<EventTime, const Event*>> arrivals;
  for (const Event* event : log_->events()) {
    arrivals.emplace_back(
        event->time_ms + static_cast<EventTime>(random() % kLateness), event);
  }
  std::sort(arrivals.begin(), arrivals.end());
  EngineHarness harness(rules_);
  ReorderBuffer buffer;
  EventTime newest = kMinEventTime;
  const std::shared_ptr<const EventBatch> batch = log_->batch();
  for (const auto& [arrival, event] : arrivals) {
    newest = std::max(newest, event->time_ms);
    buffer.Push(event, batch);
    if (random() % 20 != 0) continue;
    const EventTime watermark = newest - kLateness - 1;
    buffer.Release(watermark, [&](const Event& e) { harness.Observe(e); });
    harness.AdvanceTo(watermark);
    if (random() % 20 == 0) harness.Restart();
  }
  buffer.Release(kMaxEventTime, [&](const Event& e) { harness.Observe(e); });
  harness.AdvanceTo(end_);
  ASSERT_EQ(ToText(harness.Alerts()), ToText(expected_));
}

// Whoever looks at an engine's state and hands it on changes nothing either.
TEST_P(EnginePropertyTest, AReloadWithAllStateChangesNothing) {
  std::mt19937 random(static_cast<uint32_t>(GetParam()) + 99);
  std::map<std::string, Detection> alerts;
  auto engine = Engine::Create(rules_);
  auto take = [&] {
    for (Detection& d : engine->TakeDetections()) {
      alerts[d.id.str()] = std::move(d);
    }
  };
  for (const Event* event : log_->events()) {
    if (random() % 100 == 0) {
      take();
      auto next = Engine::Create(rules_);
      for (const StateChange& row : engine->AllState()) {
        ASSERT_TRUE(next->RestoreRow(row.owner, row.group, row.blob).ok());
      }
      next->FinishRestore(event->time_ms - 1);
      engine = std::move(next);
    }
    engine->Observe(*event);
  }
  engine->AdvanceTo(end_);
  take();
  ASSERT_EQ(ToText(alerts), ToText(expected_));
}

INSTANTIATE_TEST_SUITE_P(Seeds, EnginePropertyTest, ::testing::Range(0, 8));

// What the runs above compare must contain something.
TEST(EnginePropertySetup, EveryRuleFiresSomewhere) {
  auto rules = CompileOrDie(kRules);
  std::vector<int64_t> episodes(rules->rules().size(), 0);
  for (uint32_t seed = 0; seed < 8; ++seed) {
    TestLog log(rules);
    Fill(seed, 1500, &log);
    for (const auto& [id, d] :
         RunPlainly(rules, log, log.events().back()->time_ms + 12 * kHour)) {
      ++episodes[d.rule];
    }
  }
  for (size_t i = 0; i < episodes.size(); ++i) {
    const Rule& rule = rules->rule(static_cast<uint32_t>(i));
    if (rule.alerts) {
      EXPECT_GT(episodes[i], 0) << rule.name;
    }
  }
}

}  // namespace
}  // namespace keywatch
