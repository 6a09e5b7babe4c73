#include "daemon/respond/responder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

constexpr absl::Duration kHousekeepingInterval = absl::Seconds(5);
constexpr absl::Duration kUnknownNotifierRetry = absl::Hours(1);
constexpr int kMaxUnknownRows = 100;

}  // namespace

Responder::Responder(ResponderConfig config,
                     std::vector<std::unique_ptr<Notifier>> notifiers,
                     Store* store, Clock* clock, Log log)
    : config_(config),
      store_(store),
      clock_(clock),
      log_(log ? std::move(log) : [](absl::LogSeverity, absl::string_view) {}),
      notifiers_(std::move(notifiers)),
      wake_(std::make_unique<bool[]>(notifiers_.size() + 1)) {
  for (const std::unique_ptr<Notifier>& notifier : notifiers_) {
    deliveries_.push_back(std::make_unique<Delivery>(config_, notifier.get(),
                                                     store_, &stop_, log_));
  }
}

Responder::~Responder() { Stop(); }

void Responder::Start() {
  if (stop_ || !threads_.empty()) return;
  for (size_t i = 0; i < deliveries_.size(); ++i) {
    threads_.emplace_back([this, i] {
      Loop(i, config_.poll_interval, [this, i](absl::Time) {
        while (!stop_ &&
               deliveries_[i]->RunOnce([this] { return clock_->Now(); })) {
        }
      });
    });
  }
  threads_.emplace_back([this] {
    Loop(deliveries_.size(), kHousekeepingInterval,
         [this](absl::Time now) { KeepHouse(now); });
  });
}

void Responder::Stop() {
  stop_ = true;
  {
    absl::MutexLock lock(&mu_);
    std::fill(wake_.get(), wake_.get() + deliveries_.size() + 1, true);
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Responder::Wake() {
  absl::MutexLock lock(&mu_);
  std::fill(wake_.get(), wake_.get() + deliveries_.size(), true);
}

void Responder::Loop(size_t index, absl::Duration interval,
                     const std::function<void(absl::Time)>& work) {
  while (!stop_) {
    work(clock_->Now());
    absl::MutexLock lock(&mu_);
    // Stop() sets stop_ before it wakes: one that came since is seen here.
    if (!stop_) clock_->SleepOrWake(&mu_, &wake_[index], interval);
    wake_[index] = false;
  }
}

void Responder::RunOnce(absl::Time now) {
  for (const std::unique_ptr<Delivery>& delivery : deliveries_) {
    while (delivery->RunOnce([now] { return now; })) {
    }
  }
  KeepHouse(now);
}

void Responder::KeepHouse(absl::Time now) {
  absl::StatusOr<Store::OutboxCounts> counts = store_->CountOutbox();
  if (counts.ok()) {
    absl::MutexLock lock(&mu_);
    counts_ = *counts;
  }
  absl::StatusOr<std::vector<std::string>> names = store_->OutboxNotifiers();
  // The next round asks again.
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (std::none_of(notifiers_.begin(), notifiers_.end(),
                     [&name](const std::unique_ptr<Notifier>& notifier) {
                       return notifier->name() == name;
                     })) {
      KeepUnknown(name, now);
    }
  }
}

void Responder::KeepUnknown(const std::string& notifier, absl::Time now) {
  absl::StatusOr<std::vector<OutboxRow>> rows =
      store_->DueOutbox(notifier, ToEventTime(now), kMaxUnknownRows);
  if (!rows.ok()) return;
  const std::string why =
      absl::StrCat("no notifier named \"", notifier, "\" is configured");
  for (const OutboxRow& row : *rows) {
    if (now - FromEventTime(row.created_ms) > config_.give_up_after) {
      if (store_->OutboxDead(row.id, ToEventTime(now), why).ok()) {
        log_(absl::LogSeverity::kWarning,
             absl::StrCat("message \"", row.event, "\" about alert ",
                          row.alert.view(), " was not delivered: ", why));
      }
      continue;
    }
    if (logged_unknown_.insert(notifier).second) {
      log_(absl::LogSeverity::kWarning,
           absl::StrCat(why, ": messages to it wait for one"));
    }
    store_->OutboxRetry(row.id, ToEventTime(now + kUnknownNotifierRetry), why)
        .IgnoreError();
  }
}

ResponderStats Responder::Stats() const {
  ResponderStats stats;
  for (const std::unique_ptr<Delivery>& delivery : deliveries_) {
    stats.notifiers.push_back(delivery->Stats());
  }
  absl::MutexLock lock(&mu_);
  stats.pending = counts_.pending;
  stats.dead = counts_.dead;
  stats.oldest_pending_ms = counts_.oldest_pending_ms;
  return stats;
}

}  // namespace keywatch
