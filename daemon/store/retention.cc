#include "daemon/store/retention.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

// A commit of the engine waits for at most one of these: some milliseconds.
constexpr int kBatch = 500;
constexpr absl::Duration kRest = absl::Hours(1);
constexpr absl::Duration kAfterError = absl::Minutes(1);

EventTime Before(absl::Time now, absl::Duration period) {
  return period == absl::InfiniteDuration() ? kMinEventTime
                                            : ToEventTime(now - period);
}

}  // namespace

Retention::Retention(const RetentionPeriods& periods, Store* store,
                     std::function<void(absl::string_view)> log)
    : periods_(periods), store_(store), log_(std::move(log)) {}

absl::Status Retention::RunOnce(absl::Time now) {
  if (now < next_) return absl::OkStatus();
  PruneBefore before;
  before.alerts_ms = Before(now, periods_.alerts);
  before.messages_ms = Before(now, periods_.messages);
  before.gaps_ms = Before(now, periods_.gaps);
  before.rejects_ms = Before(now, periods_.rejects);
  const absl::StatusOr<int64_t> dropped = store_->Prune(before, kBatch);
  if (!dropped.ok()) {
    next_ = now + kAfterError;
    return dropped.status();
  }
  dropped_ += *dropped;
  if (*dropped >= kBatch) return absl::OkStatus();
  next_ = now + kRest;
  if (dropped_ > 0 && log_) {
    log_(absl::StrCat("retention: dropped ", dropped_,
                      " rows that were kept for long enough"));
  }
  dropped_ = 0;
  return absl::OkStatus();
}

}  // namespace keywatch
