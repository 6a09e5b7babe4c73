#ifndef DAEMON_SERVE_ALERT_FEED_H_
#define DAEMON_SERVE_ALERT_FEED_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace keywatch {

// AlertFeed tells those who watch alerts that some changed, and when to stop.
// It carries no alerts: a watcher asks the store. Thread-safe.
class AlertFeed {
 public:
  // Alerts changed: watchers look.
  void NotifyChanged() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends every Wait, now and later.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  enum class Wake { kChanged, kTimeout, kStopped };
  // Waits until something changed since `*generation` (0 at first), which is
  // then brought up to date.
  Wake Wait(int64_t* generation, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  int64_t generation_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_ALERT_FEED_H_
