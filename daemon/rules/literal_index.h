#ifndef DAEMON_RULES_LITERAL_INDEX_H_
#define DAEMON_RULES_LITERAL_INDEX_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "daemon/rules/affix_trie.h"
#include "daemon/rules/contains_index.h"

namespace keywatch {

// LiteralIndex finds which of many texts a value equals, begins with, ends with
// or contains, at a cost that hardly grows with their number. Thread-compatible
// while filled, safe to read from any thread then.
class LiteralIndex {
 public:
  enum class Mode { kEqual, kPrefix, kSuffix, kContains };

  // Each (mode, text) once. Only kEqual may be empty.
  void Add(Mode mode, absl::string_view text, uint32_t id);
  // After the last Add.
  void Build();

  bool empty() const { return equal_.empty() && !scans(); }
  // Whether anything but equality is asked for.
  bool scans() const {
    return !prefixes_.empty() || !suffixes_.empty() || !contains_.empty();
  }
  bool has_contains() const { return !contains_.empty(); }

  // Calls `emit(id)` for every text that fits, perhaps more than once.
  template <typename F>
  void Find(absl::string_view text, F emit) const {
    FindEqual(text, emit);
    FindParts(text, emit);
  }
  template <typename F>
  void FindEqual(absl::string_view text, F emit) const {
    if ((lengths_ >> (text.size() < 63 ? text.size() : 63) & 1) == 0) return;
    const auto it = equal_.find(text);
    if (it != equal_.end()) emit(it->second);
  }
  // All but equality.
  template <typename F>
  void FindParts(absl::string_view text, F emit) const {
    if (!prefixes_.empty()) prefixes_.Find(text, emit);
    if (!suffixes_.empty()) suffixes_.Find(text, emit);
    if (!contains_.empty()) contains_.Find(text, emit);
  }

 private:
  absl::flat_hash_map<std::string, uint32_t> equal_;
  uint64_t lengths_ = 0;  // of the texts in equal_; 63 is "63 or more"
  AffixTrie prefixes_{AffixTrie::Side::kPrefix};
  AffixTrie suffixes_{AffixTrie::Side::kSuffix};
  ContainsIndex contains_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_LITERAL_INDEX_H_
