#ifndef DAEMON_ENGINE_TIMER_QUEUE_H_
#define DAEMON_ENGINE_TIMER_QUEUE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "daemon/core/event.h"

namespace keywatch {

// A time at which some rule has to look at one of its groups.
struct Timer {
  EventTime due;
  uint32_t rule;
  uint32_t slot;
  uint64_t group_hash;
  uint32_t generation;
};

// TimerQueue gives timers in order of time, then rule, then group: an order
// that does not depend on when they were set, so that a restart changes
// nothing. Thread-compatible.
class TimerQueue {
 public:
  void Push(const Timer& timer) {
    heap_.push_back(timer);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  // The time of the first timer, or kMaxEventTime.
  EventTime next() const {
    return heap_.empty() ? kMaxEventTime : heap_.front().due;
  }
  Timer Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Timer timer = heap_.back();
    heap_.pop_back();
    return timer;
  }

 private:
  static bool Later(const Timer& a, const Timer& b) {
    if (a.due != b.due) return a.due > b.due;
    if (a.rule != b.rule) return a.rule > b.rule;
    return a.group_hash > b.group_hash;
  }

  std::vector<Timer> heap_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_TIMER_QUEUE_H_
