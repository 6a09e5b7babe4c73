#ifndef DAEMON_ENGINE_TIMER_QUEUE_H_
#define DAEMON_ENGINE_TIMER_QUEUE_H_

#include <algorithm>
#include <cstdint>
#include <utility>
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
// nothing. The timers of some rules, those judged by time, can be taken ahead
// of the others. Thread-compatible.
class TimerQueue {
 public:
  // `judged_by_time[rule]`, for every rule.
  explicit TimerQueue(std::vector<bool> judged_by_time)
      : judged_by_time_(std::move(judged_by_time)) {}

  void Push(const Timer& timer) {
    Heap& heap = judged_by_time_[timer.rule] ? by_time_ : by_events_;
    heap.push_back(timer);
    std::push_heap(heap.begin(), heap.end(), Later);
  }
  // The time of the first timer, or kMaxEventTime.
  EventTime next() const { return std::min(First(by_events_), next_by_time()); }
  Timer Pop() {
    const bool by_time =
        by_events_.empty() ||
        (!by_time_.empty() && Later(by_events_.front(), by_time_.front()));
    return PopFrom(by_time ? &by_time_ : &by_events_);
  }
  // The same, of rules that are judged by time.
  EventTime next_by_time() const { return First(by_time_); }
  Timer PopByTime() { return PopFrom(&by_time_); }

 private:
  using Heap = std::vector<Timer>;

  static bool Later(const Timer& a, const Timer& b) {
    if (a.due != b.due) return a.due > b.due;
    if (a.rule != b.rule) return a.rule > b.rule;
    return a.group_hash > b.group_hash;
  }
  static EventTime First(const Heap& heap) {
    return heap.empty() ? kMaxEventTime : heap.front().due;
  }
  static Timer PopFrom(Heap* heap) {
    std::pop_heap(heap->begin(), heap->end(), Later);
    const Timer timer = heap->back();
    heap->pop_back();
    return timer;
  }

  std::vector<bool> judged_by_time_;
  Heap by_events_;
  Heap by_time_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_TIMER_QUEUE_H_
