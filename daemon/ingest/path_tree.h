#ifndef DAEMON_INGEST_PATH_TREE_H_
#define DAEMON_INGEST_PATH_TREE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// PathTree holds the dotted paths that somebody wants of a record, each with
// the cell that its value goes to. A record reaches `a.b.c` by nested maps, by
// keys that hold dots, and by any mixture. Constant once it is built.
class PathTree {
 public:
  static constexpr int kNone = -1;
  static constexpr int kRoot = 0;

  PathTree() : nodes_(1) {}

  // Wants `path`, its value in `cell`; gives the cell, which is another one
  // when the path was wanted before.
  uint32_t Add(absl::string_view path, uint32_t cell);

  // The node that `key` leads to from `node`, or kNone.
  int Find(int node, absl::string_view key) const;
  // The cell of a path, or kNone.
  int FindCell(absl::string_view path) const;

  // The cell of what stands at `node`, or kNone when only things below it are
  // wanted.
  int cell(int node) const { return nodes_[node].cell; }
  bool has_children(int node) const { return !nodes_[node].children.empty(); }
  size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    int cell = kNone;
    std::vector<std::pair<std::string, int>> children;
  };
  int FindChild(int node, absl::string_view name) const;

  std::vector<Node> nodes_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_PATH_TREE_H_
