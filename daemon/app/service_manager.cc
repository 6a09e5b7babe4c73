#include "daemon/app/service_manager.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace keywatch {

ServiceManager::ServiceManager() {
  uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) > 0 && micros > 0) {
    watchdog_interval_ = absl::Microseconds(micros / 2);
  }
}

void ServiceManager::Ready(absl::string_view status) {
  sd_notify(0, absl::StrCat("READY=1\nSTATUS=", status).c_str());
}

void ServiceManager::Reloading() {
  // systemd wants the monotonic time of the reload's beginning.
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t micros = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  sd_notify(0, absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", micros).c_str());
}

void ServiceManager::Stopping() { sd_notify(0, "STOPPING=1"); }

void ServiceManager::Status(absl::string_view status) {
  sd_notify(0, absl::StrCat("STATUS=", status).c_str());
}

void ServiceManager::Watchdog() { sd_notify(0, "WATCHDOG=1"); }

}  // namespace keywatch
