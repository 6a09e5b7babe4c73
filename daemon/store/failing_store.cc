#include "daemon/store/failing_store.h"

namespace keywatch {

void FailingStore::Fail(absl::string_view method, int64_t nth,
                        absl::Status status, When when, int64_t times) {
  absl::MutexLock lock(&mu_);
  Failure failure;
  failure.first = calls_[method] + nth;
  failure.last = failure.first + times - 1;
  failure.status = std::move(status);
  failure.when = when;
  failures_[method].push_back(std::move(failure));
}

void FailingStore::Heal() {
  absl::MutexLock lock(&mu_);
  failures_.clear();
}

int64_t FailingStore::Calls(absl::string_view method) const {
  absl::MutexLock lock(&mu_);
  const auto calls = calls_.find(method);
  return calls == calls_.end() ? 0 : calls->second;
}

FailingStore::Failure FailingStore::Enter(absl::string_view method) {
  absl::MutexLock lock(&mu_);
  const int64_t call = ++calls_[method];
  const auto failures = failures_.find(method);
  if (failures != failures_.end()) {
    for (const Failure& failure : failures->second) {
      if (failure.first <= call && call <= failure.last) return failure;
    }
  }
  return Failure();
}

template <typename Call>
auto FailingStore::Run(absl::string_view method, Call call)
    -> decltype(call()) {
  Failure failure = Enter(method);
  if (failure.status.ok()) return call();
  if (failure.when == When::kAfter) static_cast<void>(call());
  return failure.status;
}

absl::StatusOr<PartitionState> FailingStore::OpenPartition(
    absl::string_view partition, absl::string_view owner,
    const std::function<void(const StateRow&)>& row) {
  return Run("OpenPartition",
             [&] { return store_->OpenPartition(partition, owner, row); });
}

absl::Status FailingStore::Checkpoint(absl::string_view partition,
                                      int64_t epoch,
                                      const CheckpointBatch& batch) {
  return Run("Checkpoint",
             [&] { return store_->Checkpoint(partition, epoch, batch); });
}

absl::Status FailingStore::EraseStateExcept(
    absl::string_view partition, int64_t epoch,
    const std::vector<std::string>& owners) {
  return Run("EraseStateExcept", [&] {
    return store_->EraseStateExcept(partition, epoch, owners);
  });
}

absl::StatusOr<Alert> FailingStore::GetAlert(const AlertId& id) {
  return Run("GetAlert", [&] { return store_->GetAlert(id); });
}

absl::StatusOr<AlertPage> FailingStore::ListAlerts(const AlertFilter& filter) {
  return Run("ListAlerts", [&] { return store_->ListAlerts(filter); });
}

absl::StatusOr<Alert> FailingStore::SetAlertState(
    const AlertId& id, AlertState state, absl::string_view actor,
    absl::string_view note, int64_t version, int64_t now_ms) {
  return Run("SetAlertState", [&] {
    return store_->SetAlertState(id, state, actor, note, version, now_ms);
  });
}

absl::StatusOr<Alert> FailingStore::RaiseAlert(const Alert& alert,
                                               absl::string_view actor,
                                               int64_t now_ms) {
  return Run("RaiseAlert",
             [&] { return store_->RaiseAlert(alert, actor, now_ms); });
}

absl::StatusOr<std::vector<std::vector<int64_t>>> FailingStore::CountAlerts() {
  return Run("CountAlerts", [&] { return store_->CountAlerts(); });
}

absl::StatusOr<std::pair<std::vector<Alert>, int64_t>>
FailingStore::AlertsChangedAfter(int64_t after, int limit) {
  return Run("AlertsChangedAfter",
             [&] { return store_->AlertsChangedAfter(after, limit); });
}

absl::StatusOr<int64_t> FailingStore::LastAlertChange() {
  return Run("LastAlertChange", [&] { return store_->LastAlertChange(); });
}

absl::StatusOr<KeyProfile> FailingStore::GetKey(const KeyId& key) {
  return Run("GetKey", [&] { return store_->GetKey(key); });
}

absl::StatusOr<KeyPage> FailingStore::ListKeys(const KeyFilter& filter) {
  return Run("ListKeys", [&] { return store_->ListKeys(filter); });
}

absl::StatusOr<std::vector<SourceTotals>> FailingStore::ListSources() {
  return Run("ListSources", [&] { return store_->ListSources(); });
}

absl::StatusOr<std::vector<StreamCursor>> FailingStore::ListCursors() {
  return Run("ListCursors", [&] { return store_->ListCursors(); });
}

absl::StatusOr<std::vector<RejectCount>> FailingStore::ListRejectCounts() {
  return Run("ListRejectCounts", [&] { return store_->ListRejectCounts(); });
}

absl::StatusOr<std::vector<RejectSample>> FailingStore::ListRejects(
    const SourceId& source, int limit) {
  return Run("ListRejects", [&] { return store_->ListRejects(source, limit); });
}

absl::StatusOr<std::vector<Gap>> FailingStore::ListGaps(const SourceId& source,
                                                        EventTime since_ms,
                                                        int limit) {
  return Run("ListGaps",
             [&] { return store_->ListGaps(source, since_ms, limit); });
}

absl::StatusOr<EventTime> FailingStore::Watermark(absl::string_view partition) {
  return Run("Watermark", [&] { return store_->Watermark(partition); });
}

absl::StatusOr<std::vector<std::string>> FailingStore::OutboxNotifiers() {
  return Run("OutboxNotifiers", [&] { return store_->OutboxNotifiers(); });
}

absl::StatusOr<std::vector<OutboxRow>> FailingStore::DueOutbox(
    absl::string_view notifier, int64_t now_ms, int limit) {
  return Run("DueOutbox",
             [&] { return store_->DueOutbox(notifier, now_ms, limit); });
}

absl::Status FailingStore::OutboxDone(const std::vector<int64_t>& ids,
                                      int64_t now_ms) {
  return Run("OutboxDone", [&] { return store_->OutboxDone(ids, now_ms); });
}

absl::Status FailingStore::OutboxRetry(int64_t id, int64_t next_attempt_ms,
                                       absl::string_view error) {
  return Run("OutboxRetry",
             [&] { return store_->OutboxRetry(id, next_attempt_ms, error); });
}

absl::Status FailingStore::OutboxDead(int64_t id, int64_t now_ms,
                                      absl::string_view error) {
  return Run("OutboxDead",
             [&] { return store_->OutboxDead(id, now_ms, error); });
}

absl::StatusOr<Store::OutboxCounts> FailingStore::CountOutbox() {
  return Run("CountOutbox", [&] { return store_->CountOutbox(); });
}

absl::StatusOr<Roll> FailingStore::InsertRoll(const Roll& roll) {
  return Run("InsertRoll", [&] { return store_->InsertRoll(roll); });
}

absl::StatusOr<Roll> FailingStore::GetRoll(const RollId& id) {
  return Run("GetRoll", [&] { return store_->GetRoll(id); });
}

absl::StatusOr<std::vector<Roll>> FailingStore::ListRolls(bool unfinished_only,
                                                          int limit) {
  return Run("ListRolls",
             [&] { return store_->ListRolls(unfinished_only, limit); });
}

absl::StatusOr<Roll> FailingStore::UpdateRoll(
    const Roll& roll, const std::vector<LifecycleEvent>& lifecycle,
    const AuditEntry& audit) {
  return Run("UpdateRoll",
             [&] { return store_->UpdateRoll(roll, lifecycle, audit); });
}

absl::StatusOr<std::vector<LifecycleEvent>> FailingStore::LifecycleAfter(
    int64_t sequence, int64_t now_ms, int limit) {
  return Run("LifecycleAfter",
             [&] { return store_->LifecycleAfter(sequence, now_ms, limit); });
}

absl::StatusOr<int64_t> FailingStore::Prune(const PruneBefore& before,
                                            int limit) {
  return Run("Prune", [&] { return store_->Prune(before, limit); });
}

absl::Status FailingStore::AppendAudit(const AuditEntry& entry) {
  return Run("AppendAudit", [&] { return store_->AppendAudit(entry); });
}

absl::StatusOr<std::vector<AuditEntry>> FailingStore::ListAudit(
    absl::string_view subject, int limit) {
  return Run("ListAudit", [&] { return store_->ListAudit(subject, limit); });
}

absl::StatusOr<AuditHead> FailingStore::VerifyAudit() {
  return Run("VerifyAudit", [&] { return store_->VerifyAudit(); });
}

}  // namespace keywatch
