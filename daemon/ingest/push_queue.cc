#include "daemon/ingest/push_queue.h"

#include <iterator>
#include <utility>

namespace keywatch {
namespace {

// How soon a sender that has gone is noticed.
constexpr absl::Duration kLook = absl::Milliseconds(100);
// Senders may have no more than that on the way (ingest_service.cc has 16 MiB a
// stream): a commit comes before they stand still.
constexpr int64_t kMuchTaken = int64_t{4} << 20;

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
  batch.ticket = ++last_;
  batch.records =
      std::make_shared<const std::vector<std::string>>(std::move(records));
  batch.bytes = bytes;
  bytes_ += bytes;
  batches_.push_back(std::move(batch));
  return last_;
}

absl::Status PushQueue::AwaitCommit(Ticket ticket, const Gone& gone) {
  absl::MutexLock lock(&mu_);
  auto ready = [this, ticket]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closed_ || committed_ >= ticket;
  };
  while (!mu_.AwaitWithTimeout(absl::Condition(&ready), kLook)) {
    if (gone()) return absl::CancelledError("the sender is gone");
  }
  if (committed_ >= ticket) return absl::OkStatus();
  return absl::UnavailableError("keywatchd is stopping");
}

void PushQueue::Begin() {
  absl::MutexLock lock(&mu_);
  batches_.insert(batches_.begin(), std::make_move_iterator(taken_.begin()),
                  std::make_move_iterator(taken_.end()));
  bytes_ += taken_bytes_;
  taken_.clear();
  taken_bytes_ = 0;
}

std::vector<PushQueue::Records> PushQueue::Take(int64_t max_bytes,
                                                int64_t position,
                                                absl::Duration wait) {
  absl::MutexLock lock(&mu_);
  auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return woken_ || !batches_.empty();
  };
  mu_.AwaitWithTimeout(absl::Condition(&ready), wait);
  woken_ = false;
  std::vector<Records> out;
  int64_t bytes = 0;
  while (!batches_.empty() &&
         (bytes == 0 || bytes + batches_.front().bytes <= max_bytes)) {
    Batch& batch = batches_.front();
    bytes += batch.bytes;
    bytes_ -= batch.bytes;
    taken_bytes_ += batch.bytes;
    position += static_cast<int64_t>(batch.records->size());
    batch.end = position;
    out.push_back(batch.records);
    taken_.push_back(std::move(batch));
    batches_.pop_front();
  }
  return out;
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
    committed_ = taken_.front().ticket;
    taken_bytes_ -= taken_.front().bytes;
    taken_.pop_front();
  }
}

void PushQueue::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

}  // namespace keywatch
