#ifndef DAEMON_STORE_AUDIT_TABLE_H_
#define DAEMON_STORE_AUDIT_TABLE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// The audit log: entries numbered from 1, each with the SHA-256 of the one
// before it and its own content, so that a change, an insertion or a removal
// anywhere but at the end breaks the chain. Errors as in store.h.

// Within a Write of `db`.
absl::Status AppendAuditEntry(Connection& db, const AuditEntry& entry);

absl::StatusOr<std::vector<AuditEntry>> ListAuditEntries(
    Connection& db, absl::string_view subject, int limit);

absl::StatusOr<AuditHead> VerifyAuditChain(Connection& db);

}  // namespace keywatch

#endif  // DAEMON_STORE_AUDIT_TABLE_H_
