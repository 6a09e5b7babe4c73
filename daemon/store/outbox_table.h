#ifndef DAEMON_STORE_OUTBOX_TABLE_H_
#define DAEMON_STORE_OUTBOX_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/core/alert.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// The outbox: one row for each message to each notifier, kept when it is done,
// because it says who heard of an alert. Errors as in store.h; changes are made
// within a Write of `db`.

// The key that all attempts of one message share. It holds no '.', which
// Standard Webhooks forbids in an id.
std::string IdempotencyKey(const AlertId& alert, absl::string_view notifier,
                           absl::string_view event);

// Adds a message about the alert with row number `alert_num` for each of
// `notifiers` that does not have it yet. An escalation has its level in the
// idempotency key: there can be several.
absl::Status AddOutboxRows(Connection& db, int64_t alert_num,
                           const Alert& alert, absl::string_view event,
                           const std::vector<std::string>& notifiers,
                           int64_t now_ms);

// Those who were sent the alert, or will be: the notifiers with a row that was
// not given up.
absl::StatusOr<std::vector<std::string>> NotifiersOf(Connection& db,
                                                     int64_t alert_num);

absl::StatusOr<std::vector<std::string>> ListOutboxNotifiers(Connection& db);
absl::StatusOr<std::vector<OutboxRow>> DueOutboxRows(Connection& db,
                                                     absl::string_view notifier,
                                                     int64_t now_ms, int limit);
absl::Status FinishOutboxRows(Connection& db, const std::vector<int64_t>& ids,
                              int64_t now_ms);
absl::Status RetryOutboxRow(Connection& db, int64_t id, int64_t next_attempt_ms,
                            absl::string_view error);
absl::Status GiveUpOutboxRow(Connection& db, int64_t id, int64_t now_ms,
                             absl::string_view error);
absl::StatusOr<Store::OutboxCounts> CountOutboxRows(Connection& db);

}  // namespace keywatch

#endif  // DAEMON_STORE_OUTBOX_TABLE_H_
