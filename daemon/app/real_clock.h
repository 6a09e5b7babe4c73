#ifndef DAEMON_APP_REAL_CLOCK_H_
#define DAEMON_APP_REAL_CLOCK_H_

#include "daemon/core/clock.h"

namespace keywatch {

// RealClock is the machine's clock; made in main and handed down. Sleeps are
// measured by the monotonic clock. Thread-safe.
class RealClock : public Clock {
 public:
  absl::Time Now() override;
  void SleepOrWake(absl::Mutex* mu, const bool* wake,
                   absl::Duration duration) override;
};

}  // namespace keywatch

#endif  // DAEMON_APP_REAL_CLOCK_H_
