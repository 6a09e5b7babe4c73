#ifndef DAEMON_RULES_VALUE_CACHE_H_
#define DAEMON_RULES_VALUE_CACHE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/rules/equal_index.h"

namespace keywatch {

// ValueCache remembers which literals of a field's index recent values have: a
// log repeats its methods, user agents, hosts and versions. It watches whether
// it helps and steps aside for a while when it does not. Fixed in memory once
// used; it holds whole values, so what it gives is always exact.
// Thread-compatible.
class ValueCache {
 public:
  static constexpr size_t kMaxValue = 192;
  static constexpr size_t kMaxHits = 8;

  struct Entry {
    TextDigest digest{absl::string_view()};
    uint16_t hits = 0;
    bool used = false;
    uint32_t literals[kMaxHits];
  };

  // The entry that holds `value`, or nullptr.
  const Entry* Find(absl::string_view value) {
    if (!awake_ || value.size() > kMaxValue) return nullptr;
    const TextDigest digest(value);
    const size_t at = digest.Hash() >> (64 - kEntryBits);
    const Entry& entry = entries_[at];
    if (entry.digest == digest && entry.used &&
        (value.size() <= 16 || std::memcmp(&values_[at * kMaxValue],
                                           value.data(), value.size()) == 0)) {
      ++found_;
      return &entry;
    }
    return nullptr;
  }

  // Takes a value that Find did not find. Remembers it, unless it has too many
  // literals, is too long, or the cache rests.
  void Store(absl::string_view value, const std::vector<uint32_t>& literals) {
    if (!Wake() || value.size() > kMaxValue || literals.size() > kMaxHits) {
      return;
    }
    const TextDigest digest(value);
    const size_t at = digest.Hash() >> (64 - kEntryBits);
    Entry& entry = entries_[at];
    entry.digest = digest;
    entry.used = true;
    entry.hits = static_cast<uint16_t>(literals.size());
    std::copy(literals.begin(), literals.end(), entry.literals);
    std::copy(value.begin(), value.end(), values_.begin() + at * kMaxValue);
  }

 private:
  static constexpr int kEntryBits = 8;
  static constexpr size_t kEntries = size_t{1} << kEntryBits;
  static constexpr uint32_t kRound = 1024;  // misses
  static constexpr uint32_t kRest = 64 * kRound;

  // Counts a miss and decides whether the cache is of use now: a value that is
  // not found costs more than without it.
  bool Wake() {
    if (entries_.empty()) {
      entries_.resize(kEntries);
      values_.resize(kEntries * kMaxValue);
      awake_ = true;
    }
    ++missed_;
    if (missed_ >= (awake_ ? kRound : kRest)) {
      awake_ = !awake_ || found_ * 2 > missed_;
      missed_ = found_ = 0;
    }
    return awake_;
  }

  std::vector<Entry> entries_;  // one cache line each
  std::vector<char> values_;    // kMaxValue bytes for each entry
  bool awake_ = false;
  uint32_t found_ = 0;
  uint32_t missed_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_VALUE_CACHE_H_
