#include "daemon/engine/value_window.h"

#include <algorithm>
#include <cmath>

namespace keywatch {
namespace {

constexpr size_t kKept = 64;

}  // namespace

void ValueWindow::Push(EventTime time, double value) {
  if (size_ == kMaxValues) {
    PopFront();
    cut_ = true;
  }
  if (size_ == ring_.size()) {
    std::vector<Entry> bigger(std::max<size_t>(4, ring_.size() * 2));
    for (size_t i = 0; i < size_; ++i) bigger[i] = at(i);
    ring_.swap(bigger);
    head_ = 0;
  }
  ring_[(head_ + size_) & (ring_.size() - 1)] = {time, value};
  ++size_;
  sum_.Add(value);
  if (!sorted_.empty()) {
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), value),
                   value);
  }
}

void ValueWindow::PopFront() {
  const double value = at(0).value;
  sum_.Subtract(value);
  if (!sorted_.empty()) {
    sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), value));
  }
  head_ = (head_ + 1) & (ring_.size() - 1);
  --size_;
}

void ValueWindow::DropBefore(EventTime oldest) {
  while (size_ > 0 && at(0).time < oldest) {
    PopFront();
    // What had to go early is over as well.
    cut_ = false;
  }
}

void ValueWindow::Reset() {
  head_ = 0;
  size_ = 0;
  cut_ = false;
  sum_.Reset();
  if (ring_.size() > kKept) std::vector<Entry>().swap(ring_);
  std::vector<double>().swap(sorted_);
}

double ValueWindow::Percentile(double percent) const {
  if (sorted_.empty()) {
    for (size_t i = 0; i < size_; ++i) sorted_.push_back(at(i).value);
    std::sort(sorted_.begin(), sorted_.end());
  }
  const double rank = percent / 100 * static_cast<double>(sorted_.size() - 1);
  const double below = std::floor(rank);
  const auto i = static_cast<size_t>(below);
  if (i + 1 >= sorted_.size()) return sorted_.back();
  return sorted_[i] + (rank - below) * (sorted_[i + 1] - sorted_[i]);
}

void ValueWindow::Encode(Encoder* out) const {
  out->Varint(size_);
  out->Bool(cut_);
  EventTime last = 0;
  for (size_t i = 0; i < size_; ++i) {
    out->Signed(at(i).time - last);
    out->Double(at(i).value);
    last = at(i).time;
  }
}

bool ValueWindow::Decode(Decoder* in) {
  Reset();
  const uint64_t count = in->Varint();
  const bool cut = in->Bool();
  if (!in->ok() || count > kMaxValues) return false;
  EventTime last = 0;
  for (uint64_t i = 0; i < count && in->ok(); ++i) {
    last += in->Signed();
    const double value = in->Double();
    if (!std::isfinite(value)) return false;
    Push(last, value);
  }
  cut_ = cut;
  return in->ok();
}

}  // namespace keywatch
