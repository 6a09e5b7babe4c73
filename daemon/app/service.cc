#include "daemon/app/service.h"

#include <time.h>

#include <algorithm>

#include "daemon/app/service_manager.h"

namespace keywatch {

int RunUntilSignal(App* app, const sigset_t& signals, Log* log) {
  ServiceManager manager;
  const absl::Status started = app->Start();
  if (!started.ok()) {
    log->Error(started.ToString());
    return 1;
  }
  manager.Ready(app->Summary());
  log->Info("ready: ", app->Summary());
  const timespec wait =
      absl::ToTimespec(std::min(absl::Seconds(1), manager.watchdog_interval()));
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT) {
      log->Info("stopping");
      manager.Stopping();
      app->Stop();
      log->Info("stopped");
      return 0;
    }
    if (signal == SIGHUP) {
      manager.Reloading();
      app->Reload("SIGHUP");
      manager.Ready(app->Summary());
    } else {
      app->ReloadIfChanged();
    }
    if (!app->Alive()) {
      manager.Stopping();
      app->Stop();
      return 1;
    }
    // A daemon whose engine hangs is no watchman: systemd restarts it.
    if (app->Progressed()) manager.Watchdog();
    manager.Status(app->Summary());
  }
}

}  // namespace keywatch
