#include "daemon/respond/roll_progress.h"

#include <algorithm>

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

bool SilentForLong(const Roll& roll, const RollerConfig& config,
                   const RollSilence& silence) {
  const EventTime since =
      std::max({Deadline(roll, config), silence.old_key_last_seen_ms,
                silence.last_gap_end_ms});
  return silence.watermark_ms >
         since + absl::ToInt64Milliseconds(config.quiet_time);
}

}  // namespace

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
    if (confirmed && time_ms > Deadline(roll, config) &&
        Earlier(time_ms, evidence->old_key_late_success_ms)) {
      evidence->old_key_late_success_ms = time_ms;
    }
  } else if (use == KeyUse::kRefused && confirmed &&
             time_ms >= roll.old_expires_ms &&
             Earlier(time_ms, evidence->old_key_refused_ms)) {
    evidence->old_key_refused_ms = time_ms;
  }
}

bool IsFinished(RollState state) {
  return state == RollState::kCompleted || state == RollState::kFailed ||
         state == RollState::kCancelled;
}

bool NeedsSilence(const Roll& roll) {
  return ConfirmedAndOpen(roll.state) && roll.old_key_refused_ms == 0 &&
         roll.new_key_first_success_ms != 0 && AllClosed(roll);
}

std::vector<std::string> AdvanceRoll(const RollerConfig& config,
                                     const RollEvidence& evidence,
                                     const RollSilence& silence,
                                     EventTime now_ms, Roll* roll,
                                     bool* changed) {
  std::vector<std::string> steps;
  *changed = false;
  if (!ConfirmedAndOpen(roll->state)) return steps;
  const auto step = [&steps, changed](std::string what) {
    steps.push_back(std::move(what));
    *changed = true;
  };

  if (Earlier(evidence.new_key_first_success_ms,
              roll->new_key_first_success_ms)) {
    if (roll->new_key_first_success_ms == 0) {
      step(absl::StrCat("the new key ", roll->new_key.view(), " worked at ",
                        FormatTime(evidence.new_key_first_success_ms)));
    }
    roll->new_key_first_success_ms = evidence.new_key_first_success_ms;
    *changed = true;
  }
  const EventTime late_ms = evidence.old_key_late_success_ms;
  if (roll->state == RollState::kAwaitingExpiry &&
      (now_ms >= roll->old_expires_ms || late_ms != 0)) {
    roll->state = RollState::kVerifying;
    step(absl::StrCat("the old key ", roll->old_key.view(), " expired at ",
                      FormatTime(roll->old_expires_ms)));
  }
  if (Earlier(evidence.old_key_refused_ms, roll->old_key_refused_ms)) {
    if (roll->old_key_refused_ms == 0) {
      step(absl::StrCat("the old key was refused at ",
                        FormatTime(evidence.old_key_refused_ms)));
    }
    roll->old_key_refused_ms = evidence.old_key_refused_ms;
    *changed = true;
  }
  if (late_ms != 0) {
    roll->state = RollState::kFailed;
    step(absl::StrCat("FAILED: the old key worked at ", FormatTime(late_ms),
                      ", after its expiry at ",
                      FormatTime(roll->old_expires_ms)));
  } else if (roll->state == RollState::kVerifying &&
             roll->new_key_first_success_ms != 0 && AllClosed(*roll)) {
    if (roll->old_key_refused_ms != 0) {
      roll->state = RollState::kCompleted;
      step(
          "completed: the new key works, the old one is refused, all "
          "follow-ups are closed");
    } else if (SilentForLong(*roll, config, silence)) {
      roll->state = RollState::kCompleted;
      step(absl::StrCat(
          "completed: the new key works, the old one was not used for ",
          keywatch::FormatDuration(config.quiet_time),
          " after its expiry, all follow-ups are closed"));
    }
  }
  const EventTime success_ms = evidence.old_key_last_success_ms;
  if (success_ms > roll->old_key_last_success_ms &&
      (*changed || roll->old_key_last_success_ms == 0 ||
       success_ms - roll->old_key_last_success_ms >= kLastSuccessStepMs)) {
    roll->old_key_last_success_ms = success_ms;
    *changed = true;
  }
  return steps;
}

}  // namespace keywatch
