#include "daemon/respond/roller.h"

#include <algorithm>
#include <utility>

#include "daemon/core/time.h"
#include "daemon/respond/roll_alert.h"

// The half of Roller that no person calls: what the log shows, and how a roll
// moves on by it.

namespace keywatch {
namespace {

constexpr char kDaemon[] = "keywatchd";
constexpr int kMaxAttempts = 10;
constexpr int kMaxGaps = 1000;

}  // namespace

absl::StatusOr<Roll> Roller::Mutate(const RollId& id, EventTime now_ms,
                                    const Mutation& mutation) {
  absl::Status aborted;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    absl::StatusOr<Roll> roll = store_->GetRoll(id);
    if (!roll.ok()) return roll.status();
    absl::StatusOr<Change> change = mutation(&*roll);
    if (!change.ok()) return change.status();
    // The watch must know the expiry before evidence is judged by it.
    const absl::StatusOr<bool> moved =
        MoveOn(now_ms, &*roll, &change->lifecycle);
    if (!moved.ok()) return moved.status();
    if (!change->made && !*moved) {
      Watching(*roll);
      return roll;
    }
    AuditEntry audit;
    audit.at_ms = now_ms;
    audit.action = change->action;
    audit.actor = change->actor;
    audit.subject = id.str();
    audit.detail = change->detail;
    absl::StatusOr<Roll> stored =
        store_->UpdateRoll(*roll, change->lifecycle, audit);
    if (stored.ok()) {
      Watching(*stored);
      return stored;
    }
    if (!absl::IsAborted(stored.status())) return stored.status();
    aborted = stored.status();
  }
  return aborted;
}

absl::StatusOr<bool> Roller::MoveOn(EventTime now_ms, Roll* roll,
                                    std::vector<LifecycleEvent>* lifecycle) {
  RollEvidence evidence = EvidenceOf(roll->id);
  if (absl::Status status = AddNewKeySuccess(*roll, &evidence); !status.ok()) {
    return status;
  }
  RollSilence silence;
  if (NeedsSilence(*roll)) {
    absl::StatusOr<RollSilence> known = SilenceOf(*roll);
    if (!known.ok()) return known.status();
    silence = *known;
  }
  const RollState before = roll->state;
  bool changed = false;
  for (std::string& what :
       AdvanceRoll(config_, evidence, silence, now_ms, roll, &changed)) {
    roll->steps.push_back({now_ms, kDaemon, std::move(what)});
  }
  if (before == RollState::kAwaitingExpiry &&
      roll->state == RollState::kVerifying) {
    // The key may have created more since the roll began.
    AddFollowUps(roll);
    const bool open =
        std::any_of(roll->follow_ups.begin(), roll->follow_ups.end(),
                    [](const RollFollowUp& f) { return !f.closed; });
    if (open && LeavesEndpoints(*roll)) {
      lifecycle->push_back(
          LifecycleOf(*roll, "key_endpoints_left", now_ms, kDaemon));
    }
  }
  if (roll->state == RollState::kFailed && before != RollState::kFailed) {
    // Before the roll says so: a crash in between raises the same alert again.
    const absl::StatusOr<Alert> raised = store_->RaiseAlert(
        RollFailureAlert(config_, *roll, evidence.old_key_late_success_ms,
                         before == RollState::kCompleted),
        kDaemon, now_ms);
    if (!raised.ok()) return raised.status();
  }
  return changed;
}

absl::Status Roller::AddNewKeySuccess(const Roll& roll,
                                      RollEvidence* evidence) const {
  if (roll.new_key.empty() || roll.new_key_first_success_ms != 0 ||
      evidence->new_key_first_success_ms != 0) {
    return absl::OkStatus();
  }
  const absl::StatusOr<KeyProfile> profile = store_->GetKey(roll.new_key);
  if (absl::IsNotFound(profile.status())) return absl::OkStatus();
  if (!profile.ok()) return profile.status();
  if (profile->last_success_ms >= roll.started_ms) {
    evidence->new_key_first_success_ms =
        profile->failed == 0 && profile->first_seen_ms >= roll.started_ms
            ? profile->first_seen_ms
            : profile->last_success_ms;
  }
  return absl::OkStatus();
}

absl::StatusOr<RollSilence> Roller::SilenceOf(const Roll& roll) const {
  RollSilence silence;
  if (!inputs_.watermark) return silence;
  absl::StatusOr<EventTime> watermark = inputs_.watermark();
  if (!watermark.ok()) return watermark.status();
  const absl::StatusOr<KeyProfile> profile = store_->GetKey(roll.old_key);
  if (profile.ok()) {
    silence.old_key_last_seen_ms = profile->last_seen_ms;
    silence.old_key_last_success_ms = profile->last_success_ms;
  } else if (!absl::IsNotFound(profile.status())) {
    return profile.status();
  }
  absl::StatusOr<std::vector<Gap>> gaps =
      store_->ListGaps(SourceId(), roll.old_expires_ms, kMaxGaps);
  if (!gaps.ok()) return gaps.status();
  for (const Gap& gap : *gaps) {
    silence.last_gap_end_ms = std::max(silence.last_gap_end_ms, gap.to_ms);
  }
  silence.watermark_ms = *watermark;
  return silence;
}

absl::Status Roller::Advance(const RollId& id, EventTime now_ms) {
  return Mutate(id, now_ms, [](Roll*) { return Change(); }).status();
}

bool Roller::Watches(absl::string_view key) const {
  if (watched_ == 0) return false;
  absl::MutexLock lock(&mu_);
  return keys_.contains(key);
}

std::vector<KeyId> Roller::WatchedKeys() const {
  absl::MutexLock lock(&mu_);
  std::vector<KeyId> sorted(keys_.begin(), keys_.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

void Roller::Observe(absl::string_view key, EventTime time_ms, KeyUse use) {
  if (watched_ == 0) return;
  absl::MutexLock lock(&mu_);
  for (auto& [id, watch] : watches_) {
    MergeKeyUse(watch.roll, config_, key, time_ms, use, &watch.evidence);
  }
}

absl::Status Roller::Flush(absl::Time now) {
  if (watched_ == 0) return absl::OkStatus();
  std::vector<RollId> changed;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [id, watch] : watches_) {
      Roll roll = watch.roll;
      bool differs = false;
      // At the time of its start: what time alone moves on is RunOnce's.
      AdvanceRoll(config_, watch.evidence, RollSilence(), roll.started_ms,
                  &roll, &differs);
      if (differs) changed.push_back(id);
    }
  }
  for (const RollId& id : changed) {
    if (absl::Status status = Advance(id, ToEventTime(now)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Roller::OnKeyUse(const KeyId& key, EventTime time_ms, KeyUse use,
                              absl::Time now) {
  Observe(key.view(), time_ms, use);
  return Flush(now);
}

absl::Status Roller::RunOnce(absl::Time now) {
  absl::Status first_error;
  for (const RollId& id : Moving()) {
    first_error.Update(Advance(id, ToEventTime(now)));
  }
  return first_error;
}

void Roller::Watching(const Roll& roll) {
  absl::MutexLock lock(&mu_);
  if (roll.state == RollState::kCancelled) {
    watches_.erase(roll.id);
  } else {
    Watch& watch = watches_[roll.id];
    // Two threads may come here in either order.
    if (roll.version >= watch.roll.version) watch.roll = roll;
  }
  keys_.clear();
  for (const auto& [id, watch] : watches_) {
    keys_.insert(watch.roll.old_key.str());
    // That it goes on working says nothing after the roll.
    if (!watch.roll.new_key.empty() &&
        watch.roll.state != RollState::kCompleted) {
      keys_.insert(watch.roll.new_key.str());
    }
  }
  watched_ = static_cast<int>(watches_.size());
}

std::vector<RollId> Roller::Moving() const {
  std::vector<RollId> ids;
  absl::MutexLock lock(&mu_);
  for (const auto& [id, watch] : watches_) {
    // Only an event moves a completed roll.
    if (watch.roll.state != RollState::kCompleted) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

RollEvidence Roller::EvidenceOf(const RollId& id) const {
  absl::MutexLock lock(&mu_);
  const auto watch = watches_.find(id);
  return watch == watches_.end() ? RollEvidence() : watch->second.evidence;
}

}  // namespace keywatch
