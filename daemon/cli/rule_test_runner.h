#ifndef DAEMON_CLI_RULE_TEST_RUNNER_H_
#define DAEMON_CLI_RULE_TEST_RUNNER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/core/detection.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// What a rule did with the events of a test.
struct RuleTestOutcome {
  // Alerts of the rule; for a detection, matching events.
  int64_t count = 0;
  // Its alerts, in order: what a person compares with what was meant.
  std::vector<Detection> alerts;
};

// Runs one inline test in virtual time, in a fresh engine. `rules` must have
// been compiled with ignore_logsource: a test's events have no format. Errors
// as TestEvents gives them. Pure but for reading the test's file.
absl::StatusOr<RuleTestOutcome> RunRuleTest(
    const std::shared_ptr<const RuleSet>& rules, const InlineTest& test);

// One test as a report shows it.
struct RuleTestReport {
  std::string rule;
  std::string name;
  std::string file;
  int line = 0;
  bool passed = false;
  std::string message;  // why not
};

// The reports in JUnit's XML, a suite per file.
std::string JUnitXml(const std::vector<RuleTestReport>& reports);

}  // namespace keywatch

#endif  // DAEMON_CLI_RULE_TEST_RUNNER_H_
