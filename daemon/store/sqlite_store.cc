#include "daemon/store/sqlite_store.h"

#include "absl/strings/str_cat.h"
#include "daemon/store/alert_table.h"
#include "daemon/store/audit_table.h"
#include "daemon/store/key_table.h"
#include "daemon/store/outbox_table.h"
#include "daemon/store/prune.h"
#include "daemon/store/roll_table.h"
#include "daemon/store/source_tables.h"

namespace keywatch {
namespace {

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<StateDirectory> directory,
                         std::unique_ptr<Connection> engine,
                         std::unique_ptr<Connection> control,
                         std::unique_ptr<ConnectionPool> readers,
                         int busy_timeout_ms)
    : directory_(std::move(directory)),
      busy_timeout_ms_(busy_timeout_ms),
      readers_(std::move(readers)),
      engine_(std::move(engine)),
      partitions_(engine_.get()),
      control_(std::move(control)) {}

absl::Status SqliteStore::CheckFiles() {
  const std::string database = directory_->File("keywatch.db");
  for (const auto& [file, path] :
       {std::make_pair(&database_, database),
        std::make_pair(&log_, absl::StrCat(database, "-wal"))}) {
    if (file->IsAt(path)) continue;
    return absl::UnavailableError(absl::StrCat(
        path,
        " was deleted or replaced under the running daemon: put the file back, "
        "or stop the daemon and restore a backup"));
  }
  return absl::OkStatus();
}

template <typename Body>
auto SqliteStore::Write(Body body)
    -> decltype(body(std::declval<Connection&>())) {
  absl::MutexLock lock(&write_mu_);
  Connection& db = *control_;
  if (absl::Status files = CheckFiles(); !files.ok()) return files;
  decltype(body(db)) result = absl::UnknownError("not run");
  const absl::Status status = db.Write([&]() -> absl::Status {
    result = body(db);
    return StatusOf(result);
  });
  // The commit itself may have failed.
  if (!status.ok()) return status;
  return result;
}

template <typename Body>
auto SqliteStore::Read(Body body)
    -> decltype(body(std::declval<Connection&>())) {
  ConnectionPool::Lease db(readers_.get());
  return body(*db);
}

// --- The engine half.

absl::StatusOr<PartitionState> SqliteStore::OpenPartition(
    absl::string_view partition, absl::string_view owner,
    const std::function<void(const StateRow&)>& row) {
  absl::MutexLock engine_lock(&engine_mu_);
  absl::MutexLock write_lock(&write_mu_);
  return partitions_.Open(partition, owner, row);
}

absl::Status SqliteStore::Checkpoint(absl::string_view partition, int64_t epoch,
                                     const CheckpointBatch& batch) {
  absl::MutexLock engine_lock(&engine_mu_);
  absl::MutexLock write_lock(&write_mu_);
  if (absl::Status files = CheckFiles(); !files.ok()) return files;
  return partitions_.Checkpoint(partition, epoch, batch);
}

absl::Status SqliteStore::EraseStateExcept(
    absl::string_view partition, int64_t epoch,
    const std::vector<std::string>& owners) {
  absl::MutexLock engine_lock(&engine_mu_);
  absl::MutexLock write_lock(&write_mu_);
  return partitions_.EraseStateExcept(partition, epoch, owners);
}

// --- Alerts.

absl::StatusOr<Alert> SqliteStore::GetAlert(const AlertId& id) {
  return Read([&](Connection& db) { return keywatch::GetAlert(db, id); });
}

absl::StatusOr<AlertPage> SqliteStore::ListAlerts(const AlertFilter& filter) {
  return Read([&](Connection& db) { return keywatch::ListAlerts(db, filter); });
}

absl::StatusOr<Alert> SqliteStore::SetAlertState(
    const AlertId& id, AlertState state, absl::string_view actor,
    absl::string_view note, int64_t version, int64_t now_ms) {
  return Write([&](Connection& db) -> absl::StatusOr<Alert> {
    absl::StatusOr<Alert> alert =
        keywatch::SetAlertState(db, id, state, actor, note, version, now_ms);
    if (!alert.ok()) return alert;
    AuditEntry entry;
    entry.at_ms = now_ms;
    entry.actor = std::string(actor);
    entry.action =
        state == AlertState::kResolved ? "alert.resolve" : "alert.acknowledge";
    entry.subject = id.str();
    entry.detail = std::string(note);
    if (absl::Status status = AppendAuditEntry(db, entry); !status.ok()) {
      return status;
    }
    return alert;
  });
}

absl::StatusOr<Alert> SqliteStore::RaiseAlert(const Alert& alert,
                                              absl::string_view actor,
                                              int64_t now_ms) {
  return Write([&](Connection& db) -> absl::StatusOr<Alert> {
    const absl::StatusOr<bool> inserted = InsertAlert(db, alert, actor, now_ms);
    if (!inserted.ok()) return inserted.status();
    if (*inserted) {
      AuditEntry entry;
      entry.at_ms = now_ms;
      entry.actor = std::string(actor);
      entry.action = "alert.raise";
      entry.subject = alert.id.str();
      entry.detail = alert.title;
      if (absl::Status status = AppendAuditEntry(db, entry); !status.ok()) {
        return status;
      }
    }
    return keywatch::GetAlert(db, alert.id);
  });
}

absl::StatusOr<std::vector<std::vector<int64_t>>> SqliteStore::CountAlerts() {
  return Read([](Connection& db) { return keywatch::CountAlerts(db); });
}

absl::StatusOr<std::pair<std::vector<Alert>, int64_t>>
SqliteStore::AlertsChangedAfter(int64_t after, int limit) {
  return Read([&](Connection& db) {
    return keywatch::AlertsChangedAfter(db, after, limit);
  });
}

absl::StatusOr<int64_t> SqliteStore::LastAlertChange() {
  return Read([](Connection& db) { return keywatch::LastAlertChange(db); });
}

// --- Keys, sources.

absl::StatusOr<KeyProfile> SqliteStore::GetKey(const KeyId& key) {
  return Read([&](Connection& db) { return ReadKeyProfile(db, key); });
}

absl::StatusOr<KeyPage> SqliteStore::ListKeys(const KeyFilter& filter) {
  return Read([&](Connection& db) { return ListKeyProfiles(db, filter); });
}

absl::StatusOr<std::vector<SourceTotals>> SqliteStore::ListSources() {
  return Read([](Connection& db) { return ReadSourceTotals(db); });
}

absl::StatusOr<std::vector<StreamCursor>> SqliteStore::ListCursors() {
  return Read([](Connection& db) { return ReadCursors(db); });
}

absl::StatusOr<std::vector<RejectCount>> SqliteStore::ListRejectCounts() {
  return Read([](Connection& db) { return ReadRejectCounts(db); });
}

absl::StatusOr<std::vector<RejectSample>> SqliteStore::ListRejects(
    const SourceId& source, int limit) {
  return Read(
      [&](Connection& db) { return ReadRejectSamples(db, source, limit); });
}

absl::StatusOr<std::vector<Gap>> SqliteStore::ListGaps(const SourceId& source,
                                                       EventTime since_ms,
                                                       int limit) {
  return Read(
      [&](Connection& db) { return ReadGaps(db, source, since_ms, limit); });
}

absl::StatusOr<EventTime> SqliteStore::Watermark(absl::string_view partition) {
  return Read([&](Connection& db) { return ReadWatermark(db, partition); });
}

// --- Outbox.

absl::StatusOr<std::vector<std::string>> SqliteStore::OutboxNotifiers() {
  return Read([](Connection& db) { return ListOutboxNotifiers(db); });
}

absl::StatusOr<std::vector<OutboxRow>> SqliteStore::DueOutbox(
    absl::string_view notifier, int64_t now_ms, int limit) {
  return Read([&](Connection& db) {
    return DueOutboxRows(db, notifier, now_ms, limit);
  });
}

absl::Status SqliteStore::OutboxDone(const std::vector<int64_t>& ids,
                                     int64_t now_ms) {
  return Write(
      [&](Connection& db) { return FinishOutboxRows(db, ids, now_ms); });
}

absl::Status SqliteStore::OutboxRetry(int64_t id, int64_t next_attempt_ms,
                                      absl::string_view error) {
  return Write([&](Connection& db) {
    return RetryOutboxRow(db, id, next_attempt_ms, error);
  });
}

absl::Status SqliteStore::OutboxDead(int64_t id, int64_t now_ms,
                                     absl::string_view error) {
  return Write(
      [&](Connection& db) { return GiveUpOutboxRow(db, id, now_ms, error); });
}

absl::StatusOr<Store::OutboxCounts> SqliteStore::CountOutbox() {
  return Read([](Connection& db) { return CountOutboxRows(db); });
}

// --- Rolls.

absl::StatusOr<Roll> SqliteStore::InsertRoll(const Roll& roll) {
  return Write([&](Connection& db) -> absl::StatusOr<Roll> {
    absl::StatusOr<Roll> stored = keywatch::InsertRoll(db, roll);
    if (!stored.ok()) return stored;
    AuditEntry entry;
    entry.at_ms = roll.started_ms;
    entry.actor = roll.started_by;
    entry.action = "roll.start";
    entry.subject = roll.id.str();
    entry.detail =
        roll.reason.empty()
            ? absl::StrCat("key ", roll.old_key.view())
            : absl::StrCat("key ", roll.old_key.view(), ": ", roll.reason);
    if (absl::Status status = AppendAuditEntry(db, entry); !status.ok()) {
      return status;
    }
    return stored;
  });
}

absl::StatusOr<Roll> SqliteStore::GetRoll(const RollId& id) {
  return Read([&](Connection& db) { return keywatch::GetRoll(db, id); });
}

absl::StatusOr<std::vector<Roll>> SqliteStore::ListRolls(bool unfinished_only,
                                                         int limit) {
  return Read([&](Connection& db) {
    return keywatch::ListRolls(db, unfinished_only, limit);
  });
}

absl::StatusOr<Roll> SqliteStore::UpdateRoll(
    const Roll& roll, const std::vector<LifecycleEvent>& lifecycle,
    const AuditEntry& audit) {
  return Write([&](Connection& db) -> absl::StatusOr<Roll> {
    absl::StatusOr<Roll> stored = keywatch::UpdateRoll(db, roll);
    if (!stored.ok()) return stored;
    absl::Status status = AddLifecycleEvents(db, lifecycle);
    if (status.ok() && !audit.action.empty()) {
      status = AppendAuditEntry(db, audit);
    }
    if (!status.ok()) return status;
    return stored;
  });
}

absl::StatusOr<std::vector<LifecycleEvent>> SqliteStore::LifecycleAfter(
    int64_t sequence, int64_t now_ms, int limit) {
  // Asked often, and nearly always there is nothing to number: no write then.
  const absl::StatusOr<bool> due = Read(
      [&](Connection& db) { return HasUnnumberedLifecycleEvents(db, now_ms); });
  if (!due.ok()) return due.status();
  if (*due) {
    const absl::Status status = Write(
        [&](Connection& db) { return NumberLifecycleEvents(db, now_ms); });
    if (!status.ok()) return status;
  }
  return Read(
      [&](Connection& db) { return ReadLifecycleEvents(db, sequence, limit); });
}

// --- Retention.

absl::StatusOr<int64_t> SqliteStore::Prune(const PruneBefore& before,
                                           int limit) {
  return Write([&](Connection& db) { return PruneRows(db, before, limit); });
}

// --- Audit.

absl::Status SqliteStore::AppendAudit(const AuditEntry& entry) {
  return Write([&](Connection& db) { return AppendAuditEntry(db, entry); });
}

absl::StatusOr<std::vector<AuditEntry>> SqliteStore::ListAudit(
    absl::string_view subject, int limit) {
  return Read(
      [&](Connection& db) { return ListAuditEntries(db, subject, limit); });
}

absl::StatusOr<AuditHead> SqliteStore::VerifyAudit() {
  return Read([](Connection& db) { return VerifyAuditChain(db); });
}

}  // namespace keywatch
