#include "daemon/app/scenario.h"

#include <stdlib.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/app/scenario_runner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kRules[] = R"(
title: Request
name: request
logsource: {product: stripe, service: api}
detection:
    selection: {api.key.id|exists: true}
    condition: selection
---
title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 403}
    condition: selection
---
title: Many paths denied
name: many_denied
level: high
correlation:
    type: value_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {field: url.path, gte: 5}
---
title: New network
name: new_network
level: high
anomaly:
    type: new_term
    rules: [request]
    group-by: [api.key.id]
    field: [source.as.number]
    baseline: {history: 30d, min-history: 7d, min-events: 50}
---
title: Job missing
name: job_missing
anomaly: {type: absence, rules: [request], group-by: [api.key.id], every: 2h}
)";

class ScenarioTestBase : public ::testing::Test {
 protected:
  ScenarioTestBase() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/scenarioXXXXXX");
    directory_ = mkdtemp(&pattern[0]);
    Write("rules.yml", kRules);
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(directory_, "/", name);
    std::ofstream(path) << text;
    return path;
  }

  // One test: its series and so on, as they stand below `name`.
  Scenario Load(const std::string& body) {
    IssueList issues;
    absl::optional<Scenario> scenario = LoadScenario(
        Write("a.tests.yml",
              absl::StrCat("rules: [rules.yml]\nstart: 2026-08-03T00:00:00Z\n"
                           "tests:\n    - name: test\n",
                           body)),
        &issues);
    EXPECT_TRUE(scenario.has_value()) << FormatIssues(issues);
    return scenario ? *std::move(scenario) : Scenario();
  }

  ScenarioOutcome Run(const Scenario& scenario) {
    if (scenario.tests.empty()) return {};
    absl::StatusOr<ScenarioOutcome> outcome =
        RunScenarioTest(scenario, scenario.tests[0], {});
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? *std::move(outcome) : ScenarioOutcome();
  }
  ScenarioOutcome Run(const std::string& body) { return Run(Load(body)); }

  static std::string Messages(const ScenarioOutcome& outcome) {
    std::string out;
    for (const ScenarioFailure& failure : outcome.failures) {
      absl::StrAppend(&out, failure.message, "\n");
    }
    return out;
  }

  // What LoadScenario says to a whole file.
  std::string Refused(const std::string& text) {
    IssueList issues;
    EXPECT_FALSE(LoadScenario(Write("b.tests.yml", text), &issues).has_value());
    return absl::StrReplaceAll(FormatIssues(issues), {{directory_, "DIR"}});
  }

  std::string directory_;
};

constexpr char kMonth[] = R"(
      series:
          - {event: {api.key.id: mk_A, source.as.number: 16509}, every: 1m, times: 40000, jitter: 20s}
          - {event: {api.key.id: mk_A, source.as.number: 64511}, at: 27d, every: 1s, times: 900, late: LATE}
      RESTARTS
      expect:
          - {at: 26d23h, rule: new_network, count: 0}
          - {at: 27d5m, rule: new_network, key: mk_A, count: 1}
          - {anytime: true, rule: new_network, count: 1}
          - {anytime: true, rule: job_missing, count: 0}
)";

std::string Month(const std::string& restarts, const std::string& late) {
  return absl::StrReplaceAll(kMonth, {{"RESTARTS", restarts}, {"LATE", late}});
}

TEST_F(ScenarioTestBase, AMonthOfMinutesPasses) {
  const ScenarioOutcome outcome = Run(Month("", "20s"));
  EXPECT_THAT(Messages(outcome), IsEmpty());
  EXPECT_EQ(outcome.events, 40900);
  EXPECT_EQ(outcome.alerts.size(), 1u);
}

TEST_F(ScenarioTestBase, RestartsChangeNoAlert) {
  const ScenarioOutcome plain = Run(Month("", "20s"));
  const ScenarioOutcome restarted =
      Run(Month("restart_at: [13d, 27d0h0m20s, 27d30s, 27d2m]", "20s"));
  EXPECT_THAT(Messages(restarted), IsEmpty());
  ASSERT_EQ(restarted.alerts.size(), plain.alerts.size());
  for (size_t i = 0; i < plain.alerts.size(); ++i) {
    EXPECT_EQ(restarted.alerts[i].id, plain.alerts[i].id);
    EXPECT_EQ(restarted.alerts[i].count, plain.alerts[i].count);
    EXPECT_EQ(restarted.alerts[i].last_event_ms, plain.alerts[i].last_event_ms);
  }
}

TEST_F(ScenarioTestBase, FailureNamesPlaceNumbersAndNearestAlerts) {
  const ScenarioOutcome outcome = Run(R"(
      series:
          - {event: {api.key.id: mk_A, http.response.status_code: 403, url.path: '/v1/{n}'}, at: 1h, every: 10s, times: 8}
      expect:
          - {at: 59m, rule: many_denied, key: mk_A, count: 1}
          - {anytime: true, rule: many_denied, key: mk_B, count: 1}
          - {anytime: true, rule: new_network, count: 2}
)");
  ASSERT_EQ(outcome.failures.size(), 3u);
  EXPECT_EQ(
      outcome.failures[0].message,
      absl::StrCat(directory_,
                   "/a.tests.yml:9:13: expected 1 alert of many_denied "
                   "for key mk_A at 59m, got 0\n"
                   "its alerts in the whole test, the nearest first:\n"
                   "  1h40s api.key.id=mk_A: ",
                   outcome.alerts[0].explanation, " (8 events until 1h1m10s)"));
  EXPECT_THAT(outcome.failures[1].message, HasSubstr("for key mk_B in all"));
  EXPECT_THAT(outcome.failures[2].message,
              HasSubstr("its input request matched 8"));
}

TEST_F(ScenarioTestBase, VaryTakesItsValuesInTurn) {
  EXPECT_THAT(Messages(Run(R"(
      series:
          - event: {api.key.id: mk_A, http.response.status_code: 403}
            vary: {url.path: [/a, /b, /c, /d]}
            every: 1s
            times: 400
          - event: {http.response.status_code: 403, url.path: '/v1/{n}'}
            vary: {api.key.id: [mk_B, mk_C]}
            every: 1s
            times: 18
      expect:
          - {anytime: true, rule: many_denied, key: mk_A, count: 0}
          - {anytime: true, rule: many_denied, key: mk_B, count: 1}
          - {anytime: true, rule: many_denied, group: {api.key.id: mk_C}, count: 1}
)")),
              IsEmpty());
}

TEST_F(ScenarioTestBase, LaterThanAllowedDoesNotCount) {
  const std::string body = R"(
      series:
          - {event: {api.key.id: mk_A}, every: 1s, times: 600}
          - {event: {api.key.id: mk_A, http.response.status_code: 403, url.path: '/v1/{n}'}, at: 1m, every: 1s, times: 9, late: LATE}
      expect:
          - {anytime: true, rule: many_denied, count: COUNT}
)";
  EXPECT_THAT(Messages(Run(absl::StrReplaceAll(
                  body, {{"LATE", "25s"}, {"COUNT", "1"}}))),
              IsEmpty());
  EXPECT_THAT(Messages(Run(absl::StrReplaceAll(
                  body, {{"LATE", "90s"}, {"COUNT", "0"}}))),
              IsEmpty());
}

TEST_F(ScenarioTestBase, BlindSourceIsNoAbsence) {
  const std::string body = R"(
      series:
          - {event: {api.key.id: mk_A}, every: 1h, times: 10}
          - {event: {api.key.id: mk_A}, at: 20h, every: 1h, times: 10}
      GAPS
      expect: [{anytime: true, rule: job_missing, count: COUNT}]
      until: 30h
)";
  EXPECT_THAT(
      Messages(Run(absl::StrReplaceAll(body, {{"GAPS", ""}, {"COUNT", "1"}}))),
      IsEmpty());
  EXPECT_THAT(Messages(Run(absl::StrReplaceAll(
                  body, {{"GAPS", "gaps: [{from: 9h1m, to: 19h59m}]"},
                         {"COUNT", "0"}}))),
              IsEmpty());
}

TEST_F(ScenarioTestBase, SilenceIsJudgedByTheClockOfTheStory) {
  EXPECT_THAT(Messages(Run(R"(
      series: [{event: {api.key.id: mk_A}}]
      expect:
          - {at: 1h59m, rule: job_missing, count: 0}
          - {at: 2h1m, rule: job_missing, count: 1}
)")),
              IsEmpty());
}

TEST_F(ScenarioTestBase, LogsourceRoutesEvents) {
  const std::string text = R"(rules: [rules.yml]
logsource: {product: PRODUCT, service: api}
tests:
    - name: t
      series: [{event: {api.key.id: a, http.response.status_code: 403, url.path: '/{n}'}, every: 1s, times: 9}]
      expect: [{anytime: true, rule: many_denied, count: COUNT}]
)";
  for (const auto& [product, count] :
       {std::make_pair("stripe", "1"), std::make_pair("aws", "0")}) {
    IssueList issues;
    const absl::optional<Scenario> scenario = LoadScenario(
        Write("c.tests.yml", absl::StrReplaceAll(text, {{"PRODUCT", product},
                                                        {"COUNT", count}})),
        &issues);
    ASSERT_TRUE(scenario) << FormatIssues(issues);
    EXPECT_THAT(Messages(Run(*scenario)), IsEmpty()) << product;
  }
}

TEST_F(ScenarioTestBase, EveryMistakeIsShownAtItsPlace) {
  const std::string issues = Refused(R"(rules: [rules.yml]
strat: 2026-08-03T00:00:00Z
tests:
    - name: t
      series:
          - {event: {api.key.id: a, '@timestamp': 3s}, times: 5}
          - {event: {api.key.id: a}, at: soon}
      restart_at: 3x
      expect:
          - {at: 1d, anytime: true, rule: new_netwrok, count: 1}
          - {at: 1d, rule: denied}
)");
  EXPECT_THAT(issues, HasSubstr("DIR/b.tests.yml:2:1: error"));
  EXPECT_THAT(issues, HasSubstr("did you mean \"start\"?"));
  EXPECT_THAT(issues, HasSubstr("DIR/b.tests.yml:6:21: error"));
  EXPECT_THAT(issues, HasSubstr("`times` needs `every`"));
  EXPECT_THAT(issues, HasSubstr("\"soon\" is no time"));
  EXPECT_THAT(issues, HasSubstr("\"3x\" is no time"));
  EXPECT_THAT(issues, HasSubstr("either `at` or `anytime: true`"));
  EXPECT_THAT(issues, HasSubstr("did you mean \"new_network\"?"));
  EXPECT_THAT(issues, HasSubstr("rule \"denied\" raises no alerts"));
  EXPECT_THAT(issues, HasSubstr("\"count\""));
}

TEST_F(ScenarioTestBase, RefusedRulesAreShownAtTheirPlace) {
  Write("rules.yml", "title: x\ndetection: 7\n");
  EXPECT_THAT(Refused("tests: [{name: t, series: [], expect: [{anytime: true, "
                      "rule: x, count: 0}]}]\n"),
              HasSubstr("DIR/rules.yml:2:"));
}

}  // namespace
}  // namespace keywatch
