#ifndef DAEMON_INGEST_PUSH_QUEUE_H_
#define DAEMON_INGEST_PUSH_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace keywatch {

// PushQueue stands between those who push records and the source that gives them
// on. It is bounded, so that a sender waits while the daemon is behind, and it
// tells each sender when the commit that holds its batch is done. What was taken
// and not committed when reading begins anew (a reload) is given again, before
// all that came later: the order of records is that of the pushes.
//
//   sender:  ticket = Push(records)          source:  Take(...)
//            AwaitCommit(ticket)             engine:  Committed(position)
//
// Thread-safe.
class PushQueue {
 public:
  // A batch's place in the order of pushes.
  using Ticket = uint64_t;
  using Records = std::shared_ptr<const std::vector<std::string>>;
  // Says that the sender has gone.
  using Gone = std::function<bool()>;

  // Batches wait up to this size in all; a larger one waits alone.
  explicit PushQueue(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Waits for room. CANCELLED when the sender is gone, UNAVAILABLE after Close.
  absl::StatusOr<Ticket> Push(std::vector<std::string> records,
                              const Gone& gone) ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until the batch is committed. UNAVAILABLE when Close came before: it
  // must be sent again.
  absl::Status AwaitCommit(Ticket ticket, const Gone& gone)
      ABSL_LOCKS_EXCLUDED(mu_);

  // --- The source.

  // Reading begins anew, with what is not committed.
  void Begin() ABSL_LOCKS_EXCLUDED(mu_);
  // Whole batches, at least one and about `max_bytes`, their records numbered
  // from `position` on; none when none came within `wait` or after Wake.
  std::vector<Records> Take(int64_t max_bytes, int64_t position,
                            absl::Duration wait) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether batches wait that were not taken.
  bool HasMore() const ABSL_LOCKS_EXCLUDED(mu_);
  // Ends a Take that waits, or the next one that would.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  // --- The engine.

  // Whether senders wait for nothing but a commit, or for a commit of much.
  bool WantsCommit() const ABSL_LOCKS_EXCLUDED(mu_);
  // Records before `position` are committed.
  void Committed(int64_t position) ABSL_LOCKS_EXCLUDED(mu_);

  // Nothing is taken any more, and who waits is told so.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Batch {
    Ticket ticket = 0;
    Records records;
    int64_t bytes = 0;
    int64_t end = 0;  // once taken: the position behind its last record
  };

  bool HasRoom(int64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return batches_.empty() || bytes_ + bytes <= max_bytes_;
  }

  const int64_t max_bytes_;
  mutable absl::Mutex mu_;
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mu_);
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // Not committed yet; before all of batches_.
  std::deque<Batch> taken_ ABSL_GUARDED_BY(mu_);
  int64_t taken_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  Ticket last_ ABSL_GUARDED_BY(mu_) = 0;
  Ticket committed_ ABSL_GUARDED_BY(mu_) = 0;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_PUSH_QUEUE_H_
