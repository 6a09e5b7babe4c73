#ifndef DAEMON_RULES_CONTAINS_INDEX_H_
#define DAEMON_RULES_CONTAINS_INDEX_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// ContainsIndex finds which of many texts stand anywhere in a text. Each of
// them is known by four of its bytes, those that the fewest others have; a scan
// asks a small table at every position, so that its cost hardly depends on how many
// texts there are. Texts of two and three bytes are found by their first two.
// Thread-compatible while filled, safe to read from any thread then.
class ContainsIndex {
 public:
  // `id` is what Find gives for `text`, which must not be empty.
  void Add(absl::string_view text, uint32_t id);
  // After the last Add.
  void Build();
  bool empty() const {
    return entries_.empty() && shorts_.empty() && singles_.empty();
  }

  // Calls `emit(id)` for every text that is there, once for each place.
  template <typename F>
  void Find(absl::string_view text, F emit) const {
    const char* data = text.data();
    const size_t size = text.size();
    if (!entries_.empty() && size >= 4) {
      for (size_t i = 0; i + 4 <= size; ++i) {
        const uint32_t gram = Gram(data + i);
        const uint32_t hash = gram * kMultiplier;
        if (maybe_[hash >> maybe_shift_] == 0) continue;
        for (uint32_t slot = hash >> table_shift_;; slot = Next(slot)) {
          const Bucket& bucket = table_[slot];
          if (bucket.first == bucket.last) break;
          if (bucket.gram != gram) continue;
          for (uint32_t k = bucket.first; k < bucket.last; ++k) {
            const Entry& entry = entries_[k];
            if (i < entry.offset) continue;
            const size_t start = i - entry.offset;
            if (entry.text.size() <= size - start &&
                std::memcmp(data + start, entry.text.data(),
                            entry.text.size()) == 0) {
              emit(entry.id);
            }
          }
          break;
        }
      }
    }
    if (!singles_.empty()) {
      for (size_t i = 0; i < size; ++i) {
        const uint32_t id = singles_[static_cast<uint8_t>(data[i])];
        if (id != kNone) emit(id);
      }
    }
    if (shorts_.empty()) return;
    for (size_t i = 0; i + 2 <= size; ++i) {
      const uint32_t pair = Pair(data + i);
      const uint64_t word = pairs_[pair / 64];
      const uint64_t bit = uint64_t{1} << (pair % 64);
      if ((word & bit) == 0) continue;
      const uint32_t rank =
          pair_ranks_[pair / 64] +
          static_cast<uint32_t>(__builtin_popcountll(word & (bit - 1)));
      for (uint32_t k = pair_first_[rank]; k < pair_first_[rank + 1]; ++k) {
        const Short& entry = shorts_[k];
        if (!entry.has_third || (i + 2 < size && data[i + 2] == entry.third)) {
          emit(entry.id);
        }
      }
    }
  }

 private:
  static constexpr uint32_t kMultiplier = 0x9e3779b1;
  static constexpr uint32_t kNone = 0xffffffff;

  struct Entry {
    std::string text;
    uint32_t id;
    uint32_t offset;  // of the four bytes
  };
  // A text of two bytes, or three.
  struct Short {
    uint32_t pair;
    bool has_third;
    char third;
    uint32_t id;
  };
  // The entries with these four bytes; none when first == last.
  struct Bucket {
    uint32_t gram = 0;
    uint32_t first = 0;
    uint32_t last = 0;
  };

  static uint32_t Gram(const char* p) {
    uint32_t gram;
    std::memcpy(&gram, p, sizeof(gram));
    return gram;
  }
  static uint32_t Pair(const char* p) {
    return static_cast<uint32_t>(static_cast<uint8_t>(p[0])) << 8 |
           static_cast<uint8_t>(p[1]);
  }
  void BuildShorts();
  uint32_t Next(uint32_t slot) const {
    return (slot + 1) & (static_cast<uint32_t>(table_.size()) - 1);
  }

  std::vector<Entry> entries_;     // by gram
  std::vector<uint32_t> singles_;  // texts of one byte by it, kNone: none
  std::vector<Short> shorts_;      // by pair
  std::vector<uint64_t> pairs_;    // a bit for each pair that one begins with
  std::vector<uint32_t> pair_ranks_;  // pairs before each word of them
  std::vector<uint32_t> pair_first_;  // by rank: its shorts
  std::vector<uint8_t> maybe_;        // by hash: some text may have it
  int maybe_shift_ = 0;
  std::vector<Bucket> table_;
  int table_shift_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_CONTAINS_INDEX_H_
