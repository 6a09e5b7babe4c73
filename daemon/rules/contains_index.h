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
// texts there are. Texts of less than four bytes are found by their first one.
// Thread-compatible while filled, safe to read from any thread then.
class ContainsIndex {
 public:
  // `id` is what Find gives for `text`, which must not be empty.
  void Add(absl::string_view text, uint32_t id);
  // After the last Add.
  void Build();
  bool empty() const { return entries_.empty() && shorts_.empty(); }

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
    if (shorts_.empty()) return;
    for (size_t i = 0; i < size; ++i) {
      const uint8_t byte = static_cast<uint8_t>(data[i]);
      for (uint32_t k = short_first_[byte]; k < short_first_[byte + 1]; ++k) {
        const Entry& entry = shorts_[k];
        if (entry.text.size() <= size - i &&
            std::memcmp(data + i, entry.text.data(), entry.text.size()) == 0) {
          emit(entry.id);
        }
      }
    }
  }

 private:
  static constexpr uint32_t kMultiplier = 0x9e3779b1;

  struct Entry {
    std::string text;
    uint32_t id;
    uint32_t offset;  // of the four bytes
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
  uint32_t Next(uint32_t slot) const {
    return (slot + 1) & (static_cast<uint32_t>(table_.size()) - 1);
  }

  std::vector<Entry> entries_;  // by gram
  std::vector<Entry> shorts_;   // by first byte
  std::vector<uint32_t> short_first_;
  std::vector<uint8_t> maybe_;  // by hash: some text may have it
  int maybe_shift_ = 0;
  std::vector<Bucket> table_;
  int table_shift_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_CONTAINS_INDEX_H_
