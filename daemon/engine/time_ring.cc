#include "daemon/engine/time_ring.h"

#include <algorithm>

namespace keywatch {
namespace {

constexpr size_t kSmall = 4;
constexpr size_t kKept = 64;

}  // namespace

void TimeRing::Grow() {
  std::vector<EventTime> bigger(std::max(kSmall, times_.size() * 2));
  for (size_t i = 0; i < size_; ++i) bigger[i] = at(i);
  times_.swap(bigger);
  head_ = 0;
}

void TimeRing::Reset() {
  head_ = 0;
  size_ = 0;
  if (times_.size() > kKept) std::vector<EventTime>().swap(times_);
}

void TimeRing::Encode(Encoder* out) const {
  out->Varint(size_);
  EventTime last = 0;
  for (size_t i = 0; i < size_; ++i) {
    out->Signed(at(i) - last);
    last = at(i);
  }
}

bool TimeRing::Decode(Decoder* in, size_t limit) {
  Reset();
  const uint64_t count = in->Varint();
  if (!in->ok() || count > limit) return false;
  EventTime last = 0;
  for (uint64_t i = 0; i < count && in->ok(); ++i) {
    last += in->Signed();
    Push(last, limit);
  }
  return in->ok();
}

}  // namespace keywatch
