#include "daemon/app/decode_crew.h"

#include <algorithm>
#include <utility>

namespace keywatch {

DecodeCrew::DecodeCrew(int threads, const NewDecoder& new_decoder)
    : max_ahead_(threads > 1 ? 2 * static_cast<size_t>(threads) : 1) {
  for (int i = 0; i < threads; ++i) decoders_.push_back(new_decoder());
  for (int i = 1; i < threads; ++i) {
    PageDecoder* const decoder = decoders_[static_cast<size_t>(i)].get();
    helpers_.emplace_back([this, decoder] { Help(decoder); });
  }
}

DecodeCrew::~DecodeCrew() { Stop(); }

void DecodeCrew::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& helper : helpers_) helper.join();
  helpers_.clear();
}

size_t DecodeCrew::Add(std::unique_ptr<PageReader> reader) {
  absl::MutexLock lock(&mu_);
  logs_.emplace_back();
  logs_.back().reader = std::move(reader);
  return logs_.size() - 1;
}

absl::StatusOr<DecodedPage> DecodeCrew::Next(size_t log, absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  current_ = log;
  started_ = true;
  deadline_ = deadline;
  changed_.SignalAll();
  while (true) {
    std::deque<std::unique_ptr<Task>>& tasks = logs_[log].tasks;
    if (!tasks.empty() && tasks.front()->state == Task::State::kDone) {
      const std::unique_ptr<Task> task = std::move(tasks.front());
      tasks.pop_front();
      changed_.SignalAll();
      if (!task->status.ok()) return task->status;
      return std::move(task->page);
    }
    if (tasks.empty() && logs_[log].ended) {
      DecodedPage end;
      end.batch = std::make_shared<EventBatch>();
      return end;
    }
    if (!Work(decoders_[0].get())) changed_.Wait(&mu_);
  }
}

DecodeCounts DecodeCrew::counts() {
  Stop();
  DecodeCounts sum;
  for (const auto& decoder : decoders_) {
    const DecodeCounts& counts = decoder->counts();
    sum.invalid_utf8 += counts.invalid_utf8;
    sum.secrets += counts.secrets;
    sum.values_cut += counts.values_cut;
    sum.named_keys += counts.named_keys;
    sum.named_ids += counts.named_ids;
  }
  return sum;
}

void DecodeCrew::Help(PageDecoder* decoder) {
  absl::MutexLock lock(&mu_);
  while (!stopping_) {
    if (!started_ || !Work(decoder)) changed_.Wait(&mu_);
  }
}

bool DecodeCrew::Work(PageDecoder* decoder) {
  Log& log = logs_[current_];
  // What is needed first comes first.
  for (const std::unique_ptr<Task>& task : log.tasks) {
    if (task->state != Task::State::kFetched) continue;
    Decode(task.get(), decoder);
    return true;
  }
  if (log.ended || log.reading || log.tasks.size() >= max_ahead_) return false;
  Read(&log);
  return true;
}

void DecodeCrew::Read(Log* log) {
  log->reading = true;
  PageReader* const reader = log->reader.get();
  const absl::Time deadline = deadline_;
  mu_.Unlock();
  auto task = std::make_unique<Task>();
  absl::StatusOr<FetchedPage> page = reader->Next(deadline);
  mu_.Lock();
  log->reading = false;
  if (page.ok()) {
    log->ended = page->records.empty() && !page->page.more;
    task->fetched = *std::move(page);
  } else {
    log->ended = true;
    task->status = page.status();
    task->state = Task::State::kDone;
  }
  log->tasks.push_back(std::move(task));
  changed_.SignalAll();
}

void DecodeCrew::Decode(Task* task, PageDecoder* decoder) {
  task->state = Task::State::kClaimed;
  mu_.Unlock();
  DecodedPage page = decoder->Decode(std::move(task->fetched));
  mu_.Lock();
  task->page = std::move(page);
  task->state = Task::State::kDone;
  changed_.SignalAll();
}

}  // namespace keywatch
