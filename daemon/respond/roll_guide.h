#ifndef DAEMON_RESPOND_ROLL_GUIDE_H_
#define DAEMON_RESPOND_ROLL_GUIDE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/core/roll.h"
#include "daemon/respond/notifier_config.h"

namespace keywatch {

// The provider of a key, by its id; the built-in one of Stripe when none of the
// configured ones fits.
RollProvider ProviderOf(const RollerConfig& config, absl::string_view key);

// What the operator does next, in order, a sentence or two each; what the roll
// waits for, when it is not a person. Empty when the roll is over and there is
// nothing left to do. Pure.
std::vector<std::string> RollInstructions(const RollerConfig& config,
                                          const Roll& roll, EventTime now_ms);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_ROLL_GUIDE_H_
