#ifndef DAEMON_STORE_SQLITE_SCHEMA_H_
#define DAEMON_STORE_SQLITE_SCHEMA_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "daemon/store/sqlite_connection.h"

namespace keywatch {

// "KWch": marks a database file as Keywatch's.
constexpr int64_t kApplicationId = 0x4b576368;

// The version ladder: element i is the SQL that brings a database of version i
// to version i + 1. A step that was released is never changed again.
absl::Span<const absl::string_view> SchemaSteps();

// Says whether `db` is a database that this program may use: empty, or its own
// and not newer than `steps`, and in one piece. Changes nothing.
// FAILED_PRECONDITION when it is newer or of another program, DATA_LOSS when it
// is corrupt. Databases above `full_check_bytes` are not read as a whole: only
// their schema is checked.
absl::Status CheckDatabase(Connection& db,
                           absl::Span<const absl::string_view> steps,
                           int64_t full_check_bytes);

// Brings `db`, which passed CheckDatabase, to the newest version, each step in a
// transaction of its own: after a failure or a crash it goes on from the last
// whole step.
absl::Status UpgradeDatabase(Connection& db,
                             absl::Span<const absl::string_view> steps);

}  // namespace keywatch

#endif  // DAEMON_STORE_SQLITE_SCHEMA_H_
