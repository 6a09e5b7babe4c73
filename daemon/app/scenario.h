#ifndef DAEMON_APP_SCENARIO_H_
#define DAEMON_APP_SCENARIO_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "daemon/core/issue.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// A scenario file (`*.tests.yml`): tests of stateful rules as stories in
// virtual time. rules/README.md describes the language. All times are
// milliseconds after the scenario's start unless they say otherwise; all types
// are values.

// Events that are alike, one after the other.
struct ScenarioSeries {
  // "{n}" in its texts stands for the number of the event in the series.
  TestEvent event;
  bool numbered = false;  // there is a "{n}"
  // Fields that take these values in turn.
  std::vector<std::pair<std::string, std::vector<TestValue>>> vary;
  int64_t at_ms = 0;  // of the first event
  int64_t every_ms = 0;
  int64_t times = 1;
  int64_t jitter_ms = 0;  // each event is later by a part of it
  int64_t late_ms = 0;    // the log shows each so long after its time
  uint32_t route = 0;
};

// A stretch in which the source was blind.
struct ScenarioGap {
  int64_t from_ms = 0;
  int64_t to_ms = 0;
};

struct ScenarioExpectation {
  // When it must hold; nullopt: at the end ("anytime").
  absl::optional<int64_t> at_ms;
  uint32_t rule = 0;
  std::string key;  // "" any
  std::vector<std::pair<std::string, std::string>> group;
  // Alerts of the rule that were raised by then.
  int64_t count = 0;
  int line = 0;
  int column = 0;
};

struct ScenarioTest {
  std::string name;
  std::vector<ScenarioSeries> series;
  std::vector<ScenarioGap> gaps;
  std::vector<int64_t> restart_at_ms;  // ascending
  std::vector<ScenarioExpectation> expect;
  // When the story ends: behind everything that it names.
  int64_t end_ms = 0;
  int line = 0;
};

struct Scenario {
  std::string file;
  std::shared_ptr<const RuleSet> rules;
  EventTime start = 0;
  absl::Duration allowed_lateness;
  absl::Duration idle_timeout;
  std::vector<ScenarioTest> tests;
};

// Reads the scenario at `path`, and compiles the rules that it names: paths
// from the folder of the file or one above it, or from the working directory;
// without `rules:` those beside the file. nullopt and issues, each at its
// place, when anything is wrong. Reads files and nothing else.
absl::optional<Scenario> LoadScenario(const std::string& path,
                                      IssueList* issues);

}  // namespace keywatch

#endif  // DAEMON_APP_SCENARIO_H_
