#include "daemon/respond/delivery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/failpoint.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/respond/backoff.h"

namespace keywatch {
namespace {

// Of one RunOnce: a refresh that has become due must not wait for a flood.
constexpr int kMaxRowsPerRun = 100;
constexpr int kAlertsPerPage = 500;
// Messages that were taken are recorded together, to wait for the store once. A
// crash repeats at most so many: the next call may hang as long as it likes.
constexpr size_t kMaxUnrecorded = 8;
constexpr absl::Duration kRecordWithin = absl::Milliseconds(100);
// A receiver that is back is found within this time.
constexpr absl::Duration kMaxPause = absl::Minutes(1);
constexpr size_t kMaxErrorBytes = 500;

std::string Bounded(absl::string_view text) {
  const std::string valid = ToValidUtf8(text);
  return std::string(TruncateUtf8(valid, kMaxErrorBytes));
}

// The row is not there to be told about: somebody else has ended it.
bool IsGone(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
}

bool GoesTo(const Alert& alert, const std::string& notifier) {
  return alert.stage != Stage::kShadow &&
         std::find(alert.notify.begin(), alert.notify.end(), notifier) !=
             alert.notify.end();
}

}  // namespace

Delivery::Delivery(const ResponderConfig& config, Notifier* notifier,
                   Store* store, const std::atomic<bool>* stop, Log log)
    : config_(config),
      notifier_(notifier),
      store_(store),
      stop_(stop),
      log_(std::move(log)) {
  stats_.notifier = notifier->name();
}

bool Delivery::RunOnce(const std::function<absl::Time()>& clock) {
  const absl::Time start = clock();
  if (!RecordDelivered(start)) return false;
  // Before any message: a notifier that has just been made learns from it what
  // its receiver was told before.
  if (start >= refresh_at_ && !Refresh(start)) return false;
  if (start < paused_until_) return false;
  absl::StatusOr<std::vector<OutboxRow>> rows =
      store_->DueOutbox(notifier_->name(), ToEventTime(start), kMaxRowsPerRun);
  if (!Record(rows.status()).ok()) return false;
  for (const OutboxRow& row : *rows) {
    const absl::Time now = clock();
    if ((unrecorded_.size() >= kMaxUnrecorded ||
         now - unrecorded_since_ >= kRecordWithin) &&
        !RecordDelivered(now)) {
      return false;
    }
    if (*stop_ || !Deliver(row, now)) {
      RecordDelivered(clock());
      return false;
    }
  }
  // A message that is done with lets the next one about its alert be due.
  return RecordDelivered(clock()) && !rows->empty() && !store_failing_;
}

bool Delivery::RecordDelivered(absl::Time now) {
  if (unrecorded_.empty()) return true;
  if (!Record(store_->OutboxDone(unrecorded_, ToEventTime(now))).ok()) {
    return false;
  }
  unrecorded_.clear();
  unrecorded_since_ = absl::InfiniteFuture();
  KEYWATCH_FAILPOINT("notify.recorded");
  return true;
}

bool Delivery::Refresh(absl::Time now) {
  const absl::Duration interval = notifier_->refresh_interval();
  if (interval == absl::InfiniteDuration()) {
    refresh_at_ = absl::InfiniteFuture();
    return true;
  }
  absl::StatusOr<std::vector<Alert>> alerts = OpenAlerts();
  if (!Record(alerts.status()).ok()) return false;
  refresh_at_ = now + interval;
  const absl::Status status = notifier_->Refresh(*alerts, now);
  {
    absl::MutexLock lock(&mu_);
    ++stats_.refreshes;
    if (!status.ok()) ++stats_.refresh_failures;
  }
  if (!status.ok() && !refresh_failing_) {
    log_(absl::LogSeverity::kWarning,
         absl::StrCat("notifier ", notifier_->name(),
                      ": alerts that are still open could not all be sent "
                      "again: ",
                      Bounded(status.message())));
  }
  refresh_failing_ = !status.ok();
  // The receiver is back before its pause is over.
  if (status.ok() && !alerts->empty()) paused_until_ = absl::InfinitePast();
  const int failing = notifier_->failing_targets();
  if (failing != logged_failing_targets_) {
    log_(absl::LogSeverity::kWarning,
         absl::StrCat("notifier ", notifier_->name(), ": ", failing,
                      " of its receivers do not answer"));
    logged_failing_targets_ = failing;
  }
  return true;
}

absl::StatusOr<std::vector<Alert>> Delivery::OpenAlerts() const {
  std::vector<Alert> open;
  AlertFilter filter;
  filter.unresolved_only = true;
  filter.limit = kAlertsPerPage;
  do {
    absl::StatusOr<AlertPage> page = store_->ListAlerts(filter);
    if (!page.ok()) return page.status();
    for (Alert& alert : page->alerts) {
      if (!GoesTo(alert, notifier_->name())) continue;
      alert.evidence.clear();
      open.push_back(std::move(alert));
    }
    filter.page_token = page->next_page_token;
  } while (!filter.page_token.empty());
  return open;
}

bool Delivery::Deliver(const OutboxRow& row, absl::Time now) {
  const absl::optional<NotificationEvent> event =
      ParseNotificationEvent(row.event);
  if (!event.has_value()) {
    GiveUp(row, absl::StrCat("unknown event \"", row.event, "\""), now);
    return true;
  }
  absl::StatusOr<Alert> alert = store_->GetAlert(row.alert);
  if (absl::IsNotFound(alert.status())) {
    GiveUp(row, "the alert is no longer stored", now);
    return true;
  }
  if (!Record(alert.status()).ok()) return false;
  Notification notification;
  notification.event = *event;
  notification.alert = *std::move(alert);
  notification.idempotency_key = row.idempotency_key;
  notification.created = FromEventTime(row.created_ms);
  notification.now = now;
  if (row.attempts > 0) {
    absl::MutexLock lock(&mu_);
    ++stats_.retries;
  }
  KEYWATCH_FAILPOINT("notify.send");
  const absl::Status status = notifier_->Notify(notification);
  KEYWATCH_FAILPOINT("notify.sent");
  if (!status.ok()) return Failed(row, status, now);
  Delivered(row, now);
  return true;
}

void Delivery::Delivered(const OutboxRow& row, absl::Time now) {
  bool recovered = false;
  {
    absl::MutexLock lock(&mu_);
    ++stats_.sent;
    recovered = stats_.consecutive_failures > 0;
    stats_.consecutive_failures = 0;
    stats_.last_error.clear();
    stats_.last_success_ms = ToEventTime(now);
  }
  if (recovered) {
    log_(absl::LogSeverity::kInfo,
         absl::StrCat("notifier ", notifier_->name(), ": works again"));
  }
  if (unrecorded_.empty()) unrecorded_since_ = now;
  unrecorded_.push_back(row.id);
}

bool Delivery::Failed(const OutboxRow& row, const absl::Status& status,
                      absl::Time now) {
  const std::string error = Bounded(status.message());
  const bool permanent = IsPermanentFailure(status);
  int failures = 0;
  {
    absl::MutexLock lock(&mu_);
    ++stats_.failed;
    stats_.last_error = error;
    // A refused message says nothing about the next one.
    if (!permanent) ++stats_.consecutive_failures;
    failures = stats_.consecutive_failures;
  }
  if (permanent) {
    GiveUp(row, error, now);
    return true;
  }
  if (failures == 1) {
    log_(absl::LogSeverity::kWarning,
         absl::StrCat("notifier ", notifier_->name(),
                      ": does not work, will be tried again: ", error));
  }
  const absl::Duration asked = RetryAfterOf(status);
  paused_until_ =
      now + std::max(asked, Backoff(notifier_->name(), failures,
                                    config_.initial_backoff,
                                    std::min(kMaxPause, config_.max_backoff)));
  if (now - FromEventTime(row.created_ms) > config_.give_up_after &&
      row.attempts + 1 >= config_.min_attempts) {
    GiveUp(row,
           absl::StrCat("given up after ", row.attempts + 1,
                        " attempts, the last one: ", error),
           now);
    return false;
  }
  const absl::Time next =
      now +
      std::max(asked, Backoff(row.idempotency_key, row.attempts + 1,
                              config_.initial_backoff, config_.max_backoff));
  Record(store_->OutboxRetry(row.id, ToEventTime(next), error)).IgnoreError();
  return false;
}

void Delivery::GiveUp(const OutboxRow& row, absl::string_view why,
                      absl::Time now) {
  if (!Record(store_->OutboxDead(row.id, ToEventTime(now), why)).ok()) return;
  {
    absl::MutexLock lock(&mu_);
    ++stats_.dead;
  }
  log_(absl::LogSeverity::kWarning,
       absl::StrCat("notifier ", notifier_->name(), ": message \"", row.event,
                    "\" about alert ", row.alert.view(),
                    " was not delivered: ", why));
}

absl::Status Delivery::Record(absl::Status status) {
  if (IsGone(status)) return absl::OkStatus();
  if (!status.ok() && !store_failing_) {
    log_(absl::LogSeverity::kWarning,
         absl::StrCat(
             "notifier ", notifier_->name(),
             ": the store does not answer: ", Bounded(status.message())));
  }
  store_failing_ = !status.ok();
  return status;
}

DeliveryStats Delivery::Stats() const {
  absl::MutexLock lock(&mu_);
  DeliveryStats stats = stats_;
  stats.failing_targets = notifier_->failing_targets();
  return stats;
}

}  // namespace keywatch
