#ifndef DAEMON_ENGINE_TIME_RING_H_
#define DAEMON_ENGINE_TIME_RING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/core/codec.h"
#include "daemon/core/event.h"

namespace keywatch {

// TimeRing keeps the newest times of a group, oldest first, in a ring that
// grows with what it holds. Times are pushed in ascending order.
// Thread-compatible.
class TimeRing {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  EventTime front() const { return times_[head_]; }
  EventTime back() const { return at(size_ - 1); }
  EventTime at(size_t i) const {
    return times_[(head_ + i) & (times_.size() - 1)];
  }

  // Appends; when `limit` are held already, the oldest makes room.
  void Push(EventTime time, size_t limit) {
    if (size_ >= limit) PopFront();
    if (size_ == times_.size()) Grow();
    times_[(head_ + size_) & (times_.size() - 1)] = time;
    ++size_;
  }
  void PopFront() {
    head_ = (head_ + 1) & (times_.size() - 1);
    --size_;
  }
  // Drops every time before `oldest`.
  void DropBefore(EventTime oldest) {
    while (size_ > 0 && front() < oldest) PopFront();
  }
  // Empties the ring; memory beyond a small ring's is given back.
  void Reset();

  size_t HeapBytes() const { return size_ * sizeof(EventTime); }
  void Encode(Encoder* out) const;
  // False when malformed or longer than `limit`.
  bool Decode(Decoder* in, size_t limit);

 private:
  void Grow();

  std::vector<EventTime> times_;  // a power of two, or empty
  uint32_t head_ = 0;
  uint32_t size_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_TIME_RING_H_
