#ifndef DAEMON_RULES_VALUE_CACHE_H_
#define DAEMON_RULES_VALUE_CACHE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include <xxhash.h>
#include "absl/strings/string_view.h"

namespace keywatch {

// ValueCache remembers which literals of a field's index recent values have: a
// log repeats its user agents, hosts and paths. It watches whether it helps and
// steps aside for a while when it does not. Fixed in memory once used; it holds
// whole values, so what it gives is always exact. Thread-compatible.
class ValueCache {
 public:
  static constexpr size_t kMaxValue = 160;
  static constexpr size_t kMaxHits = 11;

  struct Entry {
    uint64_t hash = 0;
    uint16_t size = 0;
    uint16_t hits = 0;
    bool used = false;
    std::array<uint32_t, kMaxHits> literals;
    char value[kMaxValue];
  };

  // The place for `value`: an entry that holds it (`*found`), or one that the
  // caller fills by Store. Null when the value is not to be remembered.
  Entry* Find(absl::string_view value, bool* found) {
    *found = false;
    if (value.size() > kMaxValue) return nullptr;
    if (resting_ > 0) {
      --resting_;
      return nullptr;
    }
    if (entries_.empty()) entries_.resize(kEntries);
    const uint64_t hash = XXH3_64bits(value.data(), value.size());
    Entry* entry = &entries_[hash & (kEntries - 1)];
    *found = entry->used && entry->hash == hash &&
             entry->size == value.size() &&
             std::memcmp(entry->value, value.data(), value.size()) == 0;
    Count(*found);
    if (!*found) entry->hash = hash;
    return entry;
  }

  // Fills the entry that Find gave. More than kMaxHits are not remembered.
  static void Store(absl::string_view value,
                    const std::vector<uint32_t>& literals, Entry* entry) {
    entry->used = literals.size() <= kMaxHits;
    if (!entry->used) return;
    entry->size = static_cast<uint16_t>(value.size());
    entry->hits = static_cast<uint16_t>(literals.size());
    std::copy(literals.begin(), literals.end(), entry->literals.begin());
    std::memcpy(entry->value, value.data(), value.size());
  }

 private:
  static constexpr size_t kEntries = 256;
  static constexpr uint32_t kRound = 2048;

  void Count(bool found) {
    ++lookups_;
    found_ += found;
    if (lookups_ < kRound) return;
    if (found_ * 4 < lookups_) resting_ = 32 * kRound;
    lookups_ = found_ = 0;
  }

  std::vector<Entry> entries_;
  uint32_t lookups_ = 0;
  uint32_t found_ = 0;
  uint32_t resting_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_VALUE_CACHE_H_
