#ifndef DAEMON_STORE_STORE_H_
#define DAEMON_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/alert.h"
#include "daemon/core/event.h"
#include "daemon/core/ids.h"
#include "daemon/core/key_profile.h"
#include "daemon/core/roll.h"

namespace keywatch {

// Where reading of one stream of one source stands.
struct StreamCursor {
  SourceId source;
  std::string stream;  // stable name of the stream within the source
  // Records before `position` are done with. Between `position` and `read` only
  // those newer than the partition's watermark are still to be observed (they
  // waited in the reorder buffer at the commit).
  int64_t position = 0;
  int64_t read = 0;
  std::string attributes;  // the source's own: path, hash of the first bytes
  bool ended = false;      // the stream is gone: forget it
};

// A record of a source that cannot be read again, still in the reorder buffer.
struct PendingRecord {
  SourceId source;
  std::string id;      // event id
  std::string record;  // scrubbed raw text; ignored when `erased`
  bool erased = false;
};

struct StateRow {
  std::string owner;
  std::string group;
  std::string blob;
  bool erased = false;
};

// A stretch of event time in which a source was blind.
struct Gap {
  SourceId source;
  EventTime from_ms = 0;
  EventTime to_ms = 0;
  std::string reason;
};

// Records that no event could be made of.
struct RejectCount {
  SourceId source;
  std::string reason;
  int64_t count = 0;  // in a Checkpoint: how many more
};
struct RejectSample {
  SourceId source;
  std::string reason;
  std::string stream;
  int64_t offset = 0;
  int64_t at_ms = 0;  // event time of the watermark, not wall clock
  std::string text;   // scrubbed, bounded, valid UTF-8
};

// Per-source totals, added up by Checkpoint.
struct SourceTotals {
  SourceId source;
  int64_t records = 0;
  int64_t events = 0;
  int64_t late = 0;
  int64_t duplicates = 0;
  int64_t rejected = 0;
  EventTime newest_event_ms = kMinEventTime;  // max, not sum
};

// The facts of an alert as the engine sees them now, and what to do when it
// is new.
struct AlertUpsert {
  Alert alert;  // state, notes and version are ignored
  // Notifiers that get an outbox row ("open") if this opens the alert, or
  // ("escalate") if it raises the level of one that is not resolved. Empty for
  // a shadow rule.
  std::vector<std::string> notify;
};

// Everything that one commit writes.
struct CheckpointBatch {
  EventTime watermark_ms = kMinEventTime;
  std::vector<StreamCursor> cursors;
  std::vector<PendingRecord> pending;
  std::vector<StateRow> state;
  std::vector<AlertUpsert> alerts;
  std::vector<KeyProfile> profiles;
  std::vector<RejectCount> rejects;
  std::vector<RejectSample> reject_samples;
  std::vector<SourceTotals> totals;
  std::vector<Gap> gaps;
  // What is remembered of the event ids processed since the last commit, in
  // words of 64 bits that mean nothing to the store; a chunk is dropped when
  // the watermark has passed `seen_until_ms`.
  std::vector<std::pair<SourceId, std::vector<uint64_t>>> seen_ids;
  EventTime seen_until_ms = 0;
  // Wall clock, for outbox rows and audit.
  int64_t now_ms = 0;
};

// What a partition looked like at its last commit.
struct PartitionState {
  int64_t epoch = 0;
  EventTime watermark_ms = kMinEventTime;
  std::vector<StreamCursor> cursors;
  std::vector<PendingRecord> pending;
  std::vector<std::pair<SourceId, std::vector<uint64_t>>> seen_ids;
};

// What Prune may drop: what was over before the moment that stands here. The
// least time keeps all.
struct PruneBefore {
  // Alerts that were resolved (wall clock) and whose episodes ended (event
  // time) before it, with their messages. What nobody resolved is kept.
  int64_t alerts_ms = kMinEventTime;
  // Messages that were sent or given up (wall clock), of resolved alerts.
  int64_t messages_ms = kMinEventTime;
  // Gaps that ended (event time).
  EventTime gaps_ms = kMinEventTime;
  // Samples of rejected records (event time); their counts stay.
  EventTime rejects_ms = kMinEventTime;
};

// One message to one notifier.
struct OutboxRow {
  int64_t id = 0;
  // The same for every attempt, unique in the outbox: "<alert id>_<notifier>_
  // <event>", an escalation with its level. Holds no '.', which Standard
  // Webhooks forbids in an id.
  std::string idempotency_key;
  std::string notifier;
  // "open", "escalate", "resolve".
  std::string event;
  AlertId alert;
  int64_t created_ms = 0;
  int64_t attempts = 0;
  int64_t next_attempt_ms = 0;
  std::string last_error;
};

struct AlertFilter {
  absl::optional<AlertState> state;
  bool unresolved_only = false;
  absl::optional<KeyId> key;
  absl::optional<RuleId> rule;
  absl::optional<Level> min_level;
  std::string id_prefix;               // the first digits of the alert's id
  EventTime since_ms = kMinEventTime;  // of the first fire
  // By time of first fire: oldest first instead of newest first.
  bool ascending = false;
  int limit = 100;
  std::string page_token;  // from the page before; "" for the first
};
struct AlertPage {
  std::vector<Alert> alerts;
  std::string next_page_token;  // "" at the end
};

// Keys are listed in order of their id, so that none is missed or given twice
// while they are used.
struct KeyFilter {
  std::string prefix;  // of the key id
  int limit = 100;
  std::string page_token;
};
struct KeyPage {
  std::vector<KeyProfile> keys;
  std::string next_page_token;
};

// A key-lifecycle action that Keywatch itself records; read back by the
// control source, so that rules can see it ("used after its roll").
struct LifecycleEvent {
  // Given by the store when the event becomes due (LifecycleAfter), not when it
  // is written: a reader that stands after sequence n misses nothing.
  int64_t sequence = 0;
  int64_t time_ms = 0;  // when it takes effect; not before then is it read
  std::string action;   // key_rolled, key_expired
  KeyId key;
  KeyId new_key;
  RollId roll;
  std::string actor;
};

struct AuditEntry {
  int64_t sequence = 0;  // given by the store
  int64_t at_ms = 0;     // wall clock
  std::string actor;
  std::string action;   // alert.acknowledge, roll.start, rules.reload, ...
  std::string subject;  // id of what was acted on
  std::string detail;
};

// The audit log as a whole: each entry's hash covers its content and the hash
// before it. Whoever keeps a head elsewhere can later tell that the log was
// shortened or replaced; every other change shows in the log itself.
struct AuditHead {
  int64_t entries = 0;
  std::string hash;  // of the last entry, 64 hex digits
};

// Store keeps what must survive. Two users, two halves: the engine half takes
// a partition by its epoch fence and commits whole checkpoints; the control
// half serves people, notifiers and rolls. Thread-safe.
//
// Errors: NOT_FOUND for an id that is not there; ABORTED when `version` (or
// the epoch) is not the current one; FAILED_PRECONDITION for a change that the
// state does not allow; RESOURCE_EXHAUSTED when the disk is full and
// UNAVAILABLE when the database is busy, read-only or its disk gives I/O errors
// (worth a retry with the same arguments: nothing was written); DATA_LOSS when
// it is corrupt; INVALID_ARGUMENT for a bad page token.
//
// A `limit` is taken as at least 1 and at most 10000.
class Store {
 public:
  virtual ~Store() = default;

  // --- The engine half.

  // Takes the partition for `owner`: its epoch grows by one, and checkpoints
  // of all earlier epochs are refused from now on. Calls `row` for every row
  // of engine state, in no order.
  virtual absl::StatusOr<PartitionState> OpenPartition(
      absl::string_view partition, absl::string_view owner,
      const std::function<void(const StateRow&)>& row) = 0;

  // Writes all of `batch`, or nothing. ABORTED when `epoch` is stale, NOT_FOUND
  // when the partition was never opened. Applying alerts again is harmless:
  // facts are absolute and only go forward. An alert that was not there, or
  // whose level rose, gets outbox rows for its notifiers in the same
  // transaction. One that somebody resolved keeps its facts: the next match of its
  // episode opens another alert, in which the episode goes on. Watermarks never
  // go back. A gap with the source, start and
  // reason of a stored one is that one, known to last longer.
  virtual absl::Status Checkpoint(absl::string_view partition, int64_t epoch,
                                  const CheckpointBatch& batch) = 0;

  // Erases engine state rows whose owner is not in `owners`. Same fence.
  virtual absl::Status EraseStateExcept(
      absl::string_view partition, int64_t epoch,
      const std::vector<std::string>& owners) = 0;

  // --- Alerts.

  virtual absl::StatusOr<Alert> GetAlert(const AlertId& id) = 0;
  virtual absl::StatusOr<AlertPage> ListAlerts(const AlertFilter& filter) = 0;
  // Sets the state, with who and why; `version` 0 takes any. Resolving adds
  // outbox rows ("resolve") for the notifiers that the alert was sent to; one
  // that is resolved stays resolved, and none is opened again
  // (FAILED_PRECONDITION). Recorded in the audit log ("alert.acknowledge",
  // "alert.resolve").
  virtual absl::StatusOr<Alert> SetAlertState(
      const AlertId& id, AlertState state, absl::string_view actor,
      absl::string_view note, int64_t version, int64_t now_ms) = 0;
  // Stores an alert raised by hand, open, with outbox rows for `alert.notify`
  // and an audit entry ("alert.raise"). An id that exists gives the stored one
  // back and changes nothing.
  virtual absl::StatusOr<Alert> RaiseAlert(const Alert& alert,
                                           absl::string_view actor,
                                           int64_t now_ms) = 0;
  // Number of alerts by state and level: [state][level], all of both.
  virtual absl::StatusOr<std::vector<std::vector<int64_t>>> CountAlerts() = 0;
  // Grows whenever an alert changed; with it, a watcher asks for changes.
  // Alerts with change sequence > `after`, oldest change first, at most
  // `limit`; the second is the sequence of the last one (or `after`).
  virtual absl::StatusOr<std::pair<std::vector<Alert>, int64_t>>
  AlertsChangedAfter(int64_t after, int limit) = 0;
  virtual absl::StatusOr<int64_t> LastAlertChange() = 0;

  // --- Keys, sources.

  virtual absl::StatusOr<KeyProfile> GetKey(const KeyId& key) = 0;
  virtual absl::StatusOr<KeyPage> ListKeys(const KeyFilter& filter) = 0;
  virtual absl::StatusOr<std::vector<SourceTotals>> ListSources() = 0;
  virtual absl::StatusOr<std::vector<StreamCursor>> ListCursors() = 0;
  virtual absl::StatusOr<std::vector<RejectCount>> ListRejectCounts() = 0;
  // The newest samples first; all sources when `source` is empty.
  virtual absl::StatusOr<std::vector<RejectSample>> ListRejects(
      const SourceId& source, int limit) = 0;
  // Gaps that end at `since_ms` or later, the newest first; all sources when
  // `source` is empty.
  virtual absl::StatusOr<std::vector<Gap>> ListGaps(const SourceId& source,
                                                    EventTime since_ms,
                                                    int limit) = 0;
  // kMinEventTime for a partition that was never opened.
  virtual absl::StatusOr<EventTime> Watermark(absl::string_view partition) = 0;

  // --- Outbox.

  // The notifiers that messages wait for, due or not, in order of name.
  virtual absl::StatusOr<std::vector<std::string>> OutboxNotifiers() = 0;
  // Rows of `notifier` that are due at `now_ms`, oldest first, at most one per
  // notifier and alert: a later message waits until the earlier one is done or
  // given up. All notifiers when `notifier` is empty.
  // Done, Retry and Dead count an attempt; to repeat one that succeeded is
  // harmless. A row that has ended otherwise is FAILED_PRECONDITION, and passed
  // over by Done, as is one that is gone.
  virtual absl::StatusOr<std::vector<OutboxRow>> DueOutbox(
      absl::string_view notifier, int64_t now_ms, int limit) = 0;
  // All in one transaction.
  virtual absl::Status OutboxDone(const std::vector<int64_t>& ids,
                                  int64_t now_ms) = 0;
  virtual absl::Status OutboxRetry(int64_t id, int64_t next_attempt_ms,
                                   absl::string_view error) = 0;
  // Given up: the receiver refused it for good. Kept, counted.
  virtual absl::Status OutboxDead(int64_t id, int64_t now_ms,
                                  absl::string_view error) = 0;
  struct OutboxCounts {
    int64_t pending = 0;
    int64_t dead = 0;
    int64_t oldest_pending_ms = 0;  // created; 0 when none
  };
  virtual absl::StatusOr<OutboxCounts> CountOutbox() = 0;

  // --- Rolls. A roll is stored whole, by compare-and-set of its version.

  // Stores it with version 1 and an audit entry ("roll.start") by
  // `started_by`. ALREADY_EXISTS when the key has a roll that is not finished,
  // or the id is taken.
  virtual absl::StatusOr<Roll> InsertRoll(const Roll& roll) = 0;
  virtual absl::StatusOr<Roll> GetRoll(const RollId& id) = 0;
  // Newest first; only unfinished ones on demand.
  virtual absl::StatusOr<std::vector<Roll>> ListRolls(bool unfinished_only,
                                                      int limit) = 0;
  // Stores `roll` if its version is the stored one, and with it, in the same
  // transaction, lifecycle events and an audit entry (none when `action` is
  // empty). Gives the new version.
  virtual absl::StatusOr<Roll> UpdateRoll(
      const Roll& roll, const std::vector<LifecycleEvent>& lifecycle,
      const AuditEntry& audit) = 0;
  // Numbers the lifecycle events that became due by `now_ms`, in order of time,
  // and gives those after `sequence`, in order.
  virtual absl::StatusOr<std::vector<LifecycleEvent>> LifecycleAfter(
      int64_t sequence, int64_t now_ms, int limit) = 0;

  // --- Retention.

  // Drops what `before` allows, at most `limit` rows, and gives how many went:
  // fewer than `limit` when nothing is left to drop. One short transaction, so
  // that commits do not wait long. Never touches the audit log, rolls, keys and
  // engine state.
  virtual absl::StatusOr<int64_t> Prune(const PruneBefore& before,
                                        int limit) = 0;

  // --- Audit.

  // Entries are numbered from 1, chained by their hashes, and never changed.
  virtual absl::Status AppendAudit(const AuditEntry& entry) = 0;
  // Newest first; all subjects when `subject` is empty.
  virtual absl::StatusOr<std::vector<AuditEntry>> ListAudit(
      absl::string_view subject, int limit) = 0;
  // Reads the whole log; DATA_LOSS, naming the first bad entry, when the chain
  // is broken.
  virtual absl::StatusOr<AuditHead> VerifyAudit() = 0;
};

}  // namespace keywatch

#endif  // DAEMON_STORE_STORE_H_
