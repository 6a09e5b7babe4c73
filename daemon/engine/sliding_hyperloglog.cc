#include "daemon/engine/sliding_hyperloglog.h"

#include <algorithm>
#include <cmath>

namespace keywatch {
namespace {

constexpr double kM = SlidingHyperLogLog::kRegisters;
constexpr double kFewValues = 2.5 * kM;

// What a register adds to the sum of an estimate.
double Share(uint8_t rank) {
  return 1.0 / static_cast<double>(uint64_t{1} << rank);
}

double RawEstimate(double sum) {
  return 0.7213 / (1 + 1.079 / kM) * kM * kM / sum;
}

double LinearEstimate(size_t zeros) {
  return kM * std::log(kM / static_cast<double>(zeros));
}

double EstimateOf(double sum, size_t zeros) {
  const double raw = RawEstimate(sum);
  // Few values: count the registers that are still empty.
  return raw <= kFewValues && zeros > 0 ? LinearEstimate(zeros) : raw;
}

}  // namespace

void SlidingHyperLogLog::FreeNode(uint32_t i) {
  nodes_[i].next = free_;
  free_ = i;
  --live_;
}

uint32_t SlidingHyperLogLog::NewNode() {
  ++live_;
  if (free_ != kNone) {
    const uint32_t i = free_;
    free_ = nodes_[i].next;
    return i;
  }
  nodes_.emplace_back();
  return static_cast<uint32_t>(nodes_.size() - 1);
}

bool SlidingHyperLogLog::See(uint64_t hash, EventTime time) {
  newest_ = std::max(newest_, time);
  const size_t index = hash >> (64 - kPrecision);
  const uint64_t rest = hash << kPrecision;
  const uint8_t rank = static_cast<uint8_t>(
      rest == 0 ? 64 - kPrecision + 1 : __builtin_clzll(rest) + 1);
  // Older observations that are not greater will never count again.
  uint32_t i = heads_[index];
  while (i != kNone && nodes_[i].rank <= rank) {
    const uint32_t next = nodes_[i].next;
    FreeNode(i);
    i = next;
  }
  // The greater ones stay while they are inside the window; they are the
  // oldest, so the first that is outside ends the list.
  const bool grew = i == kNone || nodes_[i].time < time - window_ms_;
  for (uint32_t last = i; last != kNone;) {
    const uint32_t next = nodes_[last].next;
    if (next != kNone && nodes_[next].time < time - window_ms_) {
      for (uint32_t old = next; old != kNone;) {
        const uint32_t after = nodes_[old].next;
        FreeNode(old);
        old = after;
      }
      nodes_[last].next = kNone;
      break;
    }
    last = next;
  }
  if (grew && i != kNone) {
    FreeNode(i);
    i = kNone;
  }
  const uint32_t node = NewNode();
  nodes_[node] = {time, i, rank};
  heads_[index] = node;
  if (grew) SetTop(index, rank);
  return grew;
}

uint8_t SlidingHyperLogLog::Rank(size_t index, EventTime oldest) const {
  uint8_t rank = 0;
  for (uint32_t i = heads_[index]; i != kNone && nodes_[i].time >= oldest;
       i = nodes_[i].next) {
    rank = nodes_[i].rank;
  }
  return rank;
}

double SlidingHyperLogLog::Estimate(EventTime now) const {
  double sum = 0;
  size_t zeros = 0;
  for (size_t index = 0; index < kRegisters; ++index) {
    const uint8_t rank = Rank(index, now - window_ms_);
    if (rank == 0) ++zeros;
    sum += Share(rank);
  }
  return EstimateOf(sum, zeros);
}

bool SlidingHyperLogLog::HasAtLeast(double n, EventTime now) {
  // The sum is off by what adding and subtracting rounds.
  if (Bound() * (1 + 1e-6) < n) return false;
  SetTops(now);
  return EstimateOf(sum_, zeros_) >= n;
}

double SlidingHyperLogLog::Bound() const {
  // With smaller registers raw estimates are smaller, and more are empty: few
  // values stay few.
  const double raw = RawEstimate(sum_);
  if (raw <= kFewValues && zeros_ > 0) return LinearEstimate(zeros_);
  // Many may have become few since, which are counted in the other way.
  return std::max(raw, LinearEstimate(std::max<size_t>(1, zeros_)));
}

void SlidingHyperLogLog::SetTop(size_t index, uint8_t rank) {
  uint8_t& top = tops_[index];
  if (rank <= top) return;
  if (top == 0) --zeros_;
  sum_ += Share(rank) - Share(top);
  top = rank;
}

void SlidingHyperLogLog::SetTops(EventTime now) {
  sum_ = 0;
  zeros_ = 0;
  for (size_t index = 0; index < kRegisters; ++index) {
    tops_[index] = Rank(index, now - window_ms_);
    if (tops_[index] == 0) ++zeros_;
    sum_ += Share(tops_[index]);
  }
}

void SlidingHyperLogLog::Encode(Encoder* out) const {
  out->Signed(newest_);
  for (uint32_t head : heads_) {
    uint64_t count = 0;
    for (uint32_t i = head; i != kNone; i = nodes_[i].next) ++count;
    out->Varint(count);
    for (uint32_t i = head; i != kNone; i = nodes_[i].next) {
      out->Varint(nodes_[i].rank);
      out->Signed(newest_ - nodes_[i].time);
    }
  }
}

bool SlidingHyperLogLog::Decode(Decoder* in) {
  newest_ = in->Signed();
  nodes_.clear();
  live_ = 0;
  free_ = kNone;
  for (uint32_t& head : heads_) {
    head = kNone;
    const uint64_t count = in->Varint();
    if (!in->ok() || count > 64) return false;
    uint32_t last = kNone;
    for (uint64_t k = 0; k < count; ++k) {
      const uint32_t node = NewNode();
      const uint64_t rank = in->Varint();
      nodes_[node] = {newest_ - in->Signed(), kNone,
                      static_cast<uint8_t>(rank)};
      (last == kNone ? head : nodes_[last].next) = node;
      last = node;
    }
  }
  SetTops(newest_);
  return in->ok();
}

}  // namespace keywatch
