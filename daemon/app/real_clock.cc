#include "daemon/app/real_clock.h"

#include "absl/time/clock.h"

namespace keywatch {

absl::Time RealClock::Now() { return absl::Now(); }

void RealClock::SleepOrWake(absl::Mutex* mu, const bool* wake,
                            absl::Duration duration) {
  mu->AwaitWithTimeout(absl::Condition(wake), duration);
}

}  // namespace keywatch
