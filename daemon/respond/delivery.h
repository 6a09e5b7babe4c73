#ifndef DAEMON_RESPOND_DELIVERY_H_
#define DAEMON_RESPOND_DELIVERY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/log_severity.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/respond/notifier.h"
#include "daemon/respond/notifier_config.h"
#include "daemon/store/store.h"

namespace keywatch {

// What became of the messages to one notifier since its Delivery was made.
struct DeliveryStats {
  std::string notifier;
  int64_t sent = 0;     // messages that the receiver took
  int64_t failed = 0;   // attempts that failed
  int64_t retries = 0;  // attempts that were not a message's first
  int64_t dead = 0;     // messages given up
  int64_t refreshes = 0;
  int64_t refresh_failures = 0;
  int consecutive_failures = 0;
  int failing_targets = 0;      // as Notifier::failing_targets
  int64_t last_success_ms = 0;  // 0 never
  std::string last_error;       // "" when the last attempt succeeded
};

// Delivery hands the due messages of the outbox to one notifier.
//
// After a failure that says something about the receiver, the whole notifier
// pauses, with the oldest due message as the next probe; each message has its
// own backoff besides, so that one that always fails stands in nobody's way.
// RunOnce is called by one thread at a time; Stats by any.
class Delivery {
 public:
  using Log = std::function<void(absl::LogSeverity, absl::string_view)>;

  // All must outlive it. `stop` turns true when the current RunOnce is to end
  // after the current attempt.
  Delivery(const ResponderConfig& config, Notifier* notifier, Store* store,
           const std::atomic<bool>* stop, Log log);

  // Does what is due at `now`: first of all a Refresh, then messages. `clock`
  // gives the time of each attempt (it passes while receivers answer).
  // True when messages were handed over and so more may be due.
  bool RunOnce(const std::function<absl::Time()>& clock);

  DeliveryStats Stats() const;

 private:
  // False when the store does not answer.
  bool Refresh(absl::Time now);
  absl::StatusOr<std::vector<Alert>> OpenAlerts() const;
  // Tells the store what was taken. False when it does not answer.
  bool RecordDelivered(absl::Time now);
  // False when the notifier is to be left alone for a while.
  bool Deliver(const OutboxRow& row, absl::Time now);
  void Delivered(const OutboxRow& row, absl::Time now);
  bool Failed(const OutboxRow& row, const absl::Status& status, absl::Time now);
  void GiveUp(const OutboxRow& row, absl::string_view why, absl::Time now);
  // The status of a call of the store. Logs the first failure of a series; a row
  // that somebody else has ended is no failure.
  absl::Status Record(absl::Status status);

  // Constant after construction.
  const ResponderConfig config_;
  Notifier* const notifier_;
  Store* const store_;
  const std::atomic<bool>* const stop_;
  const Log log_;

  // Used by the thread of RunOnce only.
  absl::Time paused_until_ = absl::InfinitePast();
  absl::Time refresh_at_ = absl::InfinitePast();
  // Taken by the receiver, and since when the store has not been told: told
  // before anything else is due, so that they do not go out again.
  std::vector<int64_t> unrecorded_;
  absl::Time unrecorded_since_ = absl::InfiniteFuture();
  bool store_failing_ = false;
  bool refresh_failing_ = false;
  int logged_failing_targets_ = 0;

  mutable absl::Mutex mu_;
  DeliveryStats stats_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_RESPOND_DELIVERY_H_
