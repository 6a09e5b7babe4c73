#include "daemon/engine/state_text.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/engine_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kBase[] = R"(
name: any
detection: {sel: {kind: a}, condition: sel}
---
name: bad
detection: {sel: {bad: 1}, condition: sel}
---
name: rule
)";

// What the row of `rule` says after a few events of the key k, at the last one.
std::string After(const std::string& rule) {
  auto rules = CompileOrDie(absl::StrCat(kBase, rule));
  TestLog log(rules);
  for (int i = 0; i < 3; ++i) {
    log.Add(kStart + i * 1000, {{"kind", "a"},
                                {"bad", i == 2 ? 1 : 0},
                                {"api.key.id", "k"},
                                {"number", i},
                                {"url.path", absl::StrCat("/", i)}});
  }
  auto engine = Engine::Create(rules);
  for (const Event* event : log.events()) engine->Observe(*event);
  std::string text;
  for (const StateChange& row : engine->AllState()) {
    const Rule& last = rules->rules().back();
    if (row.owner != absl::StrCat(last.id.view(), "@", last.meaning)) continue;
    const std::string group = StateGroupText(last, row.group);
    if (group.empty()) continue;
    absl::StrAppend(&text, group, ": ",
                    StateText(*rules, last, row.blob, kStart + 2000));
  }
  return text;
}

TEST(StateTextTest, CountsTellWhatIsInTheWindow) {
  EXPECT_EQ(After("correlation: {type: event_count, rules: [any], group-by: "
                  "[api.key.id], timespan: 60s, condition: {gte: 5}}"),
            "api.key.id=k: 3 events in 1m (threshold >= 5); no alert open");
  // The first has left the window.
  EXPECT_EQ(After("correlation: {type: event_count, rules: [any], group-by: "
                  "[api.key.id], timespan: 1s, condition: {gte: 5}}"),
            "api.key.id=k: 2 events in 1s (threshold >= 5); no alert open");
  EXPECT_EQ(After("correlation: {type: value_count, rules: [any], timespan: "
                  "60s, condition: {field: url.path, gte: 5}}"),
            "all events: 3 distinct url.path in 1m (threshold >= 5); no alert "
            "open");
  EXPECT_THAT(After("correlation: {type: event_count, rules: [any], timespan: "
                    "60s, condition: {lt: 5}}"),
              HasSubstr("3 events in the window since "));
  EXPECT_THAT(After("correlation: {type: value_avg, rules: [any], timespan: "
                    "60s, condition: {field: number, gte: 50}}"),
              HasSubstr("3 numbers in 1m (threshold >= 50)"));
}

TEST(StateTextTest, AnOpenAlertIsTold) {
  EXPECT_THAT(After("correlation: {type: event_count, rules: [any], group-by: "
                    "[api.key.id], timespan: 60s, condition: {gte: 2}}"),
              AllOf(HasSubstr("alert open since "),
                    HasSubstr(", 3 events (2 events in 1m (threshold >= 2))")));
}

TEST(StateTextTest, SequencesTellHowFarTheyCame) {
  EXPECT_THAT(After("correlation: {type: temporal, rules: [any, bad], "
                    "timespan: 60s, group-by: [api.key.id]}"),
              AllOf(HasSubstr("within 1m: any at "), HasSubstr("bad at ")));
  EXPECT_THAT(After("correlation: {type: temporal_ordered, rules: [bad, any], "
                    "timespan: 60s, group-by: [api.key.id]}"),
              HasSubstr(" of 2 steps"));
}

TEST(StateTextTest, BaselinesTellWhatTheyLearned) {
  EXPECT_THAT(After("anomaly: {type: new_term, rules: [any], group-by: "
                    "[api.key.id], field: url.path, baseline: {min-events: "
                    "50}}"),
              AllOf(HasSubstr("learning since "), HasSubstr(", 3 known")));
  EXPECT_THAT(After("anomaly: {type: dormant, rules: [any], group-by: "
                    "[api.key.id], condition: {field: idle, gte: 30d}}"),
              HasSubstr(", last used "));
  EXPECT_THAT(After("anomaly: {type: rate, rules: [any], group-by: "
                    "[api.key.id], timespan: 5m}"),
              HasSubstr("3 events in this 5m"));
  EXPECT_THAT(After("anomaly: {type: absence, rules: [any], group-by: "
                    "[api.key.id], every: 1h}"),
              HasSubstr(", last seen "));
}

TEST(StateTextTest, WhatCannotBeReadIsSaid) {
  auto rules = CompileOrDie(absl::StrCat(
      kBase,
      "correlation: {type: event_count, rules: [any], timespan: 60s, "
      "condition: {gte: 5}}"));
  EXPECT_EQ(StateText(*rules, rules->rules().back(), "\x09", 0),
            "unreadable state");
  EXPECT_EQ(StateText(*rules, rules->rules().back(), "\x01", 0),
            "unreadable state");
}

}  // namespace
}  // namespace keywatch
