#ifndef DAEMON_RULES_AFFIX_TRIE_H_
#define DAEMON_RULES_AFFIX_TRIE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// AffixTrie finds which of many texts a text begins (or ends) with, in one walk
// that ends at the first byte that none of them has. Thread-compatible while
// filled, safe to read from any thread then.
class AffixTrie {
 public:
  enum class Side { kPrefix, kSuffix };
  explicit AffixTrie(Side side) : side_(side), roots_(256, 0) {
    nodes_.emplace_back();
  }

  // `id` is what Find gives for `text`, which must not be empty.
  void Add(absl::string_view text, uint32_t id);
  // After the last Add.
  void Build();
  bool empty() const { return nodes_.size() == 1; }

  // Calls `emit(id)` for every text that is there.
  template <typename F>
  void Find(absl::string_view text, F emit) const {
    const size_t size = text.size();
    if (size == 0) return;
    const bool prefix = side_ == Side::kPrefix;
    uint32_t node = roots_[Byte(text, prefix ? 0 : size - 1)];
    for (size_t i = 1; node != 0; ++i) {
      const Node& n = nodes_[node];
      for (uint32_t k = n.first_id; k < n.last_id; ++k) emit(ids_[k]);
      if (i == size) return;
      node = Child(node, Byte(text, prefix ? i : size - 1 - i));
    }
  }

 private:
  // Children of a node stand beside each other, sorted by byte.
  struct Node {
    uint32_t first_child = 0;
    uint16_t children = 0;
    uint8_t byte = 0;
    uint32_t first_id = 0;
    uint32_t last_id = 0;
  };

  static uint8_t Byte(absl::string_view text, size_t i) {
    return static_cast<uint8_t>(text[i]);
  }
  uint32_t Child(uint32_t node, uint8_t byte) const {
    const Node& n = nodes_[node];
    for (uint32_t c = n.first_child; c < n.first_child + n.children; ++c) {
      if (nodes_[c].byte >= byte) return nodes_[c].byte == byte ? c : 0;
    }
    return 0;
  }

  const Side side_;
  std::vector<std::pair<std::string, uint32_t>> texts_;  // until Build
  std::vector<Node> nodes_;                              // the first is none
  std::vector<uint32_t> ids_;
  std::vector<uint32_t> roots_;  // by first byte
};

}  // namespace keywatch

#endif  // DAEMON_RULES_AFFIX_TRIE_H_
