#ifndef DAEMON_METRICS_TOTAL_COUNTER_H_
#define DAEMON_METRICS_TOTAL_COUNTER_H_

#include <cstdint>

#include "prometheus/counter.h"

namespace keywatch {

// TotalCounter feeds a counter from a total that somebody else keeps. When the
// total starts again from zero (an engine was made anew), the counter goes on.
// Thread-compatible.
class TotalCounter {
 public:
  TotalCounter() = default;
  explicit TotalCounter(prometheus::Counter* counter) : counter_(counter) {}

  void Set(int64_t total) {
    const int64_t more = total >= last_ ? total - last_ : total;
    last_ = total;
    if (more > 0) counter_->Increment(static_cast<double>(more));
  }
  // The next total counts from zero.
  void Restart() { last_ = 0; }

 private:
  prometheus::Counter* counter_ = nullptr;
  int64_t last_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_METRICS_TOTAL_COUNTER_H_
