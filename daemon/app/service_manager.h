#ifndef DAEMON_APP_SERVICE_MANAGER_H_
#define DAEMON_APP_SERVICE_MANAGER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace keywatch {

// ServiceManager tells systemd how the daemon is (sd_notify(3)); without
// NOTIFY_SOCKET every call does nothing. Thread-safe.
class ServiceManager {
 public:
  ServiceManager();

  void Ready(absl::string_view status);
  void Reloading();
  void Stopping();
  void Status(absl::string_view status);
  void Watchdog();

  // How often Watchdog must be called: half the unit's WatchdogSec; infinite
  // when the unit has none.
  absl::Duration watchdog_interval() const { return watchdog_interval_; }

 private:
  absl::Duration watchdog_interval_ = absl::InfiniteDuration();
};

}  // namespace keywatch

#endif  // DAEMON_APP_SERVICE_MANAGER_H_
