#ifndef DAEMON_STORE_SOURCE_TABLES_H_
#define DAEMON_STORE_SOURCE_TABLES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// What became of each source's records: totals, rejects (counts, and the newest
// kMaxRejectSamples per source and reason) and gaps. Errors and orders as in
// store.h; changes are made within a Write of `db`.

absl::Status AddSourceTotals(Connection& db,
                             const std::vector<SourceTotals>& totals);
absl::Status AddRejectCounts(Connection& db,
                             const std::vector<RejectCount>& rejects);
absl::Status AddRejectSamples(Connection& db,
                              const std::vector<RejectSample>& samples);
// A gap with the source, the start and the reason of a stored one is that one,
// known to last longer.
absl::Status WriteGaps(Connection& db, const std::vector<Gap>& gaps);

absl::StatusOr<std::vector<SourceTotals>> ReadSourceTotals(Connection& db);
absl::StatusOr<std::vector<RejectCount>> ReadRejectCounts(Connection& db);
absl::StatusOr<std::vector<RejectSample>> ReadRejectSamples(
    Connection& db, const SourceId& source, int limit);
absl::StatusOr<std::vector<Gap>> ReadGaps(Connection& db,
                                          const SourceId& source,
                                          EventTime since_ms, int limit);

}  // namespace keywatch

#endif  // DAEMON_STORE_SOURCE_TABLES_H_
