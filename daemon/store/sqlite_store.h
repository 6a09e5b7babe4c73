#ifndef DAEMON_STORE_SQLITE_STORE_H_
#define DAEMON_STORE_SQLITE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/store/connection_pool.h"
#include "daemon/store/partition_tables.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/state_directory.h"
#include "daemon/store/store.h"

namespace keywatch {

struct SqliteStoreOptions {
  // Made when it is not there. Holds keywatch.db (with SQLite's -wal and -shm)
  // and keywatch.lock.
  std::string directory;
  // How long to wait for another program that has the database locked, such as
  // a person's sqlite3; a daemon's own threads wait for each other in any case.
  int busy_timeout_ms = 5000;
  // Queries that can run at the same time.
  int readers = 4;
  // Databases up to this size are checked as a whole at Open, at several
  // hundred MB/s.
  int64_t full_check_bytes = int64_t{256} << 20;
};

// SqliteStore is the Store of one machine: one SQLite database in WAL mode, for
// one process at a time. daemon/store/README.md describes the file.
//
// The engine's checkpoints become durable against a crash of the process at
// once and against a power loss a little later, always whole; what people,
// notifiers and rolls do is durable against both when the call returns. Queries
// read the last commit and hold up no writer. Writers wait for each other.
// Thread-safe.
class SqliteStore : public Store {
 public:
  // FAILED_PRECONDITION when another process has the directory, or the database
  // is of a newer version or of another program; DATA_LOSS when it is corrupt.
  // In these cases nothing is changed, so that a person can look.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(
      const SqliteStoreOptions& options);

  ~SqliteStore() override = default;

  // Writes a copy of the database, as of now, to the new file `path` (mode
  // 0600) while everything goes on. ALREADY_EXISTS when there is one. For
  // backups from outside the daemon, see backup.h.
  absl::Status Backup(const std::string& path);

  absl::StatusOr<PartitionState> OpenPartition(
      absl::string_view partition, absl::string_view owner,
      const std::function<void(const StateRow&)>& row) override;
  absl::Status Checkpoint(absl::string_view partition, int64_t epoch,
                          const CheckpointBatch& batch) override;
  absl::Status EraseStateExcept(
      absl::string_view partition, int64_t epoch,
      const std::vector<std::string>& owners) override;

  absl::StatusOr<Alert> GetAlert(const AlertId& id) override;
  absl::StatusOr<AlertPage> ListAlerts(const AlertFilter& filter) override;
  absl::StatusOr<Alert> SetAlertState(const AlertId& id, AlertState state,
                                      absl::string_view actor,
                                      absl::string_view note, int64_t version,
                                      int64_t now_ms) override;
  absl::StatusOr<Alert> RaiseAlert(const Alert& alert, absl::string_view actor,
                                   int64_t now_ms) override;
  absl::StatusOr<std::vector<std::vector<int64_t>>> CountAlerts() override;
  absl::StatusOr<std::pair<std::vector<Alert>, int64_t>> AlertsChangedAfter(
      int64_t after, int limit) override;
  absl::StatusOr<int64_t> LastAlertChange() override;

  absl::StatusOr<KeyProfile> GetKey(const KeyId& key) override;
  absl::StatusOr<KeyPage> ListKeys(const KeyFilter& filter) override;
  absl::StatusOr<std::vector<SourceTotals>> ListSources() override;
  absl::StatusOr<std::vector<StreamCursor>> ListCursors() override;
  absl::StatusOr<std::vector<RejectCount>> ListRejectCounts() override;
  absl::StatusOr<std::vector<RejectSample>> ListRejects(const SourceId& source,
                                                        int limit) override;
  absl::StatusOr<std::vector<Gap>> ListGaps(const SourceId& source,
                                            EventTime since_ms,
                                            int limit) override;
  absl::StatusOr<EventTime> Watermark(absl::string_view partition) override;

  absl::StatusOr<std::vector<std::string>> OutboxNotifiers() override;
  absl::StatusOr<std::vector<OutboxRow>> DueOutbox(absl::string_view notifier,
                                                   int64_t now_ms,
                                                   int limit) override;
  absl::Status OutboxDone(const std::vector<int64_t>& ids,
                          int64_t now_ms) override;
  absl::Status OutboxRetry(int64_t id, int64_t next_attempt_ms,
                           absl::string_view error) override;
  absl::Status OutboxDead(int64_t id, int64_t now_ms,
                          absl::string_view error) override;
  absl::StatusOr<OutboxCounts> CountOutbox() override;

  absl::StatusOr<Roll> InsertRoll(const Roll& roll) override;
  absl::StatusOr<Roll> GetRoll(const RollId& id) override;
  absl::StatusOr<std::vector<Roll>> ListRolls(bool unfinished_only,
                                              int limit) override;
  absl::StatusOr<Roll> UpdateRoll(const Roll& roll,
                                  const std::vector<LifecycleEvent>& lifecycle,
                                  const AuditEntry& audit) override;
  absl::StatusOr<std::vector<LifecycleEvent>> LifecycleAfter(
      int64_t sequence, int64_t now_ms, int limit) override;

  absl::StatusOr<int64_t> Prune(const PruneBefore& before, int limit) override;

  absl::Status AppendAudit(const AuditEntry& entry) override;
  absl::StatusOr<std::vector<AuditEntry>> ListAudit(absl::string_view subject,
                                                    int limit) override;
  absl::StatusOr<AuditHead> VerifyAudit() override;

 private:
  SqliteStore(std::unique_ptr<StateDirectory> directory,
              std::unique_ptr<Connection> engine,
              std::unique_ptr<Connection> control,
              std::unique_ptr<ConnectionPool> readers, int busy_timeout_ms);

  // UNAVAILABLE when the database's files are no longer where they were opened:
  // what is written to them would be gone with this process.
  absl::Status CheckFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  // Runs `body(Connection&)` in a durable transaction and gives its result.
  template <typename Body>
  auto Write(Body body) -> decltype(body(std::declval<Connection&>()));
  // Runs `body(Connection&)` on a connection for queries.
  template <typename Body>
  auto Read(Body body) -> decltype(body(std::declval<Connection&>()));

  // Constant after construction. The directory is let go last.
  const std::unique_ptr<StateDirectory> directory_;
  const int busy_timeout_ms_;

  // Synchronises itself.
  const std::unique_ptr<ConnectionPool> readers_;

  // Guarded. A checkpoint takes both locks, so that writers queue here and not
  // in SQLite, where waiting is sleeping.
  absl::Mutex engine_mu_ ABSL_ACQUIRED_BEFORE(write_mu_);
  absl::Mutex write_mu_;
  const std::unique_ptr<Connection> engine_ ABSL_PT_GUARDED_BY(engine_mu_);
  PartitionTables partitions_ ABSL_GUARDED_BY(engine_mu_);
  const std::unique_ptr<Connection> control_ ABSL_PT_GUARDED_BY(write_mu_);
  // The database and its log, as first seen; SQLite keeps both as long as they
  // are open.
  FileOnDisk database_ ABSL_GUARDED_BY(write_mu_);
  FileOnDisk log_ ABSL_GUARDED_BY(write_mu_);
};

}  // namespace keywatch

#endif  // DAEMON_STORE_SQLITE_STORE_H_
