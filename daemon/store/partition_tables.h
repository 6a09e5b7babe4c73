#ifndef DAEMON_STORE_PARTITION_TABLES_H_
#define DAEMON_STORE_PARTITION_TABLES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// PartitionTables is the engine's half of the database: epoch and watermark,
// cursors, waiting records, seen ids and engine state of each partition. Its
// functions are those of the same name in Store, each with its own transaction.
// Thread-compatible.
class PartitionTables {
 public:
  // `db` must outlive it.
  explicit PartitionTables(Connection* db) : db_(*db) {}

  absl::StatusOr<PartitionState> Open(
      absl::string_view partition, absl::string_view owner,
      const std::function<void(const StateRow&)>& row);
  absl::Status Checkpoint(absl::string_view partition, int64_t epoch,
                          const CheckpointBatch& batch);
  absl::Status EraseStateExcept(absl::string_view partition, int64_t epoch,
                                const std::vector<std::string>& owners);

 private:
  // The row number of the partition, whose watermark becomes at least
  // `watermark_ms`; ABORTED when it is not at `epoch`.
  absl::StatusOr<int64_t> PassFence(absl::string_view partition, int64_t epoch,
                                    EventTime watermark_ms);
  absl::Status WriteCursors(int64_t partition,
                            const std::vector<StreamCursor>& cursors);
  absl::Status WritePending(int64_t partition,
                            const std::vector<PendingRecord>& pending);
  absl::Status WriteSeenIds(int64_t partition, const CheckpointBatch& batch);
  absl::Status WriteState(int64_t partition,
                          const std::vector<StateRow>& state);
  // The number of a state owner; 0 when there is none and `make` is false.
  absl::StatusOr<int64_t> OwnerNumber(int64_t partition,
                                      const std::string& owner, bool make);

  Connection& db_;
  // Numbers of owners of `owners_partition_`; those of a transaction that
  // failed do not exist, so it is emptied then.
  int64_t owners_partition_ = 0;
  absl::flat_hash_map<std::string, int64_t> owners_;
};

// The watermark of `partition`; kMinEventTime when there is no such partition.
absl::StatusOr<EventTime> ReadWatermark(Connection& db,
                                        absl::string_view partition);
// Cursors of all partitions, by source and stream.
absl::StatusOr<std::vector<StreamCursor>> ReadCursors(Connection& db);

}  // namespace keywatch

#endif  // DAEMON_STORE_PARTITION_TABLES_H_
