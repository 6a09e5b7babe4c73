#include "daemon/respond/roll_progress.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

// Displayed only; written to the store when it has moved by this much.
constexpr int64_t kLastSuccessStepMs = 3'600'000;

bool Earlier(EventTime time_ms, EventTime known_ms) {
  return time_ms != 0 && (known_ms == 0 || time_ms < known_ms);
}

bool ConfirmedAndOpen(RollState state) {
  return state == RollState::kAwaitingExpiry || state == RollState::kVerifying;
}

bool AllClosed(const Roll& roll) {
  return std::all_of(roll.follow_ups.begin(), roll.follow_ups.end(),
                     [](const RollFollowUp& f) { return f.closed; });
}

EventTime Deadline(const Roll& roll, const RollerConfig& config) {
  return roll.old_expires_ms +
         absl::ToInt64Milliseconds(config.expiry_tolerance);
}

// Successes of the old key up to here do not make the roll fail: of a completed
// one those that it was completed in spite of.
EventTime ForgivenUpTo(const Roll& roll, const RollerConfig& config) {
  const EventTime deadline = Deadline(roll, config);
  return roll.state == RollState::kCompleted
             ? std::max<EventTime>(deadline, roll.old_key_last_success_ms)
             : deadline;
}

bool RefusedForGood(const Roll& roll, const RollerConfig& config,
                    const RollSilence& silence) {
  return roll.old_key_refused_ms != 0 &&
         roll.old_key_refused_ms >
             std::max<EventTime>(roll.old_key_last_success_ms,
                                 silence.old_key_last_success_ms) &&
         silence.watermark_ms >
             roll.old_key_refused_ms +
                 absl::ToInt64Milliseconds(config.settling_time);
}

bool SilentForLong(const Roll& roll, const RollerConfig& config,
                   const RollSilence& silence) {
  const EventTime since =
      std::max({Deadline(roll, config), silence.old_key_last_seen_ms,
                silence.last_gap_end_ms});
  return silence.watermark_ms >
         since + absl::ToInt64Milliseconds(config.quiet_time);
}

using AddStep = std::function<void(std::string)>;

void TakeNewKeySuccess(const RollEvidence& evidence, Roll* roll, bool* changed,
                       const AddStep& step) {
  // Later ones of a roll that is over say nothing new.
  if (roll->new_key_first_success_ms != 0 && IsFinished(roll->state)) return;
  const EventTime time_ms = evidence.new_key_first_success_ms;
  if (!Earlier(time_ms, roll->new_key_first_success_ms)) return;
  if (roll->new_key_first_success_ms == 0) {
    step(absl::StrCat("the new key ", roll->new_key.view(), " worked at ",
                      FormatTime(time_ms)));
  }
  roll->new_key_first_success_ms = time_ms;
  *changed = true;
}

// The refusal that stands: since the last success the first one known of.
void TakeRefusal(const RollerConfig& config, const RollEvidence& evidence,
                 Roll* roll, const AddStep& step) {
  const EventTime success_ms = std::max<EventTime>(
      roll->old_key_last_success_ms, evidence.old_key_last_success_ms);
  const EventTime time_ms = evidence.old_key_last_refused_ms;
  if (time_ms <= success_ms) return;
  // Of before the confirmation, which names a later expiry.
  if (roll->old_expires_ms != 0 && time_ms < Deadline(*roll, config)) return;
  if (roll->old_key_refused_ms > success_ms) return;
  step(absl::StrCat("the old key was refused at ", FormatTime(time_ms)));
  roll->old_key_refused_ms = time_ms;
}

void TakeLastSuccess(const RollEvidence& evidence, Roll* roll, bool* changed) {
  const EventTime success_ms = evidence.old_key_last_success_ms;
  const EventTime known_ms = roll->old_key_last_success_ms;
  if (success_ms <= known_ms) return;
  const bool refutes = roll->old_key_refused_ms > known_ms &&
                       roll->old_key_refused_ms <= success_ms;
  if (*changed || known_ms == 0 || refutes ||
      success_ms - known_ms >= kLastSuccessStepMs) {
    roll->old_key_last_success_ms = success_ms;
    *changed = true;
  }
}

void Complete(const RollerConfig& config, const RollSilence& silence,
              Roll* roll, const AddStep& step) {
  const bool failed = roll->state == RollState::kFailed;
  if ((roll->state != RollState::kVerifying && !failed) ||
      roll->new_key_first_success_ms == 0 || !AllClosed(*roll)) {
    return;
  }
  std::string how;
  if (RefusedForGood(*roll, config, silence)) {
    how = absl::StrCat("is refused and has not worked since ",
                       FormatTime(roll->old_key_refused_ms));
  } else if (SilentForLong(*roll, config, silence)) {
    how = absl::StrCat("was not used for ",
                       keywatch::FormatDuration(config.quiet_time),
                       failed ? "" : " after its expiry");
  } else {
    return;
  }
  roll->state = RollState::kCompleted;
  // So much is forgiven from now on.
  roll->old_key_last_success_ms = std::max<EventTime>(
      roll->old_key_last_success_ms, silence.old_key_last_success_ms);
  step(absl::StrCat("completed", failed ? " after all" : "",
                    ": the new key works, the old one ", how,
                    ", all follow-ups are closed"));
}

}  // namespace

bool IsFinished(RollState state) {
  return state == RollState::kCompleted || state == RollState::kFailed ||
         state == RollState::kCancelled;
}

KeyUse KeyUseOf(int http_status, absl::string_view error_code,
                absl::string_view outcome) {
  // Stripe's, then AWS's words for a key that is no longer one.
  for (absl::string_view refused :
       {"api_key_expired", "platform_api_key_expired", "InvalidClientTokenId",
        "InvalidAccessKeyId", "UnrecognizedClientException", "ExpiredToken",
        "ExpiredTokenException"}) {
    if (error_code == refused) return KeyUse::kRefused;
  }
  if (http_status == 401) return KeyUse::kRefused;
  if (http_status == 0) {
    return outcome == "success" ? KeyUse::kSucceeded : KeyUse::kOther;
  }
  return http_status < 400 ? KeyUse::kSucceeded : KeyUse::kOther;
}

void MergeKeyUse(const Roll& roll, const RollerConfig& config,
                 absl::string_view key, EventTime time_ms, KeyUse use,
                 RollEvidence* evidence) {
  if (!roll.new_key.empty() && key == roll.new_key.view()) {
    if (use == KeyUse::kSucceeded && time_ms >= roll.started_ms &&
        Earlier(time_ms, evidence->new_key_first_success_ms)) {
      evidence->new_key_first_success_ms = time_ms;
    }
    return;
  }
  if (key != roll.old_key.view()) return;
  const bool confirmed = roll.old_expires_ms != 0;
  if (use == KeyUse::kSucceeded) {
    evidence->old_key_last_success_ms =
        std::max(evidence->old_key_last_success_ms, time_ms);
    EventTime* late_ms = &evidence->old_key_late_success_ms;
    const EventTime forgiven_ms = ForgivenUpTo(roll, config);
    if (confirmed && time_ms > forgiven_ms &&
        (*late_ms <= forgiven_ms || time_ms < *late_ms)) {
      *late_ms = time_ms;
    }
  } else if (use == KeyUse::kRefused &&
             time_ms >=
                 (confirmed ? Deadline(roll, config) : roll.started_ms)) {
    evidence->old_key_last_refused_ms =
        std::max(evidence->old_key_last_refused_ms, time_ms);
  }
}

bool NeedsSilence(const Roll& roll) {
  return (ConfirmedAndOpen(roll.state) || roll.state == RollState::kFailed) &&
         roll.new_key_first_success_ms != 0 && AllClosed(roll);
}

std::vector<std::string> AdvanceRoll(const RollerConfig& config,
                                     const RollEvidence& evidence,
                                     const RollSilence& silence,
                                     EventTime now_ms, Roll* roll,
                                     bool* changed) {
  std::vector<std::string> steps;
  *changed = false;
  if (roll->state == RollState::kCancelled) return steps;
  const auto step = [&steps, changed](std::string what) {
    steps.push_back(std::move(what));
    *changed = true;
  };
  const bool confirmed = roll->state != RollState::kAwaitingOperator;
  // Asked before the roll takes over the last success.
  const EventTime late_ms = evidence.old_key_late_success_ms;
  const bool late = confirmed && roll->state != RollState::kFailed &&
                    late_ms > ForgivenUpTo(*roll, config);
  if (confirmed) TakeNewKeySuccess(evidence, roll, changed, step);
  if (roll->state == RollState::kAwaitingExpiry &&
      (now_ms >= roll->old_expires_ms || late)) {
    roll->state = RollState::kVerifying;
    step(absl::StrCat("the old key ", roll->old_key.view(), " expired at ",
                      FormatTime(roll->old_expires_ms)));
  }
  TakeRefusal(config, evidence, roll, step);
  if (late) {
    step(absl::StrCat("FAILED: the old key worked at ", FormatTime(late_ms),
                      ", after its expiry at ",
                      FormatTime(roll->old_expires_ms),
                      roll->state == RollState::kCompleted
                          ? ", although the roll had been completed"
                          : ""));
    roll->state = RollState::kFailed;
  }
  TakeLastSuccess(evidence, roll, changed);
  if (!late) Complete(config, silence, roll, step);
  return steps;
}

}  // namespace keywatch
