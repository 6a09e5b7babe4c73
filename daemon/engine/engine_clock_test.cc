// What the clock judges when nothing more comes, and what it leaves alone.

#include <memory>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"
#include "daemon/engine/engine_fixture.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr char kRules[] = R"(
title: Request
name: request
detection: {sel: {url.path: /v1/charges}, condition: sel}
---
title: Job Missing
name: missing
level: high
anomaly:
    type: absence
    rules: [request]
    group-by: [api.key.id]
    every: 1h
---
title: Burst
name: burst
level: high
correlation:
    type: event_count
    rules: [request]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: 3}
---
title: Job Missing And No Burst
name: chained
level: high
correlation:
    type: event_count
    rules: [missing]
    group-by: [api.key.id]
    timespan: 5h
    condition: {gte: 1}
    generate: true
)";

class EngineClockTest : public testing::Test {
 protected:
  EngineClockTest()
      : rules_(CompileOrDie(kRules)), log_(rules_), harness_(rules_) {
    // One event is no habit.
    for (int64_t at = -30 * kDay; at < 0; at += 30 * kMinute) {
      See(at);
      See(at, "mk_B");
    }
  }

  void See(int64_t at, const std::string& key = "mk_A") {
    harness_.Observe(log_.Add(
        kStart + at, {{"api.key.id", key}, {"url.path", "/v1/charges"}}));
  }
  size_t Count(absl::string_view rule) {
    return harness_.AlertsOf(rule).size();
  }

  std::shared_ptr<const RuleSet> rules_;
  TestLog log_;
  EngineHarness harness_;
};

TEST_F(EngineClockTest, JudgesWhatDidNotCome) {
  See(0);
  See(0, "mk_B");
  harness_.engine().AdvanceClock(kStart + kHour - 1);
  EXPECT_EQ(Count("missing"), 0u);
  harness_.engine().AdvanceClock(kStart + kHour);
  ASSERT_EQ(Count("missing"), 2u);
  EXPECT_EQ(harness_.AlertsOf("missing")[0].first_fire_ms, kStart + kHour);
  EXPECT_EQ(Count("chained"), 2u);
}

// The clock once moved the watermark: events that a shipper delivered after a
// pause were late for every rule, and an attack in them was not seen.
TEST_F(EngineClockTest, EventsOfBeforeAreInOrderForAllOtherRules) {
  See(0);
  See(0, "mk_B");
  harness_.engine().AdvanceClock(kStart + 2 * kHour);
  See(30 * kMinute);
  See(31 * kMinute);
  See(32 * kMinute);
  EXPECT_EQ(Count("burst"), 1u);
  EXPECT_EQ(Count("missing"), 2u) << "that verdict stands";
}

TEST_F(EngineClockTest, ARestartKeepsHowFarTheClockJudged) {
  See(0);
  See(0, "mk_B");
  harness_.engine().AdvanceClock(kStart + 2 * kHour);
  harness_.Restart();
  See(30 * kMinute);
  EXPECT_EQ(harness_.AlertsOf("missing").size(), 2u);
  EXPECT_EQ(harness_.AlertsOf("missing")[0].kind, Detection::Kind::kOpen)
      << "a late event does not end what was judged";
}

TEST_F(EngineClockTest, GivesWhatTheWatermarkWouldGive) {
  EngineHarness clocked(rules_);
  EngineHarness other(rules_);
  for (int64_t at : {int64_t{0}, 20 * kMinute, 100 * kMinute}) {
    const Event& event = log_.Add(
        kStart + at, {{"api.key.id", "mk_A"}, {"url.path", "/v1/charges"}});
    clocked.Observe(event);
    other.Observe(event);
    clocked.engine().AdvanceClock(kStart + at + 10 * kMinute);
  }
  clocked.engine().AdvanceClock(kStart + 9 * kHour);
  clocked.AdvanceTo(kStart + 10 * kHour);
  other.AdvanceTo(kStart + 10 * kHour);
  EXPECT_FALSE(other.AlertsOf("missing").empty());
  EXPECT_EQ(ToText(clocked.Alerts()), ToText(other.Alerts()));
}

}  // namespace
}  // namespace keywatch
