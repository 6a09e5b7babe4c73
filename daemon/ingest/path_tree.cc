#include "daemon/ingest/path_tree.h"

#include "absl/strings/str_split.h"

namespace keywatch {

int PathTree::FindChild(int node, absl::string_view name) const {
  for (const auto& [child_name, child] : nodes_[node].children) {
    if (child_name == name) return child;
  }
  return kNone;
}

uint32_t PathTree::Add(absl::string_view path, uint32_t cell) {
  int node = kRoot;
  for (absl::string_view name : absl::StrSplit(path, '.')) {
    int child = FindChild(node, name);
    if (child == kNone) {
      child = static_cast<int>(nodes_.size());
      nodes_.emplace_back();
      nodes_[node].children.emplace_back(std::string(name), child);
    }
    node = child;
  }
  if (nodes_[node].cell == kNone) nodes_[node].cell = static_cast<int>(cell);
  return static_cast<uint32_t>(nodes_[node].cell);
}

int PathTree::Find(int node, absl::string_view key) const {
  for (absl::string_view name : absl::StrSplit(key, '.')) {
    node = FindChild(node, name);
    if (node == kNone) return kNone;
  }
  return node;
}

int PathTree::FindCell(absl::string_view path) const {
  const int node = Find(kRoot, path);
  return node == kNone ? kNone : nodes_[node].cell;
}

}  // namespace keywatch
