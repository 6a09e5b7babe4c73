#include "daemon/engine/term_counts.h"

#include <algorithm>

namespace keywatch {
namespace {

int64_t FloorDivide(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

size_t SlotOf(int64_t slice) {
  return static_cast<size_t>(static_cast<uint64_t>(slice) %
                             TermCounts::kSlices);
}

}  // namespace

int64_t TermCounts::Sum(const Slices& slices) {
  int64_t sum = 0;
  for (uint32_t count : slices) sum += count;
  return sum;
}

void TermCounts::AdvanceTo(EventTime now, int64_t history_ms) {
  const int64_t length = std::max<int64_t>(1, history_ms / kSlices);
  const int64_t slice = FloorDivide(now, length);
  if (slice <= slice_) return;
  const int64_t passed =
      std::min<int64_t>(slice - slice_, static_cast<int64_t>(kSlices));
  for (int64_t i = 0; i < passed; ++i) {
    const size_t slot = SlotOf(slice - i);
    total_[slot] = 0;
    for (Term& term : terms_) term.counts[slot] = 0;
  }
  slice_ = slice;
  terms_.erase(
      std::remove_if(terms_.begin(), terms_.end(),
                     [](const Term& term) { return Sum(term.counts) == 0; }),
      terms_.end());
}

void TermCounts::Add(uint64_t term, EventTime now) {
  const size_t slot = SlotOf(slice_);
  ++total_[slot];
  auto it = std::find_if(terms_.begin(), terms_.end(),
                         [&](const Term& t) { return t.term == term; });
  if (it == terms_.end()) {
    if (terms_.size() >= kMaxTerms) {
      it = std::min_element(
          terms_.begin(), terms_.end(),
          [](const Term& a, const Term& b) { return a.last_ms < b.last_ms; });
      *it = {term, now, {}};
    } else {
      it = terms_.insert(terms_.end(), {term, now, {}});
    }
  }
  it->last_ms = now;
  ++it->counts[slot];
}

int64_t TermCounts::Count(uint64_t term) const {
  for (const Term& t : terms_) {
    if (t.term == term) return Sum(t.counts);
  }
  return 0;
}

void TermCounts::Reset() {
  terms_.clear();
  total_ = {};
  slice_ = 0;
}

void TermCounts::Encode(Encoder* out) const {
  out->Signed(slice_);
  for (uint32_t count : total_) out->Varint(count);
  out->Varint(terms_.size());
  for (const Term& term : terms_) {
    out->Fixed64(term.term);
    out->Signed(term.last_ms);
    for (uint32_t count : term.counts) out->Varint(count);
  }
}

bool TermCounts::Decode(Decoder* in) {
  Reset();
  slice_ = in->Signed();
  for (uint32_t& count : total_) count = static_cast<uint32_t>(in->Varint());
  const uint64_t size = in->Varint();
  if (!in->ok() || size > kMaxTerms) return false;
  for (uint64_t i = 0; i < size && in->ok(); ++i) {
    Term term;
    term.term = in->Fixed64();
    term.last_ms = in->Signed();
    for (uint32_t& count : term.counts) {
      count = static_cast<uint32_t>(in->Varint());
    }
    terms_.push_back(term);
  }
  return in->ok();
}

}  // namespace keywatch
