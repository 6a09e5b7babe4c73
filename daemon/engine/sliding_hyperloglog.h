#ifndef DAEMON_ENGINE_SLIDING_HYPERLOGLOG_H_
#define DAEMON_ENGINE_SLIDING_HYPERLOGLOG_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/core/codec.h"
#include "daemon/core/event.h"

namespace keywatch {

// SlidingHyperLogLog estimates how many distinct values were seen in the last
// `window`, with a standard error of 1.04 / sqrt(2048) = 2.3 %. For each of
// its 2048 registers it keeps the observations that can still become the
// greatest of a window: newer ones, and older ones only as long as they are
// greater than all newer ones. That is exact with regard to time: the estimate
// equals that of a fresh HyperLogLog over the values of the window. Some 50 KB
// when full. Times are given in ascending order. Thread-compatible.
class SlidingHyperLogLog {
 public:
  static constexpr int kPrecision = 11;
  static constexpr size_t kRegisters = size_t{1} << kPrecision;
  // In percent; said in explanations.
  static constexpr double kStandardError = 2.3;

  explicit SlidingHyperLogLog(int64_t window_ms)
      : window_ms_(window_ms), heads_(kRegisters, kNone), tops_(kRegisters) {}

  // True when the estimate may have grown.
  bool See(uint64_t hash, EventTime time);
  double Estimate(EventTime now) const;
  // Estimate(now) >= n, mostly without reading the registers.
  bool HasAtLeast(double n, EventTime now);
  // Nothing was seen in the window that ends at `now`.
  bool Empty(EventTime now) const { return newest_ < now - window_ms_; }

  size_t HeapBytes() const {
    return sizeof(*this) + kRegisters * (sizeof(uint32_t) + sizeof(uint8_t)) +
           live_ * sizeof(Node);
  }
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  // One register's observations are a list, newest first: later in the list
  // means older and greater.
  struct Node {
    EventTime time;
    uint32_t next;
    uint8_t rank;
  };

  // No estimate that old observations only lower is greater.
  double Bound() const;
  // The greatest rank of a register not before `oldest`; 0: none.
  uint8_t Rank(size_t index, EventTime oldest) const;
  void SetTop(size_t index, uint8_t rank);
  // Finds the registers' values at `now` anew.
  void SetTops(EventTime now);

  uint32_t NewNode();
  void FreeNode(uint32_t i);

  const int64_t window_ms_;
  EventTime newest_ = kMinEventTime;
  std::vector<uint32_t> heads_;
  // Of each register the greatest rank since the last SetTops, whether it is
  // still in the window or not, and what an estimate makes of them.
  std::vector<uint8_t> tops_;
  double sum_ = kRegisters;
  size_t zeros_ = kRegisters;
  std::vector<Node> nodes_;
  uint32_t free_ = kNone;
  uint32_t live_ = 0;  // nodes in use
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_SLIDING_HYPERLOGLOG_H_
