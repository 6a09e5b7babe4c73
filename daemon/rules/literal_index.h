#ifndef DAEMON_RULES_LITERAL_INDEX_H_
#define DAEMON_RULES_LITERAL_INDEX_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "daemon/rules/affix_trie.h"
#include "daemon/rules/contains_index.h"
#include "daemon/rules/equal_index.h"

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

  bool empty() const { return !has_[0] && !scans(); }
  // Whether anything but equality is asked for.
  bool scans() const { return has_[1] || has_[2] || has_[3]; }
  bool has(Mode mode) const { return has_[static_cast<int>(mode)]; }

  // Calls `emit(id)` for every text that fits, perhaps more than once.
  template <typename F>
  void Find(absl::string_view text, F emit) const {
    if (has_[0]) {
      const uint32_t id = equal_.Find(text);
      if (id != EqualIndex::kNone) emit(id);
    }
    if (has_[1]) prefixes_.Find(text, emit);
    if (has_[2]) suffixes_.Find(text, emit);
    if (has_[3]) contains_.Find(text, emit);
  }

 private:
  bool has_[4] = {};  // by mode
  EqualIndex equal_;
  AffixTrie prefixes_{AffixTrie::Side::kPrefix};
  AffixTrie suffixes_{AffixTrie::Side::kSuffix};
  ContainsIndex contains_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_LITERAL_INDEX_H_
