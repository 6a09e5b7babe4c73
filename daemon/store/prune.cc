#include "daemon/store/prune.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/store/limits.h"

namespace keywatch {
namespace {

// The rows that `sql` gives for `before_ms`; at most `limit`.
absl::StatusOr<std::vector<int64_t>> Find(Connection& db, absl::string_view sql,
                                          int64_t before_ms, int64_t limit) {
  Statement rows = db.Prepare(sql);
  rows.Bind(before_ms, limit);
  std::vector<int64_t> found;
  while (rows.Next()) found.push_back(rows.Int(0));
  if (!rows.status().ok()) return rows.status();
  return found;
}

// A resolved alert that nothing can change any more: its episode is over (one
// raised by hand has none), and so are its messages.
constexpr absl::string_view kOldAlerts =
    "SELECT num FROM alert WHERE state = 2 AND state_at_ms < ?1 "
    "AND (rule_id = 'manual' OR (ended_ms <> 0 AND ended_ms < ?1)) AND NOT "
    "EXISTS ("
    "SELECT 1 FROM outbox WHERE outbox.alert = alert.num AND status = 0) "
    "ORDER BY state_at_ms LIMIT ?2";
// Those of an alert that is not resolved say who has to hear when it is.
constexpr absl::string_view kOldMessages =
    "SELECT num FROM outbox WHERE status <> 0 AND finished_ms < ?1 "
    "AND EXISTS (SELECT 1 FROM alert WHERE alert.num = outbox.alert "
    "AND state = 2) AND NOT EXISTS (SELECT 1 FROM outbox AS other "
    "WHERE other.alert = outbox.alert AND other.status = 0) "
    "ORDER BY finished_ms LIMIT ?2";
constexpr absl::string_view kOldGaps =
    "SELECT num FROM gap WHERE to_ms < ?1 ORDER BY to_ms LIMIT ?2";
constexpr absl::string_view kOldRejects =
    "SELECT num FROM reject_sample WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2";

absl::Status Delete(Connection& db, absl::string_view table,
                    absl::string_view column,
                    const std::vector<int64_t>& values, int64_t* deleted) {
  Statement remove = db.Prepare(
      absl::StrCat("DELETE FROM ", table, " WHERE ", column, " = ?"));
  for (const int64_t value : values) {
    const absl::Status status = remove.Run(value);
    if (!status.ok()) return status;
    if (deleted != nullptr) *deleted += db.changes();
  }
  return absl::OkStatus();
}

absl::Status PruneAlerts(Connection& db, int64_t before_ms, int64_t limit,
                         int64_t* deleted) {
  const absl::StatusOr<std::vector<int64_t>> alerts =
      Find(db, kOldAlerts, before_ms, limit);
  if (!alerts.ok() || alerts->empty()) return alerts.status();
  // The newest change may be among them; its number is not given again.
  absl::Status status = db.Prepare(
                              "UPDATE alert_change SET last = max(last, "
                              "coalesce((SELECT max(change) FROM alert), 0))")
                            .Run();
  if (!status.ok()) return status;
  status = Delete(db, "outbox", "alert", *alerts, nullptr);
  for (const char* table : {"alert_detail", "alert_continuation"}) {
    if (status.ok()) status = Delete(db, table, "num", *alerts, nullptr);
  }
  if (status.ok()) {
    status = Delete(db, "alert_continuation", "alert", *alerts, nullptr);
  }
  if (status.ok()) status = Delete(db, "alert", "num", *alerts, deleted);
  return status;
}

}  // namespace

absl::StatusOr<int64_t> PruneRows(Connection& db, const PruneBefore& before,
                                  int limit) {
  const int64_t most = BoundedLimit(limit);
  int64_t deleted = 0;
  absl::Status status = PruneAlerts(db, before.alerts_ms, most, &deleted);
  const struct {
    absl::string_view find;
    absl::string_view table;
    int64_t before_ms;
  } others[] = {
      {kOldMessages, "outbox", before.messages_ms},
      {kOldGaps, "gap", before.gaps_ms},
      {kOldRejects, "reject_sample", before.rejects_ms},
  };
  for (const auto& other : others) {
    if (!status.ok()) return status;
    if (deleted >= most) break;
    const absl::StatusOr<std::vector<int64_t>> rows =
        Find(db, other.find, other.before_ms, most - deleted);
    if (!rows.ok()) return rows.status();
    status = Delete(db, other.table, "num", *rows, &deleted);
  }
  if (!status.ok()) return status;
  return deleted;
}

}  // namespace keywatch
