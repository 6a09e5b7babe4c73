#ifndef DAEMON_STORE_PRUNE_H_
#define DAEMON_STORE_PRUNE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// Store::Prune, within a Write of `db`.
absl::StatusOr<int64_t> PruneRows(Connection& db, const PruneBefore& before,
                                  int limit);

}  // namespace keywatch

#endif  // DAEMON_STORE_PRUNE_H_
