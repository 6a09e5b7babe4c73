#ifndef DAEMON_APP_SELF_TEST_HEALTH_H_
#define DAEMON_APP_SELF_TEST_HEALTH_H_

#include <string>

#include "absl/time/time.h"
#include "daemon/app/engine_runner.h"
#include "daemon/config/config.h"

namespace keywatch {

struct SelfTestHealth {
  // Empty when events of the self-test come out as they should, or there is
  // none.
  std::string problem;
  // One did not come out although event time has passed it, or none goes in:
  // alerts are not late but missing.
  bool broken = false;
};

// Judges what the self-test shows `now`, in a daemon that runs since `started`.
// An event may take as long as the slowest source may make it wait. Pure.
SelfTestHealth CheckSelfTest(const Config& config, const RunnerStatus& status,
                             absl::Time started, absl::Time now);

}  // namespace keywatch

#endif  // DAEMON_APP_SELF_TEST_HEALTH_H_
