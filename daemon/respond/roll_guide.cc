#include "daemon/respond/roll_guide.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

void AppendFollowUps(const Roll& roll, std::vector<std::string>* lines) {
  for (const RollFollowUp& follow_up : roll.follow_ups) {
    if (follow_up.closed) continue;
    lines->push_back(absl::StrCat("Follow-up ", follow_up.id, ": ",
                                  follow_up.what,
                                  ". Then: \"keywatch roll close-follow-up ",
                                  roll.id.view(), " ", follow_up.id, "\"."));
  }
}

std::vector<std::string> HowToRoll(const RollProvider& provider,
                                   const Roll& roll) {
  std::vector<std::string> lines;
  const std::string overlap = keywatch::FormatDuration(provider.max_overlap);
  lines.push_back(absl::StrCat("Open ", roll.dashboard_url, "."));
  if (provider.name == "stripe") {
    lines.push_back(absl::StrCat(
        "Find key ", roll.old_key.view(),
        ", open its menu (...) and choose \"Rotate key\" (older Dashboards "
        "say \"Roll key\")."));
    lines.push_back(absl::StrCat(
        "Under \"Expiration\" choose \"Now\" if anybody else may have the "
        "key: it stops working at once. Choose a time, ",
        overlap,
        " away at most, only if the key is safe and its users need the "
        "overlap."));
    lines.push_back(
        "Stripe asks for a verification code, sent by e-mail or text message.");
    lines.push_back(
        "Put the new secret into your secret store at once: it is shown only "
        "this time. Never type it here. The new key has an id of its own: "
        "note that.");
  } else {
    lines.push_back(absl::StrCat(
        "Make a new key with the permissions of ", roll.old_key.view(),
        ", and end the old one: at once if anybody else may have it, else "
        "within ",
        overlap, "."));
    lines.push_back(
        "Put the new secret into your secret store. Never type it here; note "
        "the new key's id.");
  }
  lines.push_back(
      "Give the new key to everything that used the old one (shown by "
      "\"keywatch keys show\").");
  lines.push_back(absl::StrCat(
      "Then confirm roll ", roll.id.view(),
      " with the id of the new key and the time at which the old one stops "
      "working: \"keywatch roll confirm ",
      roll.id.view(),
      " --new-key NEW_KEY_ID --expires now\" (or 24h, or a "
      "time)."));
  return lines;
}

std::string WhatIsMissingOfTheOldKey(const RollerConfig& config,
                                     const Roll& roll) {
  const absl::string_view key = roll.old_key.view();
  if (roll.old_key_refused_ms != 0) {
    return absl::StrCat(
        "Key ", key, " was refused at ", FormatTime(roll.old_key_refused_ms),
        ": done when the log shows no success of it for ",
        keywatch::FormatDuration(config.settling_time), " after that.");
  }
  return absl::StrCat("Key ", key, " must be seen refused, or not at all for ",
                      keywatch::FormatDuration(config.quiet_time),
                      " after its expiry at ", FormatTime(roll.old_expires_ms),
                      ".");
}

}  // namespace

RollProvider ProviderOf(const RollerConfig& config, absl::string_view key) {
  for (const RollProvider& provider : config.providers) {
    if (provider.key_prefixes.empty() ||
        std::any_of(provider.key_prefixes.begin(), provider.key_prefixes.end(),
                    [key](const std::string& prefix) {
                      return absl::StartsWith(key, prefix);
                    })) {
      return provider;
    }
  }
  return StripeRollProvider();
}

std::vector<std::string> RollInstructions(const RollerConfig& config,
                                          const Roll& roll, EventTime now_ms) {
  std::vector<std::string> lines;
  const absl::string_view old_key = roll.old_key.view();
  const absl::string_view new_key = roll.new_key.view();
  switch (roll.state) {
    case RollState::kAwaitingOperator:
      lines = HowToRoll(ProviderOf(config, old_key), roll);
      break;
    case RollState::kAwaitingExpiry:
      lines.push_back(absl::StrCat(
          "Until ", FormatTime(roll.old_expires_ms), " (in ",
          keywatch::FormatDuration(absl::Seconds(
              std::max<int64_t>(0, roll.old_expires_ms - now_ms) / 1000)),
          ") both keys work: move everything to ", new_key,
          " and see that nothing uses ", old_key, " any more."));
      lines.push_back(absl::StrCat("If key ", old_key,
                                   " is misused meanwhile, end it at once at ",
                                   roll.dashboard_url, "."));
      AppendFollowUps(roll, &lines);
      break;
    case RollState::kVerifying:
      lines.push_back(
          roll.new_key_first_success_ms != 0
              ? absl::StrCat("Key ", new_key, " worked at ",
                             FormatTime(roll.new_key_first_success_ms),
                             ": done.")
              : absl::StrCat("Key ", new_key,
                             " has not been seen to work yet: is it deployed, "
                             "and is its id right?"));
      lines.push_back(WhatIsMissingOfTheOldKey(config, roll));
      AppendFollowUps(roll, &lines);
      break;
    case RollState::kFailed:
      lines.push_back(absl::StrCat(
          "Key ", old_key, " still works after its expiry. End it now at ",
          roll.dashboard_url, "."));
      lines.push_back(absl::StrCat("Look at what it was used for since ",
                                   FormatTime(roll.old_expires_ms),
                                   ": \"keywatch keys show ", old_key, "\"."));
      lines.push_back(
          "If somebody may have reached sensitive data with it, contact the "
          "provider's support.");
      lines.push_back(absl::StrCat(
          "The roll completes when the log shows the key refused. To take note "
          "of it otherwise: \"keywatch roll cancel ",
          roll.id.view(), " --reason TEXT\"."));
      AppendFollowUps(roll, &lines);
      break;
    case RollState::kCompleted:
    case RollState::kCancelled:
      break;
  }
  return lines;
}

}  // namespace keywatch
