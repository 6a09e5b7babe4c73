#ifndef DAEMON_INGEST_PUSH_QUEUE_H_
#define DAEMON_INGEST_PUSH_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
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
// tells each sender when the commit that holds its batch is done.
//
//   sender:  ticket = Push(records)          source:  Take(...)
//            AwaitCommit(ticket)             engine:  Committed(position)
//
// Thread-safe.
class PushQueue {
 public:
  // A batch's place: where reading begins anew (a reload), a new generation
  // begins, and what was not committed of the old one must be sent again.
  struct Ticket {
    uint64_t generation = 0;
    uint64_t sequence = 0;
  };
  // Says that the sender has gone.
  using Gone = std::function<bool()>;

  // Batches wait up to this size in all; a larger one waits alone.
  explicit PushQueue(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Waits for room. CANCELLED when the sender is gone, UNAVAILABLE after Close.
  absl::StatusOr<Ticket> Push(std::vector<std::string> records,
                              const Gone& gone) ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until the batch is committed. UNAVAILABLE when it was dropped by
  // Begin or Close before that: it must be sent again.
  absl::Status AwaitCommit(const Ticket& ticket, const Gone& gone)
      ABSL_LOCKS_EXCLUDED(mu_);

  // --- The source.

  // A new generation: reading begins anew.
  void Begin() ABSL_LOCKS_EXCLUDED(mu_);
  // Whole batches, at least one and about `max_bytes`, their records numbered
  // from `position` on; none when none came within `wait` or after Wake.
  std::vector<std::string> Take(int64_t max_bytes, int64_t position,
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
    uint64_t sequence = 0;
    std::vector<std::string> records;
    int64_t bytes = 0;
  };
  struct Taken {
    uint64_t sequence = 0;
    int64_t end = 0;  // position behind its last record
    int64_t bytes = 0;
  };

  bool HasRoom(int64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return batches_.empty() || bytes_ + bytes <= max_bytes_;
  }

  const int64_t max_bytes_;
  mutable absl::Mutex mu_;
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mu_);
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Taken> taken_ ABSL_GUARDED_BY(mu_);
  int64_t taken_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t generation_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_sequence_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t committed_ ABSL_GUARDED_BY(mu_) = 0;  // of this generation
  // How far the last generations were committed when they ended.
  std::map<uint64_t, uint64_t> ended_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_PUSH_QUEUE_H_
