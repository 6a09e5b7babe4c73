#include "daemon/ingest/push_queue.h"

#include <utility>

namespace keywatch {
namespace {

// How soon a sender that has gone is noticed.
constexpr absl::Duration kLook = absl::Milliseconds(100);
// Senders ask for the end of their generation soon after it.
constexpr size_t kMaxEnded = 64;
// Senders may have no more than that on the way (ingest_service.cc has 16 MiB a
// stream): a commit comes before they stand still.
constexpr int64_t kMuchTaken = int64_t{4} << 20;

absl::Status Again() {
  return absl::UnavailableError(
      "reading began anew before the batch was committed; send it again");
}

}  // namespace

absl::StatusOr<PushQueue::Ticket> PushQueue::Push(
    std::vector<std::string> records, const Gone& gone) {
  int64_t bytes = 0;
  for (const std::string& record : records) {
    bytes += static_cast<int64_t>(record.size() + sizeof(record));
  }
  absl::MutexLock lock(&mu_);
  auto ready = [this, bytes]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closed_ || HasRoom(bytes);
  };
  while (!mu_.AwaitWithTimeout(absl::Condition(&ready), kLook)) {
    if (gone()) return absl::CancelledError("the sender is gone");
  }
  if (closed_) return absl::UnavailableError("keywatchd is stopping");
  Batch batch;
  batch.sequence = ++last_sequence_;
  batch.records = std::move(records);
  batch.bytes = bytes;
  bytes_ += bytes;
  batches_.push_back(std::move(batch));
  return Ticket{generation_, last_sequence_};
}

absl::Status PushQueue::AwaitCommit(const Ticket& ticket, const Gone& gone) {
  absl::MutexLock lock(&mu_);
  auto ready = [this, &ticket]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closed_ || generation_ != ticket.generation ||
           committed_ >= ticket.sequence;
  };
  while (!mu_.AwaitWithTimeout(absl::Condition(&ready), kLook)) {
    if (gone()) return absl::CancelledError("the sender is gone");
  }
  if (generation_ == ticket.generation) {
    if (committed_ >= ticket.sequence) return absl::OkStatus();
    return absl::UnavailableError("keywatchd is stopping");
  }
  const auto ended = ended_.find(ticket.generation);
  if (ended != ended_.end() && ended->second >= ticket.sequence) {
    return absl::OkStatus();
  }
  return Again();
}

void PushQueue::Begin() {
  absl::MutexLock lock(&mu_);
  ended_[generation_] = committed_;
  if (ended_.size() > kMaxEnded) ended_.erase(ended_.begin());
  ++generation_;
  committed_ = last_sequence_;
  batches_.clear();
  bytes_ = 0;
  taken_.clear();
  taken_bytes_ = 0;
}

std::vector<std::string> PushQueue::Take(int64_t max_bytes, int64_t position,
                                         absl::Duration wait) {
  absl::MutexLock lock(&mu_);
  auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return woken_ || !batches_.empty();
  };
  mu_.AwaitWithTimeout(absl::Condition(&ready), wait);
  woken_ = false;
  std::vector<std::string> records;
  int64_t bytes = 0;
  while (!batches_.empty() &&
         (bytes == 0 || bytes + batches_.front().bytes <= max_bytes)) {
    Batch& batch = batches_.front();
    bytes += batch.bytes;
    bytes_ -= batch.bytes;
    position += static_cast<int64_t>(batch.records.size());
    taken_.push_back({batch.sequence, position, batch.bytes});
    taken_bytes_ += batch.bytes;
    for (std::string& record : batch.records) {
      records.push_back(std::move(record));
    }
    batches_.pop_front();
  }
  return records;
}

bool PushQueue::HasMore() const {
  absl::MutexLock lock(&mu_);
  return !batches_.empty();
}

bool PushQueue::WantsCommit() const {
  absl::MutexLock lock(&mu_);
  return !taken_.empty() && (batches_.empty() || taken_bytes_ >= kMuchTaken);
}

void PushQueue::Wake() {
  absl::MutexLock lock(&mu_);
  woken_ = true;
}

void PushQueue::Committed(int64_t position) {
  absl::MutexLock lock(&mu_);
  while (!taken_.empty() && taken_.front().end <= position) {
    committed_ = taken_.front().sequence;
    taken_bytes_ -= taken_.front().bytes;
    taken_.pop_front();
  }
}

void PushQueue::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

}  // namespace keywatch
