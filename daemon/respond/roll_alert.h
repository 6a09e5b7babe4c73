#ifndef DAEMON_RESPOND_ROLL_ALERT_H_
#define DAEMON_RESPOND_ROLL_ALERT_H_

#include "daemon/core/alert.h"
#include "daemon/core/event.h"
#include "daemon/core/roll.h"
#include "daemon/respond/notifier_config.h"

namespace keywatch {

// The critical alert of a roll whose old key succeeded at `success_ms`, after
// its expiry. The same roll always gives the same id; another one, that of the
// success, when it had been completed before. Pure.
Alert RollFailureAlert(const RollerConfig& config, const Roll& roll,
                       EventTime success_ms, bool was_completed);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_ROLL_ALERT_H_
