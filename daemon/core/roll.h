#ifndef DAEMON_CORE_ROLL_H_
#define DAEMON_CORE_ROLL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/ids.h"

namespace keywatch {

// A roll replaces a key. Its states, in order:
//   awaiting_operator  the person rolls the key in the provider's Dashboard
//   awaiting_expiry    confirmed; the old key lives until `old_expires_ms`
//   verifying          the old key is dead by its expiry; waiting to see the
//                      new key succeed and every follow-up closed
//   completed          proved at both ends: the new key worked after the roll,
//                      and the old one did not after its expiry
//   failed             the old key succeeded after its expiry
//   cancelled          given up by a person, with a reason
enum class RollState {
  kAwaitingOperator,
  kAwaitingExpiry,
  kVerifying,
  kCompleted,
  kFailed,
  kCancelled,
};

absl::string_view RollStateName(RollState state);
absl::optional<RollState> ParseRollState(absl::string_view name);

// Something that a person must close before the roll is complete: a webhook
// endpoint that the old key created stays active after the roll.
struct RollFollowUp {
  int64_t id = 0;
  std::string what;  // "webhook endpoint we_1..., created 2026-..."
  bool closed = false;
  std::string closed_by;
  int64_t closed_at_ms = 0;
};

// One recorded step, never changed afterwards.
struct RollStep {
  int64_t at_ms = 0;  // wall clock
  std::string actor;
  std::string what;
};

struct Roll {
  RollId id;
  KeyId old_key;
  KeyId new_key;  // empty until confirmed
  RollState state = RollState::kAwaitingOperator;
  std::string reason;
  AlertId alert;  // the alert that led to it; may be empty
  std::string started_by;
  int64_t started_ms = 0;
  // When the old key stops working, as the operator confirmed; 0 unknown.
  int64_t old_expires_ms = 0;
  // Proof, from the log: 0 until seen.
  int64_t new_key_first_success_ms = 0;
  int64_t old_key_last_success_ms = 0;  // the last one at all
  // First refusal after the expiry; before the confirmation, since the start.
  int64_t old_key_refused_ms = 0;
  std::string dashboard_url;
  std::vector<RollFollowUp> follow_ups;
  std::vector<RollStep> steps;
  int64_t version = 0;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_ROLL_H_
