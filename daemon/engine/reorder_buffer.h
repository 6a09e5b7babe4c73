#ifndef DAEMON_ENGINE_REORDER_BUFFER_H_
#define DAEMON_ENGINE_REORDER_BUFFER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "daemon/core/event.h"

namespace keywatch {

// ReorderBuffer puts events of all sources into one order (EventBefore) and
// releases them when the watermark has passed their time. Thread-compatible.
//
// An event that arrives in order (nearly all of them) costs one append; only
// one that arrives out of order is searched its place.
class ReorderBuffer {
 public:
  // Takes an event of `batch` and keeps the batch alive as long as needed.
  void Push(const Event* event, std::shared_ptr<const EventBatch> batch);

  // Calls `f(const Event&)` for every event with time <= `watermark`, in
  // order, and drops them.
  template <typename F>
  size_t Release(EventTime watermark, F f) {
    size_t released = 0;
    while (!entries_.empty() && entries_.front().event->time_ms <= watermark) {
      f(*entries_.front().event);
      entries_.pop_front();
      ++released;
    }
    return released;
  }

  // Calls `f(const Event&)` for every waiting event, in order.
  template <typename F>
  void ForEach(F f) const {
    for (const Entry& entry : entries_) f(*entry.event);
  }

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // Times of the oldest and newest waiting event; not for an empty buffer.
  EventTime oldest() const { return entries_.front().event->time_ms; }
  EventTime newest() const { return entries_.back().event->time_ms; }
  void Clear() { entries_.clear(); }

 private:
  struct Entry {
    const Event* event;
    std::shared_ptr<const EventBatch> batch;
  };
  std::deque<Entry> entries_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_REORDER_BUFFER_H_
