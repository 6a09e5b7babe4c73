#include "daemon/app/restore.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "daemon/app/coverage_ledger.h"

namespace keywatch {

absl::StatusOr<PartitionState> RestorePipeline(
    Store* store, absl::string_view partition, absl::string_view owner,
    const std::function<void(const StateRow&)>& other, Pipeline* pipeline,
    int* dropped) {
  absl::flat_hash_set<std::string> kept;
  absl::flat_hash_set<std::string> gone;
  int64_t unreadable = 0;
  Engine& engine = pipeline->engine();
  absl::StatusOr<PartitionState> state =
      store->OpenPartition(partition, owner, [&](const StateRow& row) {
        if (!row.owner.empty() && row.owner[0] == kOtherOwnerMark) {
          kept.insert(row.owner);
          if (row.owner == CoverageLedger::kOwner) {
            pipeline->RestoreCoverage(row.group, row.blob);
            return;
          }
          if (other) other(row);
          return;
        }
        const absl::Status status =
            engine.RestoreRow(row.owner, row.group, row.blob);
        if (status.ok()) {
          kept.insert(row.owner);
        } else if (absl::IsNotFound(status)) {
          gone.insert(row.owner);
        } else {
          ++unreadable;
        }
      });
  if (!state.ok()) return state.status();
  if (unreadable > 0) {
    return absl::DataLossError(
        absl::StrCat(unreadable,
                     " rows of engine state cannot be read; the database was "
                     "written by another version or is damaged. Restore a "
                     "backup, or move the state directory away to start anew"));
  }
  if (!gone.empty()) {
    const std::vector<std::string> owners(kept.begin(), kept.end());
    absl::Status erased =
        store->EraseStateExcept(partition, state->epoch, owners);
    if (!erased.ok()) return erased;
  }
  if (dropped != nullptr) *dropped = static_cast<int>(gone.size());
  pipeline->RestorePartition(*state);
  return state;
}

}  // namespace keywatch
