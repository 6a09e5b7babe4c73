#ifndef DAEMON_ENGINE_REORDER_BUFFER_H_
#define DAEMON_ENGINE_REORDER_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "daemon/core/event.h"

namespace keywatch {

// ReorderBuffer puts events of all sources into one order (EventBefore) and
// releases them when the watermark has passed their time. Thread-compatible.
//
// It holds a few runs, each in order by itself: one for every source that is
// ahead of or behind the others, as a rule. An event costs one append to the
// run where it fits; only one that fits nowhere is searched its place. Events
// that are equal in time and id come out in the order in which they came in.
class ReorderBuffer {
 public:
  // Takes an event of `batch` and keeps the batch alive as long as needed.
  void Push(const Event* event, const std::shared_ptr<const EventBatch>& batch);

  // Calls `f(const Event&)` for every event with time <= `watermark`, in
  // order, and drops them. `f` must not use the buffer.
  template <typename F>
  size_t Release(EventTime watermark, F f) {
    size_t released = 0;
    while (size_ > 0) {
      // Up to the next event of another run, this run needs no comparison.
      const size_t first = FirstRun();
      const Entry* limit = FirstOfOthers(first);
      std::deque<Entry>& run = runs_[first];
      bool any = false;
      while (!run.empty() && run.front().event->time_ms <= watermark &&
             (limit == nullptr || !Before(*limit, run.front()))) {
        const Entry entry = run.front();
        f(*entry.event);
        run.pop_front();
        --size_;
        DropReference(entry.batch);
        ++released;
        any = true;
      }
      if (run.empty()) RemoveRun(first);
      if (!any) break;
    }
    return released;
  }

  // Calls `f(const Event&)` for every waiting event, in order.
  template <typename F>
  void ForEach(F f) const {
    for (const Entry& entry : InOrder()) f(*entry.event);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Times of the oldest and newest waiting event; not for an empty buffer.
  EventTime oldest() const { return runs_[FirstRun()].front().event->time_ms; }
  EventTime newest() const;
  void Clear();

 private:
  struct Entry {
    const Event* event;
    uint64_t sequence;  // of arrival
    uint32_t batch;     // index in batches_
  };
  // Counting per batch here spares an atomic operation per event.
  struct BatchReference {
    std::shared_ptr<const EventBatch> batch;
    size_t events = 0;
  };
  static constexpr size_t kMaxRuns = 16;

  static bool Before(const Entry& a, const Entry& b) {
    if (EventBefore(*a.event, *b.event)) return true;
    if (EventBefore(*b.event, *a.event)) return false;
    return a.sequence < b.sequence;
  }
  uint32_t ReferTo(const std::shared_ptr<const EventBatch>& batch);
  void DropReference(uint32_t batch);
  // The run that begins with the first event of all.
  size_t FirstRun() const;
  // The first event outside of `run`, or nullptr.
  const Entry* FirstOfOthers(size_t run) const;
  void RemoveRun(size_t run);
  std::vector<Entry> InOrder() const;

  std::vector<std::deque<Entry>> runs_;  // none is empty
  size_t size_ = 0;
  uint64_t next_sequence_ = 0;
  std::vector<BatchReference> batches_;
  std::vector<uint32_t> free_batches_;
  uint32_t last_batch_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_REORDER_BUFFER_H_
