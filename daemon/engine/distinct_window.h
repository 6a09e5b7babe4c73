#ifndef DAEMON_ENGINE_DISTINCT_WINDOW_H_
#define DAEMON_ENGINE_DISTINCT_WINDOW_H_

#include <cstdint>
#include <memory>

#include "daemon/core/codec.h"
#include "daemon/core/event.h"
#include "daemon/engine/recent_set.h"
#include "daemon/engine/sliding_hyperloglog.h"

namespace keywatch {

// DistinctWindow says how many distinct values were seen in a sliding window.
// It is asked about one number N: as long as N is at most 256 it is exact and
// keeps the N values seen last. For a greater N it is exact up to 256 values
// and estimates from there on, until the window was empty once. Times are
// given in ascending order. Thread-compatible.
class DistinctWindow {
 public:
  static constexpr size_t kMaxExact = 256;

  // Notes a value; true when there may be more distinct ones now.
  bool See(uint64_t hash, EventTime time, int64_t window_ms, int64_t n);
  // Whether there are at least `n` in the window that ends at `now`, to be
  // asked after See at `now`. If so, `until` is the last instant at which that
  // is so when nothing more comes; for an estimate, at which it may be so.
  bool HasAtLeast(int64_t n, EventTime now, int64_t window_ms,
                  EventTime* until);
  // The number itself; at most N while exact.
  double Count(EventTime now, int64_t window_ms) const;
  bool exact() const { return estimate_ == nullptr; }

  void Reset();
  size_t HeapBytes() const {
    return estimate_ != nullptr ? estimate_->HeapBytes() : values_.HeapBytes();
  }
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);

 private:
  RecentSet values_;
  std::unique_ptr<SlidingHyperLogLog> estimate_;
  int64_t window_ms_ = 0;  // of `estimate_`
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_DISTINCT_WINDOW_H_
