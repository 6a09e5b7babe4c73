#include "daemon/store/outbox_table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/core/failpoint.h"
#include "daemon/core/level.h"
#include "daemon/store/limits.h"

namespace keywatch {
namespace {

// Column `status`; 0 is in the conditions of the partial indexes.
enum class OutboxStatus { kPending = 0, kDone = 1, kDead = 2 };

// After an update of a pending row that found none: why.
absl::Status WhyNotPending(Connection& db, int64_t id, OutboxStatus wanted) {
  Statement row = db.Prepare("SELECT status FROM outbox WHERE num = ?");
  row.Bind(id);
  if (row.Next()) {
    // The answer to the first time was lost.
    if (row.Int(0) == static_cast<int64_t>(wanted)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("outbox row ", id, " is no longer pending"));
  }
  if (!row.status().ok()) return row.status();
  return absl::NotFoundError(absl::StrCat("no outbox row ", id));
}

absl::Status EndOutboxRow(Connection& db, int64_t id, OutboxStatus end,
                          int64_t now_ms, absl::string_view error) {
  const absl::Status status =
      db.Prepare(
            "UPDATE outbox SET status = ?, finished_ms = ?, last_error = ?, "
            "attempts = attempts + 1 WHERE num = ? AND status = 0")
          .Run(end, now_ms, error, id);
  if (!status.ok() || db.changes() > 0) return status;
  return WhyNotPending(db, id, end);
}

}  // namespace

std::string IdempotencyKey(const AlertId& alert, absl::string_view notifier,
                           absl::string_view event) {
  return absl::StrReplaceAll(
      absl::StrCat(alert.view(), "_", notifier, "_", event),
      {{".", "%2E"}, {"%", "%25"}});
}

absl::Status AddOutboxRows(Connection& db, int64_t alert_num,
                           const Alert& alert, absl::string_view event,
                           const std::vector<std::string>& notifiers,
                           int64_t now_ms) {
  const std::string keyed_event =
      event == "escalate" ? absl::StrCat(event, "_", LevelName(alert.level))
                          : std::string(event);
  Statement insert = db.Prepare(
      "INSERT INTO outbox (idempotency_key, alert, notifier, event, "
      "created_ms, attempts, next_attempt_ms, last_error, status, finished_ms) "
      "VALUES (?, ?, ?, ?, ?, 0, ?, '', 0, 0) "
      "ON CONFLICT (idempotency_key) DO NOTHING");
  for (const std::string& notifier : notifiers) {
    const std::string key = IdempotencyKey(alert.id, notifier, keyed_event);
    const absl::Status status =
        insert.Run(key, alert_num, notifier, event, now_ms, now_ms);
    if (!status.ok()) return status;
    KEYWATCH_FAILPOINT("checkpoint.outbox");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> NotifiersOf(Connection& db,
                                                     int64_t alert_num) {
  Statement rows = db.Prepare(
      "SELECT DISTINCT notifier FROM outbox WHERE alert = ? AND status <> 2 "
      "ORDER BY notifier");
  rows.Bind(alert_num);
  std::vector<std::string> notifiers;
  while (rows.Next()) notifiers.emplace_back(rows.Text(0));
  if (!rows.status().ok()) return rows.status();
  return notifiers;
}

absl::StatusOr<std::vector<std::string>> ListOutboxNotifiers(Connection& db) {
  // One search of the index for each name, however many messages wait.
  Statement rows = db.Prepare(
      "WITH RECURSIVE waiting (name) AS ("
      "SELECT min(notifier) FROM outbox WHERE status = 0 UNION ALL "
      "SELECT (SELECT min(notifier) FROM outbox "
      "WHERE status = 0 AND notifier > name) "
      "FROM waiting WHERE name IS NOT NULL) "
      "SELECT name FROM waiting WHERE name IS NOT NULL");
  std::vector<std::string> notifiers;
  while (rows.Next()) notifiers.emplace_back(rows.Text(0));
  if (!rows.status().ok()) return rows.status();
  return notifiers;
}

absl::StatusOr<std::vector<OutboxRow>> DueOutboxRows(Connection& db,
                                                     absl::string_view notifier,
                                                     int64_t now_ms,
                                                     int limit) {
  // By notifier: what waits for one must not be read for all others.
  Statement rows = db.Prepare(absl::StrCat(
      "SELECT o.num, o.idempotency_key, o.notifier, o.event, a.id, "
      "o.created_ms, o.attempts, o.next_attempt_ms, o.last_error "
      "FROM outbox o JOIN alert a ON a.num = o.alert "
      "WHERE o.status = 0 AND ",
      notifier.empty() ? "?1 = ''" : "o.notifier = ?1",
      " AND o.next_attempt_ms <= ?2 AND NOT EXISTS ("
      "SELECT 1 FROM outbox e WHERE e.status = 0 AND e.alert = o.alert "
      "AND e.notifier = o.notifier AND e.num < o.num) "
      "ORDER BY o.num LIMIT ?3"));
  rows.Bind(notifier, now_ms, BoundedLimit(limit));
  std::vector<OutboxRow> due;
  while (rows.Next()) {
    OutboxRow row;
    row.id = rows.Int(0);
    row.idempotency_key = std::string(rows.Text(1));
    row.notifier = std::string(rows.Text(2));
    row.event = std::string(rows.Text(3));
    row.alert = AlertId(rows.Text(4));
    row.created_ms = rows.Int(5);
    row.attempts = rows.Int(6);
    row.next_attempt_ms = rows.Int(7);
    row.last_error = std::string(rows.Text(8));
    due.push_back(std::move(row));
  }
  if (!rows.status().ok()) return rows.status();
  return due;
}

absl::Status FinishOutboxRows(Connection& db, const std::vector<int64_t>& ids,
                              int64_t now_ms) {
  for (const int64_t id : ids) {
    const absl::Status status =
        EndOutboxRow(db, id, OutboxStatus::kDone, now_ms, "");
    if (!status.ok() && !absl::IsNotFound(status) &&
        !absl::IsFailedPrecondition(status)) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status GiveUpOutboxRow(Connection& db, int64_t id, int64_t now_ms,
                             absl::string_view error) {
  return EndOutboxRow(db, id, OutboxStatus::kDead, now_ms, error);
}

absl::Status RetryOutboxRow(Connection& db, int64_t id, int64_t next_attempt_ms,
                            absl::string_view error) {
  const absl::Status status =
      db.Prepare(
            "UPDATE outbox SET attempts = attempts + 1, next_attempt_ms = ?, "
            "last_error = ? WHERE num = ? AND status = 0")
          .Run(next_attempt_ms, error, id);
  if (!status.ok() || db.changes() > 0) return status;
  return WhyNotPending(db, id, OutboxStatus::kPending);
}

absl::StatusOr<Store::OutboxCounts> CountOutboxRows(Connection& db) {
  Store::OutboxCounts counts;
  Statement pending = db.Prepare(
      "SELECT count(*), coalesce(min(created_ms), 0) FROM outbox "
      "WHERE status = 0");
  if (pending.Next()) {
    counts.pending = pending.Int(0);
    counts.oldest_pending_ms = pending.Int(1);
  }
  if (!pending.status().ok()) return pending.status();
  Statement dead = db.Prepare("SELECT count(*) FROM outbox WHERE status = 2");
  if (dead.Next()) counts.dead = dead.Int(0);
  if (!dead.status().ok()) return dead.status();
  return counts;
}

}  // namespace keywatch
