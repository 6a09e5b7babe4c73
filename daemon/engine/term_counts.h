#ifndef DAEMON_ENGINE_TERM_COUNTS_H_
#define DAEMON_ENGINE_TERM_COUNTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/core/codec.h"
#include "daemon/core/event.h"

namespace keywatch {

// TermCounts counts how often each value was seen in about the last `history`:
// in eight slices of an eighth each, of which the oldest goes as a new one
// begins, so that it reaches back between seven and eight eighths. At most 256
// values are told apart; the one seen longest ago makes room, and stays
// counted in the total. Times are given in ascending order. Thread-compatible.
class TermCounts {
 public:
  static constexpr size_t kMaxTerms = 256;
  static constexpr size_t kSlices = 8;

  // Forgets what is too old at `now`.
  void AdvanceTo(EventTime now, int64_t history_ms);
  // Counts a value; AdvanceTo came first.
  void Add(uint64_t term, EventTime now);

  int64_t Count(uint64_t term) const;
  int64_t total() const { return Sum(total_); }
  size_t size() const { return terms_.size(); }

  void Reset();
  size_t HeapBytes() const { return terms_.size() * sizeof(Term); }
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);

 private:
  using Slices = std::array<uint32_t, kSlices>;
  struct Term {
    uint64_t term;
    EventTime last_ms;
    Slices counts;
  };

  static int64_t Sum(const Slices& slices);

  std::vector<Term> terms_;
  Slices total_ = {};
  int64_t slice_ = 0;  // the current one, since the epoch
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_TERM_COUNTS_H_
