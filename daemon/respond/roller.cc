#include "daemon/respond/roller.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/time.h"
#include "daemon/crypto/hash.h"
#include "daemon/respond/blast_radius.h"
#include "daemon/respond/key_reference.h"
#include "daemon/respond/roll_guide.h"

namespace keywatch {
namespace {

constexpr char kDaemon[] = "keywatchd";
constexpr size_t kMaxActorBytes = 256;
constexpr size_t kMaxReasonBytes = 2000;
constexpr int kMaxRolls = 1000;
// A "now" that took its time to arrive, or was said by another clock.
constexpr absl::Duration kNowTolerance = absl::Minutes(5);

constexpr char kGeneralFollowUp[] =
    "Review all webhook endpoints and event destinations of the account: those "
    "that were created with this key stay active after the roll";

void AddStep(EventTime now_ms, absl::string_view actor, std::string what,
             Roll* roll) {
  roll->steps.push_back({now_ms, std::string(actor), std::move(what)});
}

absl::Status NotAllowed(const Roll& roll, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "roll ", roll.id.view(), " is ", RollStateName(roll.state), ": ", what));
}

std::string ExpiryText(EventTime expires_ms, EventTime now_ms) {
  return expires_ms == now_ms ? std::string("at once")
                              : absl::StrCat("at ", FormatTime(expires_ms));
}

}  // namespace

Roller::Roller(RollerConfig config, Store* store, Inputs inputs)
    : config_(std::move(config)), store_(store), inputs_(std::move(inputs)) {}

absl::Status Roller::Load() {
  absl::StatusOr<std::vector<Roll>> rolls = store_->ListRolls(true, kMaxRolls);
  if (!rolls.ok()) return rolls.status();
  for (const Roll& roll : *rolls) Watching(roll);
  // The newest of the others: an old key may work again long after its roll.
  rolls = store_->ListRolls(false, kMaxRolls);
  if (!rolls.ok()) return rolls.status();
  for (const Roll& roll : *rolls) Watching(roll);
  return absl::OkStatus();
}

absl::StatusOr<Roll> Roller::Start(const StartRequest& request,
                                   absl::Time now) {
  for (const absl::Status& status :
       {CheckKeyReference(request.key.view(), "the key id"),
        CheckFreeText(request.actor, "the actor", kMaxActorBytes),
        CheckFreeText(request.reason, "the reason", kMaxReasonBytes)}) {
    if (!status.ok()) return status;
  }
  if (!request.alert.empty()) {
    absl::StatusOr<Alert> alert = store_->GetAlert(request.alert);
    if (!alert.ok()) return alert.status();
  }
  absl::StatusOr<std::vector<Roll>> others = store_->ListRolls(true, kMaxRolls);
  if (!others.ok()) return others.status();
  for (const Roll& other : *others) {
    if (other.old_key == request.key) {
      return absl::AlreadyExistsError(absl::StrCat(
          "key ", request.key.view(), " is being rolled already: roll ",
          other.id.view(), " is ", RollStateName(other.state),
          "; finish or cancel it first"));
    }
    if (other.new_key == request.key) {
      return absl::FailedPreconditionError(absl::StrCat(
          "key ", request.key.view(), " is the new key of roll ",
          other.id.view(), ", which is ", RollStateName(other.state),
          "; finish or cancel that first"));
    }
  }

  const EventTime now_ms = ToEventTime(now);
  const RollProvider provider = ProviderOf(config_, request.key.view());
  Roll roll;
  roll.id = RollId(absl::StrCat(
      "roll_", Sha256Hex(absl::StrCat(request.key.view(), "\n", now_ms), 16)));
  roll.old_key = request.key;
  roll.reason = request.reason;
  roll.alert = request.alert;
  roll.started_by = request.actor;
  roll.started_ms = now_ms;
  const bool test_mode =
      request.test_mode.value_or(IsTestKey(request.key.view()));
  roll.dashboard_url = test_mode && !provider.test_dashboard_url.empty()
                           ? provider.test_dashboard_url
                           : provider.dashboard_url;
  AddStep(now_ms, request.actor, absl::StrCat("started: ", request.reason),
          &roll);
  const absl::StatusOr<KeyProfile> profile = store_->GetKey(request.key);
  if (profile.ok()) {
    // Of a key that never failed every request succeeded.
    roll.old_key_last_success_ms =
        std::max<EventTime>({0, profile->last_success_ms,
                             profile->failed == 0 ? profile->last_seen_ms : 0});
    AddStep(
        now_ms, kDaemon,
        absl::StrJoin(
            BlastRadiusText(BlastRadiusOf(*profile, now_ms), now_ms, 0), " "),
        &roll);
  } else if (absl::IsNotFound(profile.status())) {
    AddStep(now_ms, kDaemon,
            "no request of this key has been seen: is its id right?", &roll);
  } else {
    return profile.status();
  }
  AddFollowUps(&roll);
  absl::StatusOr<Roll> stored = store_->InsertRoll(roll);
  if (!stored.ok()) return stored.status();
  Watching(*stored);
  return stored;
}

absl::StatusOr<Roll> Roller::Confirm(const ConfirmRequest& request,
                                     absl::Time now) {
  for (const absl::Status& status :
       {CheckKeyReference(request.new_key.view(), "the new key's id"),
        CheckFreeText(request.actor, "the actor", kMaxActorBytes)}) {
    if (!status.ok()) return status;
  }
  const EventTime now_ms = ToEventTime(now);
  // It cannot have ended by a roll that had not begun.
  const auto expiry_of = [&](const Roll& roll) {
    return request.old_expires.has_value()
               ? std::max(roll.started_ms, ToEventTime(*request.old_expires))
               : now_ms;
  };
  const absl::StatusOr<KeyProfile> profile = store_->GetKey(request.new_key);
  if (!profile.ok() && !absl::IsNotFound(profile.status())) {
    return profile.status();
  }
  return Mutate(
      request.roll, now_ms, [&](Roll* roll) -> absl::StatusOr<Change> {
        Change change;
        if (roll->state != RollState::kAwaitingOperator) {
          const bool same_expiry =
              request.old_expires.has_value()
                  ? roll->old_expires_ms == expiry_of(*roll)
                  : roll->old_expires_ms <= now_ms;
          if (!IsFinished(roll->state) && roll->new_key == request.new_key &&
              same_expiry) {
            return change;
          }
          return NotAllowed(
              *roll,
              roll->new_key.empty()
                  ? std::string("it cannot be confirmed any more")
                  : absl::StrCat("it was confirmed with new key ",
                                 roll->new_key.view(), " and expiry ",
                                 FormatTime(roll->old_expires_ms),
                                 "; if that is wrong, cancel it and start "
                                 "another"));
        }
        if (request.new_key == roll->old_key) {
          return absl::InvalidArgumentError(
              "the new key is the old key; a rolled key has an id of its own");
        }
        const EventTime expires_ms = expiry_of(*roll);
        if (request.old_expires.has_value() &&
            *request.old_expires <
                FromEventTime(roll->started_ms) - kNowTolerance) {
          return absl::InvalidArgumentError(
              "the expiry of the old key is before the roll began; if the key "
              "has stopped working already, leave it out");
        }
        const EventTime works_ms =
            std::max<EventTime>(roll->old_key_last_success_ms,
                                EvidenceOf(roll->id).old_key_last_success_ms);
        if (expires_ms < now_ms &&
            works_ms > expires_ms + absl::ToInt64Milliseconds(
                                        config_.expiry_tolerance)) {
          return absl::InvalidArgumentError(absl::StrCat(
              "the old key worked at ", FormatTime(works_ms),
              ", after that expiry; give the time at which it really ends"));
        }
        const absl::Duration most =
            ProviderOf(config_, roll->old_key.view()).max_overlap;
        // What was within bounds when it was typed stays so.
        if (expires_ms - now_ms >
            absl::ToInt64Milliseconds(most + kNowTolerance)) {
          return absl::InvalidArgumentError(absl::StrCat(
              "the old key may live for ", keywatch::FormatDuration(most),
              " after a roll at most"));
        }
        roll->new_key = request.new_key;
        roll->old_expires_ms = expires_ms;
        roll->state = RollState::kAwaitingExpiry;
        // A key that is to live on was refused for another reason.
        if (expires_ms > now_ms) roll->old_key_refused_ms = 0;
        const std::string what = absl::StrCat(
            "confirmed: the new key is ", roll->new_key.view(),
            ", the old one stops working ", ExpiryText(expires_ms, now_ms));
        AddStep(now_ms, request.actor, what, roll);
        if (profile.ok() && profile->first_seen_ms < roll->started_ms) {
          AddStep(now_ms, kDaemon,
                  absl::StrCat("key ", roll->new_key.view(),
                               " was used before this roll began, since ",
                               FormatTime(profile->first_seen_ms),
                               ": is it really the new one?"),
                  roll);
        }
        change.lifecycle.push_back(
            LifecycleOf(*roll, "key_rolled", now_ms, request.actor));
        // Rules judge what comes after it, so it comes when a success counts:
        // the provider takes its time, and requests were on their way.
        // Never in the past, which rules have judged already.
        change.lifecycle.push_back(
            LifecycleOf(*roll, "key_expired",
                        std::max<EventTime>(
                            now_ms, expires_ms + absl::ToInt64Milliseconds(
                                                     config_.expiry_tolerance)),
                        request.actor));
        change.made = true;
        change.action = "roll.confirm";
        change.actor = request.actor;
        change.detail = what;
        return change;
      });
}

absl::StatusOr<Roll> Roller::CloseFollowUp(const RollId& id, int64_t follow_up,
                                           absl::string_view actor,
                                           absl::Time now) {
  if (absl::Status status = CheckFreeText(actor, "the actor", kMaxActorBytes);
      !status.ok()) {
    return status;
  }
  const EventTime now_ms = ToEventTime(now);
  return Mutate(id, now_ms, [&](Roll* roll) -> absl::StatusOr<Change> {
    Change change;
    const auto found = std::find_if(
        roll->follow_ups.begin(), roll->follow_ups.end(),
        [follow_up](const RollFollowUp& f) { return f.id == follow_up; });
    if (found == roll->follow_ups.end()) {
      return absl::NotFoundError(absl::StrCat("roll ", roll->id.view(),
                                              " has no follow-up ", follow_up));
    }
    if (found->closed) return change;
    // Those of a failed roll still have to be done.
    if (roll->state == RollState::kCancelled) {
      return NotAllowed(*roll, "its follow-ups are closed no more");
    }
    found->closed = true;
    found->closed_by = std::string(actor);
    found->closed_at_ms = now_ms;
    change.made = true;
    change.action = "roll.close_follow_up";
    change.actor = std::string(actor);
    change.detail =
        absl::StrCat("follow-up ", follow_up, " closed: ", found->what);
    AddStep(now_ms, actor, change.detail, roll);
    if (std::all_of(roll->follow_ups.begin(), roll->follow_ups.end(),
                    [](const RollFollowUp& f) { return f.closed; })) {
      change.lifecycle.push_back(
          LifecycleOf(*roll, "key_follow_ups_closed", now_ms, actor));
    }
    return change;
  });
}

absl::StatusOr<Roll> Roller::Cancel(const RollId& id, absl::string_view actor,
                                    absl::string_view reason, absl::Time now) {
  for (const absl::Status& status :
       {CheckFreeText(actor, "the actor", kMaxActorBytes),
        CheckFreeText(reason, "the reason", kMaxReasonBytes)}) {
    if (!status.ok()) return status;
  }
  const EventTime now_ms = ToEventTime(now);
  return Mutate(id, now_ms, [&](Roll* roll) -> absl::StatusOr<Change> {
    Change change;
    if (roll->state == RollState::kCancelled) return change;
    if (roll->state == RollState::kCompleted) {
      return NotAllowed(*roll, "there is nothing to cancel");
    }
    if (roll->state != RollState::kAwaitingOperator) {
      change.lifecycle.push_back(
          LifecycleOf(*roll, "key_roll_cancelled", now_ms, actor));
    }
    roll->state = RollState::kCancelled;
    change.made = true;
    change.action = "roll.cancel";
    change.actor = std::string(actor);
    change.detail = absl::StrCat("cancelled: ", reason);
    AddStep(now_ms, actor, change.detail, roll);
    return change;
  });
}

std::vector<std::string> Roller::Instructions(const Roll& roll,
                                              absl::Time now) const {
  return RollInstructions(config_, roll, ToEventTime(now));
}

LifecycleEvent Roller::LifecycleOf(const Roll& roll, absl::string_view action,
                                   EventTime time_ms, absl::string_view actor) {
  LifecycleEvent event;
  event.time_ms = time_ms;
  event.action = std::string(action);
  event.key = roll.old_key;
  event.new_key = roll.new_key;
  event.roll = roll.id;
  event.actor = std::string(actor);
  return event;
}

bool Roller::LeavesEndpoints(const Roll& roll) const {
  const absl::StatusOr<KeyProfile> profile = store_->GetKey(roll.old_key);
  return profile.ok() && !FollowUpsFrom(*profile).empty();
}

void Roller::AddFollowUps(Roll* roll) const {
  std::vector<std::string> wanted;
  const absl::StatusOr<KeyProfile> profile = store_->GetKey(roll->old_key);
  if (profile.ok()) wanted = FollowUpsFrom(*profile);
  if (inputs_.follow_ups) {
    absl::StatusOr<std::vector<std::string>> more =
        inputs_.follow_ups(roll->old_key);
    if (more.ok()) {
      wanted.insert(wanted.end(), more->begin(), more->end());
    } else {
      wanted.push_back(
          "Find out what this key has created: it could not be looked up");
    }
  }
  wanted.push_back(kGeneralFollowUp);
  for (std::string& what : wanted) {
    const bool known =
        std::any_of(roll->follow_ups.begin(), roll->follow_ups.end(),
                    [&what](const RollFollowUp& f) { return f.what == what; });
    if (known) continue;
    RollFollowUp follow_up;
    follow_up.id = static_cast<int64_t>(roll->follow_ups.size()) + 1;
    follow_up.what = std::move(what);
    roll->follow_ups.push_back(std::move(follow_up));
  }
}

}  // namespace keywatch
