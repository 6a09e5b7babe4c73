#ifndef DAEMON_ENGINE_VALUE_WINDOW_H_
#define DAEMON_ENGINE_VALUE_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/core/codec.h"
#include "daemon/core/event.h"
#include "daemon/engine/decimal_sum.h"

namespace keywatch {

// ValueWindow keeps the numbers of a sliding window with their sum and, once
// asked for, their order. Times are pushed in ascending order; numbers are
// finite. Thread-compatible.
class ValueWindow {
 public:
  // More numbers than this are not kept: the oldest go.
  static constexpr size_t kMaxValues = 16'384;

  void Push(EventTime time, double value);
  // Drops every number from before `oldest`.
  void DropBefore(EventTime oldest);
  void Reset();

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  EventTime front_time() const { return at(0).time; }
  // True when a number that was still in the window had to go.
  bool cut() const { return cut_; }

  double Sum() const { return sum_.value(); }
  // Between the two numbers nearest to that rank, in proportion (the median of
  // 1 and 2 is 1.5); `percent` is 0 to 100. Not for an empty window, and only
  // when every number was pushed `sorted`.
  double Percentile(double percent) const;

  size_t HeapBytes() const { return size_ * (sizeof(Entry) + sizeof(double)); }
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);

 private:
  struct Entry {
    EventTime time;
    double value;
  };
  const Entry& at(size_t i) const {
    return ring_[(head_ + i) & (ring_.size() - 1)];
  }
  void PopFront();

  std::vector<Entry> ring_;  // a power of two, or empty
  size_t head_ = 0;
  size_t size_ = 0;
  bool cut_ = false;
  DecimalSum sum_;
  mutable std::vector<double> sorted_;  // empty until asked for
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_VALUE_WINDOW_H_
