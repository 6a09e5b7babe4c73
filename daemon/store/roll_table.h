#ifndef DAEMON_STORE_ROLL_TABLE_H_
#define DAEMON_STORE_ROLL_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/core/roll.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// Rolls, each stored whole, and the lifecycle events that they lead to. As the
// functions of the same name in Store, without the audit entries; changes are
// made within a Write of `db`.

absl::StatusOr<Roll> InsertRoll(Connection& db, const Roll& roll);
absl::StatusOr<Roll> GetRoll(Connection& db, const RollId& id);
absl::StatusOr<std::vector<Roll>> ListRolls(Connection& db,
                                            bool unfinished_only, int limit);
absl::StatusOr<Roll> UpdateRoll(Connection& db, const Roll& roll);

absl::Status AddLifecycleEvents(Connection& db,
                                const std::vector<LifecycleEvent>& events);
// True when NumberLifecycleEvents would have something to do.
absl::StatusOr<bool> HasUnnumberedLifecycleEvents(Connection& db,
                                                  int64_t now_ms);
absl::Status NumberLifecycleEvents(Connection& db, int64_t now_ms);
absl::StatusOr<std::vector<LifecycleEvent>> ReadLifecycleEvents(
    Connection& db, int64_t sequence, int limit);

}  // namespace keywatch

#endif  // DAEMON_STORE_ROLL_TABLE_H_
