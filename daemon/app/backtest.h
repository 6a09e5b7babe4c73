#ifndef DAEMON_APP_BACKTEST_H_
#define DAEMON_APP_BACKTEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/app/log_run.h"
#include "daemon/core/detection.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// What one version of the rules would have done. A value.
struct BacktestRun {
  std::shared_ptr<const RuleSet> rules;
  RunResult result;

  struct RuleCount {
    uint32_t rule = 0;
    int64_t matches = 0;
    int64_t alerts = 0;
    int64_t keys = 0;  // distinct groups that had an alert
  };
  // Rules that alert, in order of their name.
  std::vector<RuleCount> counts;

  int64_t alerts() const;
  // Of the stage.
  int64_t alerts(Stage stage) const;
  // Alerts of each day (UTC) from the first event to the last, also the days
  // without one: "2026-08-03" and their number.
  std::vector<std::pair<std::string, int64_t>> days() const;
  // Length of the log in days, at least one: what rates are about. A burst of
  // an hour says nothing about a week.
  double length_in_days() const;
};

BacktestRun MakeBacktestRun(std::shared_ptr<const RuleSet> rules,
                            RunResult result);

// How two versions differ, by alert. Alerts are the same when rule and group
// are, and their stretches of time overlap.
struct BacktestDifference {
  struct Pair {
    const Detection* before = nullptr;  // in the older run
    const Detection* after = nullptr;
    std::string what;  // "level low -> high, 3 -> 12 events"
  };
  std::vector<const Detection*> gained;
  std::vector<const Detection*> lost;
  std::vector<Pair> changed;
  int64_t same = 0;
};

// Both must outlive what is given. Rules are the same by their id.
BacktestDifference Compare(const BacktestRun& before, const BacktestRun& after);

}  // namespace keywatch

#endif  // DAEMON_APP_BACKTEST_H_
