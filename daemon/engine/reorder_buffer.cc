#include "daemon/engine/reorder_buffer.h"

#include <algorithm>
#include <utility>

namespace keywatch {

void ReorderBuffer::Push(const Event* event,
                         const std::shared_ptr<const EventBatch>& batch) {
  const Entry entry{event, next_sequence_++, ReferTo(batch)};
  ++size_;
  // The run whose end is nearest before the event: the others stay open for
  // events that are further behind.
  size_t best = runs_.size();
  for (size_t i = 0; i < runs_.size(); ++i) {
    if (Before(entry, runs_[i].back())) continue;
    if (best == runs_.size() || Before(runs_[best].back(), runs_[i].back())) {
      best = i;
    }
  }
  if (best < runs_.size()) {
    runs_[best].push_back(entry);
    return;
  }
  if (runs_.size() < kMaxRuns) {
    runs_.emplace_back();
    runs_.back().push_back(entry);
    return;
  }
  // It fits at no end: into the run where it has to pass the fewest.
  size_t run = 0;
  size_t distance = SIZE_MAX;
  for (size_t i = 0; i < runs_.size(); ++i) {
    const auto place =
        std::upper_bound(runs_[i].begin(), runs_[i].end(), entry, Before);
    const size_t passed = runs_[i].end() - place;
    if (passed < distance) {
      distance = passed;
      run = i;
    }
  }
  runs_[run].insert(runs_[run].end() - distance, entry);
}

EventTime ReorderBuffer::newest() const {
  EventTime newest = kMinEventTime;
  for (const std::deque<Entry>& run : runs_) {
    newest = std::max(newest, run.back().event->time_ms);
  }
  return newest;
}

void ReorderBuffer::Clear() {
  runs_.clear();
  size_ = 0;
  batches_.clear();
  free_batches_.clear();
}

uint32_t ReorderBuffer::ReferTo(
    const std::shared_ptr<const EventBatch>& batch) {
  if (last_batch_ < batches_.size() && batches_[last_batch_].batch == batch) {
    ++batches_[last_batch_].events;
    return last_batch_;
  }
  if (free_batches_.empty()) {
    free_batches_.push_back(static_cast<uint32_t>(batches_.size()));
    batches_.emplace_back();
  }
  last_batch_ = free_batches_.back();
  free_batches_.pop_back();
  batches_[last_batch_] = {batch, 1};
  return last_batch_;
}

void ReorderBuffer::DropReference(uint32_t batch) {
  if (--batches_[batch].events > 0) return;
  batches_[batch].batch.reset();
  free_batches_.push_back(batch);
}

size_t ReorderBuffer::FirstRun() const {
  size_t first = 0;
  for (size_t i = 1; i < runs_.size(); ++i) {
    if (Before(runs_[i].front(), runs_[first].front())) first = i;
  }
  return first;
}

const ReorderBuffer::Entry* ReorderBuffer::FirstOfOthers(size_t run) const {
  const Entry* first = nullptr;
  for (size_t i = 0; i < runs_.size(); ++i) {
    if (i == run) continue;
    if (first == nullptr || Before(runs_[i].front(), *first)) {
      first = &runs_[i].front();
    }
  }
  return first;
}

void ReorderBuffer::RemoveRun(size_t run) {
  std::swap(runs_[run], runs_.back());
  runs_.pop_back();
}

std::vector<ReorderBuffer::Entry> ReorderBuffer::InOrder() const {
  std::vector<Entry> entries;
  entries.reserve(size_);
  for (const std::deque<Entry>& run : runs_) {
    entries.insert(entries.end(), run.begin(), run.end());
  }
  std::sort(entries.begin(), entries.end(), Before);
  return entries;
}

}  // namespace keywatch
