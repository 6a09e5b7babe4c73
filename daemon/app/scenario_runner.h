#ifndef DAEMON_APP_SCENARIO_RUNNER_H_
#define DAEMON_APP_SCENARIO_RUNNER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/app/scenario.h"
#include "daemon/core/detection.h"

namespace keywatch {

// An expectation that did not come true.
struct ScenarioFailure {
  ScenarioExpectation expectation;
  int64_t got = 0;
  // For people: what was expected, what came, and the alerts nearest to it.
  std::string message;
};

struct ScenarioOutcome {
  std::vector<ScenarioFailure> failures;  // empty: the test passed
  // Every alert of the story, in order of first fire.
  std::vector<Detection> alerts;
  int64_t events = 0;
};

// Runs one test of a scenario in virtual time: the daemon's own Pipeline over
// one source whose records appear as the series say, and whose watermark
// follows the clock of the story while it is quiet.
//
// A test that restarts has a store (SQLite in a temporary directory). It
// commits whenever an alert opens, every 10,000 events, and a second before
// each restart. A restart throws pipeline and store away as kill -9 does, with
// all that was not committed, opens the store again, restores, and reads on
// from the committed position.
//
// `progress` is called now and then with events done and in all; may be empty.
// An error is a fault of the machine or of the restart, never of the rules.
absl::StatusOr<ScenarioOutcome> RunScenarioTest(
    const Scenario& scenario, const ScenarioTest& test,
    const std::function<void(int64_t, int64_t)>& progress);

}  // namespace keywatch

#endif  // DAEMON_APP_SCENARIO_RUNNER_H_
