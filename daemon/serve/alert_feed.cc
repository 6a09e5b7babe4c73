#include "daemon/serve/alert_feed.h"

namespace keywatch {

void AlertFeed::NotifyChanged() {
  absl::MutexLock lock(&mu_);
  ++generation_;
}

void AlertFeed::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
}

AlertFeed::Wake AlertFeed::Wait(int64_t* generation, absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  const auto wakes = [this, generation]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopped_ || generation_ != *generation;
  };
  const bool woken = mu_.AwaitWithTimeout(absl::Condition(&wakes), timeout);
  if (stopped_) return Wake::kStopped;
  if (!woken) return Wake::kTimeout;
  *generation = generation_;
  return Wake::kChanged;
}

}  // namespace keywatch
