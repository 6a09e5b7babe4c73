#include "daemon/engine/distinct_window.h"

#include <algorithm>

namespace keywatch {

bool DistinctWindow::See(uint64_t hash, EventTime time, int64_t window_ms,
                         int64_t n) {
  if (estimate_ != nullptr && estimate_->Empty(time)) estimate_.reset();
  if (estimate_ != nullptr) return estimate_->See(hash, time);
  values_.DropBefore(time - window_ms);
  const auto exact_limit = static_cast<size_t>(n);
  if (exact_limit <= kMaxExact) return values_.See(hash, time, exact_limit);
  if (values_.size() < kMaxExact || values_.Contains(hash)) {
    return values_.See(hash, time, kMaxExact);
  }
  window_ms_ = window_ms;
  estimate_ = std::make_unique<SlidingHyperLogLog>(window_ms);
  values_.ForEach(
      [this](uint64_t value, EventTime seen) { estimate_->See(value, seen); });
  values_.Reset();
  estimate_->See(hash, time);
  return true;
}

bool DistinctWindow::HasAtLeast(int64_t n, EventTime now, int64_t window_ms,
                                EventTime* until) {
  if (estimate_ != nullptr) {
    *until = now + window_ms;
    return estimate_->HasAtLeast(static_cast<double>(n) - 0.5, now);
  }
  // The N values seen last are kept, or all there are.
  if (values_.size() < static_cast<size_t>(n)) return false;
  *until = values_.oldest() + window_ms;
  return true;
}

double DistinctWindow::Count(EventTime now, int64_t) const {
  return estimate_ != nullptr ? estimate_->Estimate(now)
                              : static_cast<double>(values_.size());
}

void DistinctWindow::Reset() {
  values_.Reset();
  estimate_.reset();
}

void DistinctWindow::Encode(Encoder* out) const {
  out->Bool(estimate_ != nullptr);
  if (estimate_ != nullptr) {
    out->Signed(window_ms_);
    estimate_->Encode(out);
  } else {
    values_.Encode(out);
  }
}

bool DistinctWindow::Decode(Decoder* in) {
  Reset();
  if (!in->Bool()) return values_.Decode(in, kMaxExact);
  window_ms_ = in->Signed();
  estimate_ = std::make_unique<SlidingHyperLogLog>(window_ms_);
  return estimate_->Decode(in);
}

}  // namespace keywatch
