#ifndef DAEMON_CORE_FAKE_CLOCK_H_
#define DAEMON_CORE_FAKE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/core/clock.h"

namespace keywatch {

// FakeClock stands still until a test moves it. A sleeper wakes when the fake
// time reaches its end. Thread-safe.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time start) : now_(start) {}

  absl::Time Now() override {
    absl::MutexLock lock(&mu_);
    return now_;
  }

  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mu_);
    now_ += by;
  }

  void SleepOrWake(absl::Mutex* mu, const bool* wake,
                   absl::Duration duration) override {
    const absl::Time end = Now() + duration;
    // Real time passes only so that this thread looks again: a test's result
    // does not depend on how long.
    while (!*wake && Now() < end) {
      mu->AwaitWithTimeout(absl::Condition(wake), absl::Milliseconds(1));
    }
  }

 private:
  absl::Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_CORE_FAKE_CLOCK_H_
