#ifndef DAEMON_APP_SERVICE_H_
#define DAEMON_APP_SERVICE_H_

#include <signal.h>

#include "daemon/app/app.h"
#include "daemon/app/log.h"

namespace keywatch {

// Starts the App and runs it as a service: tells systemd how it is, reloads on
// SIGHUP and stops on SIGTERM or SIGINT, which must be blocked in every thread.
// Gives the exit code: 0 stopped in order, 1 could not start or was fenced off.
int RunUntilSignal(App* app, const sigset_t& signals, Log* log);

}  // namespace keywatch

#endif  // DAEMON_APP_SERVICE_H_
