#ifndef DAEMON_METRICS_METRICS_H_
#define DAEMON_METRICS_METRICS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/core/alert.h"
#include "daemon/core/level.h"
#include "daemon/core/roll.h"
#include "daemon/metrics/process_collector.h"
#include "daemon/metrics/rule_metrics.h"
#include "daemon/metrics/source_metrics.h"
#include "daemon/metrics/total_counter.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace keywatch {

// What became of an attempt to send a message.
enum class NotificationOutcome { kSent, kRetried, kDead };

// Metrics holds every metric of the daemon; catalogue.h says what each one
// means. Callers give plain values; which library stands behind it is nobody's
// business. Thread-safe.
class Metrics {
 public:
  struct Build {
    std::string version;
    std::string revision;
  };
  // `start` is when the process started.
  Metrics(const Build& build, absl::Time start);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The metrics of one source, made at the first call for it. Valid as long as
  // this object; keep the pointer.
  SourceMetrics* Source(absl::string_view name) ABSL_LOCKS_EXCLUDED(mu_);
  RuleMetrics& rules() { return rules_; }

  // `forced` is a total, which may start again from zero.
  void SetReorderBuffer(int64_t events, int64_t bytes, int64_t forced)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Without a success so far the metric is absent.
  void SetSelfTest(bool enabled, absl::Time last_success);

  void CheckpointSucceeded(absl::Duration took, absl::Time at);
  // `code` is a canonical status code's name.
  void CheckpointFailed(absl::string_view code) ABSL_LOCKS_EXCLUDED(mu_);

  // Alerts as Store::CountAlerts gives them: [state][level]. Missing ones are
  // zero.
  void SetAlerts(const std::vector<std::vector<int64_t>>& counts);
  void SetOutbox(int64_t pending, int64_t dead, absl::Duration oldest);
  void NotificationTried(absl::string_view notifier,
                         NotificationOutcome outcome) ABSL_LOCKS_EXCLUDED(mu_);
  // Number of rolls in each state, indexed by RollState. Missing ones are zero.
  void SetRolls(const std::vector<int64_t>& counts);

  // Totals since the daemon started, and the size now.
  void SetHistory(int64_t events, int64_t dropped, int64_t bytes);

  // A load of configuration and rules, the first one included.
  void LoadSucceeded(absl::Time at);
  void LoadFailed();

  // A call of the API ended. `service` is the full name, `code` gRPC's own
  // spelling ("OK", "NotFound"). Streams have no duration.
  void RpcFinished(absl::string_view service, absl::string_view method,
                   absl::string_view code, absl::Duration took, bool stream)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Called before each Serialize, by its thread, one at a time: sets what is
  // looked up rather than counted as it happens (alerts, outbox, rolls, lag).
  void set_refresh(std::function<void(Metrics*)> refresh)
      ABSL_LOCKS_EXCLUDED(refresh_mu_);

  // Everything in Prometheus' text format 0.0.4.
  std::string Serialize() ABSL_LOCKS_EXCLUDED(refresh_mu_);

 private:
  using Counter = prometheus::Counter;
  using Gauge = prometheus::Gauge;
  template <typename T>
  using Family = prometheus::Family<T>;
  using Key = std::pair<std::string, std::string>;
  using ByKey = std::map<Key, Counter*>;

  // Constant after construction; prometheus-cpp synchronises itself.
  prometheus::Registry registry_;
  const ProcessCollector process_;
  const SourceMetrics::Families source_families_;
  RuleMetrics rules_;
  Gauge* const reorder_buffer_;
  Gauge* const reorder_buffer_bytes_;
  Gauge* const self_test_enabled_;
  Family<Gauge>* const self_test_success_;
  prometheus::Histogram* const checkpoint_duration_;
  Family<Counter>* const checkpoint_failures_;
  Family<Gauge>* const last_checkpoint_;
  Gauge* const outbox_pending_;
  Gauge* const outbox_dead_;
  Gauge* const outbox_oldest_;
  Family<Counter>* const notifications_;
  TotalCounter history_events_;
  TotalCounter history_dropped_;
  Gauge* const history_bytes_;
  Gauge* const reload_success_;
  Family<Gauge>* const last_reload_;
  Family<Counter>* const rpcs_handled_;
  Family<prometheus::Histogram>* const rpc_duration_;
  std::vector<std::vector<Gauge*>> alerts_;  // [state][level]
  std::vector<Gauge*> rolls_;                // [state]

  absl::Mutex mu_;
  absl::flat_hash_map<std::string, std::unique_ptr<SourceMetrics>> sources_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, Counter*> checkpoint_codes_
      ABSL_GUARDED_BY(mu_);
  TotalCounter forced_events_ ABSL_GUARDED_BY(mu_);
  ByKey notification_counters_ ABSL_GUARDED_BY(mu_);
  // Per "service/method" and code.
  ByKey rpc_counters_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, prometheus::Histogram*> rpc_histograms_
      ABSL_GUARDED_BY(mu_);

  absl::Mutex refresh_mu_;
  std::function<void(Metrics*)> refresh_ ABSL_GUARDED_BY(refresh_mu_);
};

}  // namespace keywatch

#endif  // DAEMON_METRICS_METRICS_H_
