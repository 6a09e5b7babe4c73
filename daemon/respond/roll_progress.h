#ifndef DAEMON_RESPOND_ROLL_PROGRESS_H_
#define DAEMON_RESPOND_ROLL_PROGRESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/core/roll.h"
#include "daemon/respond/notifier_config.h"

namespace keywatch {

// The state machine of a roll, apart from where rolls are stored. Pure
// functions.

// What an event says about the key that made the request.
enum class KeyUse {
  kSucceeded,  // the provider knew the key and did what was asked
  kRefused,    // the provider does not take the key (any more)
  kOther,  // neither: a permission is missing, a limit, the provider's fault
};

// The use that an event shows. `http_status` 0 is unknown (CloudTrail has none):
// then `outcome` ("success", "failure") decides. An event with neither is no
// request that was made with the key: a lifecycle action is about it. A 403 is
// kOther: the key was recognised.
KeyUse KeyUseOf(int http_status, absl::string_view error_code,
                absl::string_view outcome = "");

// What the log has shown of the keys of one roll; 0 is not seen. Merging the
// same events again, in any order, gives the same.
struct RollEvidence {
  EventTime new_key_first_success_ms = 0;  // after the roll began
  EventTime old_key_last_success_ms = 0;
  // The first one that makes the roll fail: after the expiry and its tolerance,
  // and, of a completed roll, later than all that was known when it completed.
  EventTime old_key_late_success_ms = 0;
  // After the expiry and its tolerance: the last one. An earlier refusal proves
  // nothing: the provider ends a key in one place sooner than in another. While
  // the expiry is not known yet, the last one since the roll began.
  EventTime old_key_last_refused_ms = 0;
};

// Takes note of one use of `key`. Uses that prove nothing change nothing.
void MergeKeyUse(const Roll& roll, const RollerConfig& config,
                 absl::string_view key, EventTime time_ms, KeyUse use,
                 RollEvidence* evidence);

// Up to when the log of the old key is known, and since when it is silent.
struct RollSilence {
  // Everything up to here has been read.
  EventTime watermark_ms = kMinEventTime;
  // The last request with the old key, of whatever outcome; kMinEventTime none.
  EventTime old_key_last_seen_ms = kMinEventTime;
  // The last one that succeeded; kMinEventTime none.
  EventTime old_key_last_success_ms = kMinEventTime;
  // The end of the last stretch of time in which a source was blind.
  EventTime last_gap_end_ms = kMinEventTime;
};

// Nothing is left to be done by the one who rolls. The log may still move a
// completed roll to failed, and a failed one to completed.
bool IsFinished(RollState state);

// True when only the old key's end is left to be proved: then RollSilence must
// be known.
bool NeedsSilence(const Roll& roll);

// Moves the roll on as far as what is known allows: evidence into its fields,
// awaiting_expiry to verifying at the expiry, then to completed or failed. A
// refusal of the old key completes the roll when everything up to
// `settling_time` after it was read and no success came later. A success of the
// old key after that makes a completed roll failed; a failed one completes when
// the old key is dead after all. What happened is returned, a line each, for the
// roll's steps; empty when nothing worth a step did. `*changed` tells whether
// the roll differs.
std::vector<std::string> AdvanceRoll(const RollerConfig& config,
                                     const RollEvidence& evidence,
                                     const RollSilence& silence,
                                     EventTime now_ms, Roll* roll,
                                     bool* changed);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_ROLL_PROGRESS_H_
