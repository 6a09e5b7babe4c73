#ifndef DAEMON_APP_RESTORE_H_
#define DAEMON_APP_RESTORE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/app/pipeline.h"
#include "daemon/store/store.h"

namespace keywatch {

// Takes the partition for `owner` and gives `pipeline` back all that the last
// commit holds but the waiting records (RestorePending), which their sources
// decode. The state of rules that are gone or whose meaning changed is erased;
// `dropped` gets the number of such rules (may be null). Rows whose owner
// begins with '#' belong to other parts of the daemon: `other` gets them (may
// be empty). DATA_LOSS for rows that cannot be read, else the store's errors.
absl::StatusOr<PartitionState> RestorePipeline(
    Store* store, absl::string_view partition, absl::string_view owner,
    const std::function<void(const StateRow&)>& other, Pipeline* pipeline,
    int* dropped);

// Of those who keep rows of their own in the partition.
constexpr char kOtherOwnerMark = '#';

}  // namespace keywatch

#endif  // DAEMON_APP_RESTORE_H_
