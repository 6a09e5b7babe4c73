#ifndef DAEMON_STORE_ALERT_TABLE_H_
#define DAEMON_STORE_ALERT_TABLE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/core/alert.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// Alerts: what the engine knows of an episode, and what people did about it,
// in columns of one row that are never written together. Every change gives the
// row the next change sequence. Errors as in store.h; changes are made within a
// Write of `db`.

// Takes over the facts of `upsert`. Those of an alert only go forward: numbers
// never fall, and texts older than the stored ones are ignored. Adds outbox
// rows when the alert is new, or not resolved and now of a higher level.
absl::Status UpsertAlert(Connection& db, const AlertUpsert& upsert,
                         int64_t now_ms);

// As the functions of the same name in Store, without the audit entries.
absl::StatusOr<Alert> GetAlert(Connection& db, const AlertId& id);
absl::StatusOr<AlertPage> ListAlerts(Connection& db, const AlertFilter& filter);
absl::StatusOr<Alert> SetAlertState(Connection& db, const AlertId& id,
                                    AlertState state, absl::string_view actor,
                                    absl::string_view note, int64_t version,
                                    int64_t now_ms);
absl::StatusOr<std::vector<std::vector<int64_t>>> CountAlerts(Connection& db);
absl::StatusOr<std::pair<std::vector<Alert>, int64_t>> AlertsChangedAfter(
    Connection& db, int64_t after, int limit);
absl::StatusOr<int64_t> LastAlertChange(Connection& db);

// Stores an alert that a person raised; gives false, changing nothing, when
// there is one with its id.
absl::StatusOr<bool> InsertAlert(Connection& db, const Alert& alert,
                                 absl::string_view actor, int64_t now_ms);

}  // namespace keywatch

#endif  // DAEMON_STORE_ALERT_TABLE_H_
