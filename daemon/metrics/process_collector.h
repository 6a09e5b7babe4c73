#ifndef DAEMON_METRICS_PROCESS_COLLECTOR_H_
#define DAEMON_METRICS_PROCESS_COLLECTOR_H_

#include <vector>

#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace keywatch {

// ProcessCollector reads what the kernel knows of this process whenever it is
// asked: processor time, memory, file descriptors. A value that cannot be read
// (a sandbox hides it) is left out. Thread-safe.
class ProcessCollector : public prometheus::Collectable {
 public:
  // `start` is when the process started: /proc/stat, which would tell, is
  // hidden by the service's sandbox.
  explicit ProcessCollector(absl::Time start) : start_(start) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const absl::Time start_;
};

}  // namespace keywatch

#endif  // DAEMON_METRICS_PROCESS_COLLECTOR_H_
