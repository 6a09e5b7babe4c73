#ifndef DAEMON_METRICS_RULE_METRICS_H_
#define DAEMON_METRICS_RULE_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/core/level.h"
#include "daemon/metrics/total_counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace keywatch {

// A rule as its metrics name it.
struct RuleLabels {
  std::string name;
  Level level = Level::kMedium;
};

// What a rule has done since the engine was made, and holds now.
struct RuleTotals {
  int64_t matches = 0;
  int64_t alerts = 0;
  int64_t evictions = 0;
  int64_t groups = 0;
};

// RuleMetrics are the metrics of the rules in force. Rules of one name share
// their series. Thread-safe.
class RuleMetrics {
 public:
  explicit RuleMetrics(prometheus::Registry* registry);

  // The rules in force now. Series of rules that went are dropped; those of
  // rules that stayed go on, and their next totals count from zero.
  void SetRules(const std::vector<RuleLabels>& rules) ABSL_LOCKS_EXCLUDED(mu_);

  // Totals of all rules, in the order of SetRules; another size is ignored
  // (it belongs to the set before).
  void SetTotals(const std::vector<RuleTotals>& totals)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Series {
    prometheus::Counter* matches = nullptr;
    prometheus::Counter* alerts = nullptr;
    prometheus::Counter* evictions = nullptr;
    prometheus::Gauge* groups = nullptr;
    Level level = Level::kMedium;
  };
  // One rule's way into its series.
  struct Rule {
    TotalCounter matches;
    TotalCounter alerts;
    TotalCounter evictions;
    prometheus::Gauge* groups = nullptr;
  };

  Series MakeSeries(const std::string& name, Level level);
  void RemoveSeries(const Series& series);

  // Constant after construction; prometheus-cpp synchronises itself.
  prometheus::Gauge* loaded_;
  prometheus::Family<prometheus::Counter>* matches_;
  prometheus::Family<prometheus::Counter>* alerts_;
  prometheus::Family<prometheus::Counter>* evictions_;
  prometheus::Family<prometheus::Gauge>* groups_;

  absl::Mutex mu_;
  std::map<std::string, Series> series_ ABSL_GUARDED_BY(mu_);
  std::vector<Rule> rules_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_METRICS_RULE_METRICS_H_
