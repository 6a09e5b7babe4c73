#ifndef DAEMON_CORE_CLOCK_H_
#define DAEMON_CORE_CLOCK_H_

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace keywatch {

// Clock is the only way to know the time. The real one is made in main; tests
// use FakeClock. Formats, rules and the engine take no clock at all: their
// time arrives in the data. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // The wall clock.
  virtual absl::Time Now() = 0;
  // Blocks until `duration` has passed on this clock or `*wake` turns true.
  // `wake` is read and waited for under `mu`, which must be held.
  virtual void SleepOrWake(absl::Mutex* mu, const bool* wake,
                           absl::Duration duration)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) = 0;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_CLOCK_H_
