#ifndef DAEMON_METRICS_SOURCE_METRICS_H_
#define DAEMON_METRICS_SOURCE_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/metrics/total_counter.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"

namespace keywatch {

// What a source has done since the pipeline was made.
struct SourceCounts {
  int64_t records = 0;
  int64_t events = 0;
  int64_t late_events = 0;
  int64_t duplicate_events = 0;
  int64_t future_events = 0;
};

// How often and for how long a source was blind for one reason, since the
// pipeline was made.
struct GapTotals {
  absl::string_view reason;
  int64_t gaps = 0;
  int64_t milliseconds = 0;
};

// SourceMetrics are the metrics of one source. Made by Metrics::Source and
// valid as long as that. Thread-safe.
class SourceMetrics {
 public:
  // Labels of one source that come from what happens: beyond this many
  // different ones they are "other".
  static constexpr size_t kMaxLabelValues = 64;

  // Totals; they may start again from zero.
  void SetCounts(const SourceCounts& counts) ABSL_LOCKS_EXCLUDED(mu_);
  void AddRejected(absl::string_view reason, int64_t count)
      ABSL_LOCKS_EXCLUDED(mu_);
  // `code` is a canonical status code's name: "UNAVAILABLE".
  void AddError(absl::string_view code) ABSL_LOCKS_EXCLUDED(mu_);
  // Totals, each time of the same reasons in the same order; they may start
  // again from zero.
  void SetCoverageGaps(const std::vector<GapTotals>& totals)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Both are absent until they are known.
  void SetLag(absl::Duration lag) ABSL_LOCKS_EXCLUDED(mu_);
  void SetWatermark(absl::Time watermark) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class Metrics;
  using CounterFamily = prometheus::Family<prometheus::Counter>;
  using ByLabel = absl::flat_hash_map<std::string, prometheus::Counter*>;

  struct Families {
    CounterFamily* records;
    CounterFamily* events;
    CounterFamily* late_events;
    CounterFamily* duplicate_events;
    CounterFamily* rejected;
    CounterFamily* errors;
    CounterFamily* future_events;
    CounterFamily* coverage_gap;
    CounterFamily* coverage_gaps;
    prometheus::Family<prometheus::Gauge>* lag;
    prometheus::Family<prometheus::Gauge>* watermark;
  };
  SourceMetrics(const std::string& source, const Families& families);

  prometheus::Counter* ByLabelLocked(CounterFamily* family, const char* label,
                                     absl::string_view value, ByLabel* cache)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction; prometheus-cpp synchronises itself.
  const std::string source_;
  const Families families_;

  absl::Mutex mu_;
  TotalCounter records_ ABSL_GUARDED_BY(mu_);
  TotalCounter events_ ABSL_GUARDED_BY(mu_);
  TotalCounter late_events_ ABSL_GUARDED_BY(mu_);
  TotalCounter duplicate_events_ ABSL_GUARDED_BY(mu_);
  TotalCounter future_events_ ABSL_GUARDED_BY(mu_);
  struct Gaps {
    TotalCounter count;
    prometheus::Counter* seconds = nullptr;
    int64_t milliseconds = 0;  // counted so far
  };
  std::vector<Gaps> gaps_ ABSL_GUARDED_BY(mu_);
  ByLabel rejected_ ABSL_GUARDED_BY(mu_);
  ByLabel errors_ ABSL_GUARDED_BY(mu_);
  prometheus::Gauge* lag_ ABSL_GUARDED_BY(mu_) = nullptr;
  prometheus::Gauge* watermark_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace keywatch

#endif  // DAEMON_METRICS_SOURCE_METRICS_H_
