#ifndef DAEMON_RESPOND_RESPONDER_H_
#define DAEMON_RESPOND_RESPONDER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/log_severity.h"
#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/core/clock.h"
#include "daemon/respond/delivery.h"
#include "daemon/respond/notifier.h"
#include "daemon/respond/notifier_config.h"
#include "daemon/store/store.h"

namespace keywatch {

// What the responder has done since it was made, and what waits.
struct ResponderStats {
  std::vector<DeliveryStats> notifiers;
  // Of the whole outbox, as last read.
  int64_t pending = 0;
  int64_t dead = 0;
  int64_t oldest_pending_ms = 0;  // when it was written; 0 when none waits
};

// Responder drains the store's outbox: every message is handed to its notifier
// until that has taken it, refused it for good, or could not be reached for too
// long. It executes, it never decides: what is sent to whom stands in the
// outbox, written with the alert itself.
//
// Each notifier has a thread of its own, so that one that hangs holds up nobody
// else. Nothing is kept in memory that a restart would miss: a message counts as
// delivered when the store says so, and a crash between the receiver's yes and
// the store's makes it go out again with the same idempotency key.
//
// Thread-safe.
class Responder {
 public:
  // Lines for the log; they hold no credential.
  using Log = std::function<void(absl::LogSeverity, absl::string_view)>;

  // `store` and `clock` must outlive it.
  Responder(ResponderConfig config,
            std::vector<std::unique_ptr<Notifier>> notifiers, Store* store,
            Clock* clock, Log log);
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();  // Stop()

  // Starts the threads. At most once, and not after Stop().
  void Start();
  // Ends the threads; one that is in the middle of an attempt finishes it, which
  // takes no longer than the notifier's timeout. May be called again.
  void Stop();

  // Makes every notifier look for due messages now; called after a commit that
  // may have written some.
  void Wake();

  // Does all that is due at `now`, in the calling thread, notifier by notifier.
  // For tests; not while the threads run.
  void RunOnce(absl::Time now);

  ResponderStats Stats() const;

 private:
  // Keeps the counts, and looks after messages to notifiers that are configured
  // no more: they wait for a configuration that has them, then are given up.
  void KeepHouse(absl::Time now);
  void KeepUnknown(const std::string& notifier, absl::Time now);
  // Runs `work` every poll interval, or when woken, until stopped.
  void Loop(size_t index, absl::Duration interval,
            const std::function<void(absl::Time)>& work);

  // Constant after construction.
  const ResponderConfig config_;
  Store* const store_;
  Clock* const clock_;
  const Log log_;
  const std::vector<std::unique_ptr<Notifier>> notifiers_;

  // Synchronise themselves.
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Delivery>> deliveries_;  // one for each notifier

  // Used by Start and Stop only.
  std::vector<std::thread> threads_;
  // Used by KeepHouse only.
  absl::flat_hash_set<std::string> logged_unknown_;

  mutable absl::Mutex mu_;
  // One for each thread, that of KeepHouse last: true when it is to look at
  // once.
  std::unique_ptr<bool[]> wake_ ABSL_GUARDED_BY(mu_);
  Store::OutboxCounts counts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_RESPOND_RESPONDER_H_
