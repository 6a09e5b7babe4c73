#ifndef DAEMON_STORE_FAILING_STORE_H_
#define DAEMON_STORE_FAILING_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "daemon/store/store.h"

namespace keywatch {

// FailingStore hands every call to another store and fails those that a test
// chooses. Thread-safe.
//
//   FailingStore store(std::move(sqlite));
//   store.Fail("Checkpoint", 3, absl::ResourceExhaustedError("disk full"));
//
// lets the third Checkpoint from now fail, with nothing written.
class FailingStore : public Store {
 public:
  enum class When {
    kBefore,  // nothing is written: what every failing call of a Store means
    kAfter,   // it is written, and the caller is not told: a lost answer
  };

  explicit FailingStore(std::unique_ptr<Store> store)
      : store_(std::move(store)) {}

  // The `nth` (from 1) call of `method`, counted from now, gives `status`, and
  // so do the `times - 1` calls after it.
  void Fail(absl::string_view method, int64_t nth, absl::Status status,
            When when = When::kBefore, int64_t times = 1);
  // Fails no more calls.
  void Heal();
  // Calls of `method` so far, failed ones too.
  int64_t Calls(absl::string_view method) const;

  Store& store() { return *store_; }

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
  struct Failure {
    int64_t first = 0;  // number of the call
    int64_t last = 0;
    absl::Status status;
    When when = When::kBefore;
  };

  // Counts the call and gives what is to become of it.
  Failure Enter(absl::string_view method);
  template <typename Call>
  auto Run(absl::string_view method, Call call) -> decltype(call());

  const std::unique_ptr<Store> store_;

  mutable absl::Mutex mu_;
  absl::flat_hash_map<std::string, int64_t> calls_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, std::vector<Failure>> failures_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_STORE_FAILING_STORE_H_
