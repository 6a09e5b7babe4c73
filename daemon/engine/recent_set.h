#ifndef DAEMON_ENGINE_RECENT_SET_H_
#define DAEMON_ENGINE_RECENT_SET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/core/codec.h"
#include "daemon/core/event.h"

namespace keywatch {

// RecentSet keeps the distinct values most recently seen, each as a 64-bit
// hash with the time when it was seen last, in order of that time. Every
// operation is constant time; a few values are found by looking through them,
// more by a hash table. Times are given in ascending order. Thread-compatible.
class RecentSet {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Notes that `value` was seen; true when the set did not hold it. When
  // `limit` values are held already, the one seen longest ago makes room.
  bool See(uint64_t value, EventTime time, size_t limit);
  bool Contains(uint64_t value) const { return Find(value) != kNone; }

  // When the value that was seen longest ago was seen; not for an empty set.
  EventTime oldest() const { return entries_[first_].time; }
  // Drops every value not seen since `oldest`.
  void DropBefore(EventTime oldest) {
    while (size_ > 0 && entries_[first_].time < oldest) DropFirst();
  }
  void Reset();

  // Calls `f(value, time)` for each, the one seen longest ago first.
  template <typename F>
  void ForEach(F f) const {
    for (uint32_t i = first_; i != kNone; i = entries_[i].next) {
      f(entries_[i].value, entries_[i].time);
    }
  }

  size_t HeapBytes() const {
    return size_ * (sizeof(Entry) + 2 * sizeof(uint32_t));
  }
  void Encode(Encoder* out) const;
  // False when malformed or more than `limit` values.
  bool Decode(Decoder* in, size_t limit);

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  // Up to this many values there is no table.
  static constexpr size_t kScan = 8;

  struct Entry {
    uint64_t value;
    EventTime time;
    uint32_t previous;
    uint32_t next;
  };

  uint32_t Find(uint64_t value) const;
  void DropFirst();
  void Unlink(uint32_t i);
  void LinkLast(uint32_t i);
  void TableInsert(uint32_t i);
  void TableErase(uint32_t i);
  void BuildTable(size_t slots);

  std::vector<Entry> entries_;   // some of them on the free list
  std::vector<uint32_t> table_;  // entry index + 1, or 0; a power of two
  uint32_t first_ = kNone;
  uint32_t last_ = kNone;
  uint32_t free_ = kNone;
  uint32_t size_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_RECENT_SET_H_
