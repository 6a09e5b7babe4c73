#ifndef DAEMON_RESPOND_ROLLER_H_
#define DAEMON_RESPOND_ROLLER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/core/ids.h"
#include "daemon/core/roll.h"
#include "daemon/respond/notifier_config.h"
#include "daemon/respond/roll_progress.h"
#include "daemon/store/store.h"

namespace keywatch {

// Roller takes keys through their replacement in manual mode: a person rolls the
// key at the provider, the roller says how, records every step, watches both
// keys in the log and raises an alert when the old one outlives its expiry.
//
//   roller.Start(...)      awaiting_operator; RollInstructions() say what to do
//   roller.Confirm(...)    awaiting_expiry, or verifying when it is past
//   roller.Observe(...)    for every event of a watched key, then Flush()
//   roller.CloseFollowUp(...)
//
// A roll lives in the store and is changed by compare-and-set, so people, the
// pipeline and RunOnce may act at the same time. What was observed is idempotent
// (first and last times): the pipeline calls Flush before the commit of the
// events, which after a crash observes them again, and so loses nothing.
//
// Refusals: INVALID_ARGUMENT for arguments that cannot be (a pasted secret, a
// time out of bounds; the text does not repeat them), NOT_FOUND for an unknown
// roll, FAILED_PRECONDITION for what its state does not allow; besides, the
// store's errors. Thread-safe.
class Roller {
 public:
  struct Inputs {
    // What a roll of the key leaves to be done, a sentence each, beyond what the
    // key's profile shows. May be empty.
    std::function<absl::StatusOr<std::vector<std::string>>(const KeyId&)>
        follow_ups;
    // Up to which event time all sources have been read and committed; silence
    // of a key counts only so far. Without it, silence proves nothing.
    std::function<absl::StatusOr<EventTime>()> watermark;
  };

  struct StartRequest {
    KeyId key;
    std::string actor;
    std::string reason;
    AlertId alert;  // may be empty
    // Of a test mode; found out from the key's id when not given.
    absl::optional<bool> test_mode;
  };

  struct ConfirmRequest {
    RollId roll;
    KeyId new_key;
    // nullopt: it has stopped working. A time since the roll began, or one to
    // come; the log's evidence of before the confirmation counts.
    absl::optional<absl::Time> old_expires;
    std::string actor;
  };

  // `store` must outlive it.
  Roller(RollerConfig config, Store* store, Inputs inputs);
  Roller(const Roller&) = delete;
  Roller& operator=(const Roller&) = delete;

  // Reads the rolls; before anything is observed.
  absl::Status Load();

  // Begins a roll. ALREADY_EXISTS, with the other one's id, when the key has a
  // roll that is not finished; FAILED_PRECONDITION when it is the new key of one.
  absl::StatusOr<Roll> Start(const StartRequest& request, absl::Time now);

  // Records that the operator has rolled the key, and writes the lifecycle
  // events key_rolled (now) and key_expired (`expiry_tolerance` after the old key
  // ends). Saying the
  // same again gives the roll as it is; saying something else is refused.
  absl::StatusOr<Roll> Confirm(const ConfirmRequest& request, absl::Time now);

  // Records that a follow-up is done; again, gives the roll as it is.
  absl::StatusOr<Roll> CloseFollowUp(const RollId& roll, int64_t follow_up,
                                     absl::string_view actor, absl::Time now);

  // Gives the roll up, also one that failed. After a confirmation, a lifecycle event
  // key_roll_cancelled says so; the expiry that was recorded stands, so that a
  // use of the old key after it still alerts.
  absl::StatusOr<Roll> Cancel(const RollId& roll, absl::string_view actor,
                              absl::string_view reason, absl::Time now);

  // What the operator does next.
  std::vector<std::string> Instructions(const Roll& roll, absl::Time now) const;

  // True when uses of the key are to be observed: both keys of a roll, the old
  // one also after it. Fast when there are no rolls.
  bool Watches(absl::string_view key) const;
  std::vector<KeyId> WatchedKeys() const;
  // Takes note of one use; ignores keys that are not watched. Memory only.
  void Observe(absl::string_view key, EventTime time_ms, KeyUse use);
  // Writes what was observed and means something. To be called before the commit
  // of the events; on an error nothing is forgotten and it may be called again.
  absl::Status Flush(absl::Time now);
  // Observe and Flush in one.
  absl::Status OnKeyUse(const KeyId& key, EventTime time_ms, KeyUse use,
                        absl::Time now);

  // Moves on what time alone moves on: expiries, and silences long enough. To
  // be called every few seconds. Errors concern single rolls; the first one is
  // returned after all were tried.
  absl::Status RunOnce(absl::Time now);

 private:
  struct Watch {
    Roll roll;  // as last read or written
    RollEvidence evidence;
  };
  // What a change does besides the roll itself.
  struct Change {
    bool made = false;
    std::string action;  // of the audit entry; "" makes none
    std::string actor;
    std::string detail;
    std::vector<LifecycleEvent> lifecycle;
  };
  using Mutation = std::function<absl::StatusOr<Change>(Roll*)>;

  // Applies `mutation` to the stored roll by compare-and-set, and again when
  // somebody was faster; then Advance's work, in the same write.
  absl::StatusOr<Roll> Mutate(const RollId& id, EventTime now_ms,
                              const Mutation& mutation);
  absl::Status Advance(const RollId& id, EventTime now_ms);
  // Moves `roll` on by what is known. Raises the alert of a roll that fails.
  absl::StatusOr<bool> MoveOn(EventTime now_ms, Roll* roll,
                              std::vector<LifecycleEvent>* lifecycle);
  // What rules see of `roll`: `action` takes effect at `time_ms`.
  static LifecycleEvent LifecycleOf(const Roll& roll, absl::string_view action,
                                    EventTime time_ms, absl::string_view actor);
  // Whether the old key made what outlives it: endpoints, destinations.
  bool LeavesEndpoints(const Roll& roll) const;
  // Adds to `evidence` what the new key did before it was known to be one.
  absl::Status AddNewKeySuccess(const Roll& roll, RollEvidence* evidence) const;
  absl::StatusOr<RollSilence> SilenceOf(const Roll& roll) const;
  void AddFollowUps(Roll* roll) const;

  // Keeps `watches_` as the roll says.
  void Watching(const Roll& roll) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<RollId> Moving() const;
  RollEvidence EvidenceOf(const RollId& id) const;

  // Constant after construction.
  const RollerConfig config_;
  Store* const store_;
  const Inputs inputs_;

  // Number of watched rolls, to be asked for every event.
  std::atomic<int> watched_{0};

  mutable absl::Mutex mu_;
  absl::flat_hash_map<RollId, Watch> watches_ ABSL_GUARDED_BY(mu_);
  // Of all of them.
  absl::flat_hash_set<std::string> keys_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_RESPOND_ROLLER_H_
