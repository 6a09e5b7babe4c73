#include "daemon/rules/affix_trie.h"

#include <algorithm>

namespace keywatch {

void AffixTrie::Add(absl::string_view text, uint32_t id) {
  std::string key(text);
  // A suffix is a prefix of the text read backwards.
  if (side_ == Side::kSuffix) std::reverse(key.begin(), key.end());
  texts_.emplace_back(std::move(key), id);
}

void AffixTrie::Build() {
  std::sort(texts_.begin(), texts_.end());
  // A node and the texts that go through it, at the depth of its last byte.
  struct Span {
    uint32_t node;
    size_t begin;
    size_t end;
    size_t depth;
  };
  std::vector<Span> open;
  const auto add_children = [&](size_t begin, size_t end, size_t depth) {
    const uint32_t first = static_cast<uint32_t>(nodes_.size());
    for (size_t i = begin; i < end;) {
      const char c = texts_[i].first[depth];
      size_t j = i;
      while (j < end && texts_[j].first[depth] == c) ++j;
      Node node;
      node.byte = static_cast<uint8_t>(c);
      open.push_back({static_cast<uint32_t>(nodes_.size()), i, j, depth});
      nodes_.push_back(node);
      i = j;
    }
    // std::string compares bytes as unsigned, so children are in order.
    return std::make_pair(first, static_cast<uint32_t>(nodes_.size()) - first);
  };
  const auto roots = add_children(0, texts_.size(), 0);
  for (uint32_t i = 0; i < roots.second; ++i) {
    roots_[nodes_[roots.first + i].byte] = roots.first + i;
  }
  for (size_t at = 0; at < open.size(); ++at) {
    const Span span = open[at];
    const uint32_t first_id = static_cast<uint32_t>(ids_.size());
    size_t begin = span.begin;
    for (; begin < span.end && texts_[begin].first.size() == span.depth + 1;
         ++begin) {
      ids_.push_back(texts_[begin].second);
    }
    const auto children = add_children(begin, span.end, span.depth + 1);
    Node& node = nodes_[span.node];
    node.first_id = first_id;
    node.last_id = static_cast<uint32_t>(ids_.size());
    node.first_child = children.first;
    node.children = static_cast<uint16_t>(children.second);
  }
  texts_.clear();
  texts_.shrink_to_fit();
}

}  // namespace keywatch
