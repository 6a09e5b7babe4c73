#ifndef DAEMON_YAML_TREE_BUILDER_H_
#define DAEMON_YAML_TREE_BUILDER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/yaml/document.h"

namespace keywatch {
namespace yaml {

// A mistake found while the tree is built: File adds name and line.
struct TreeIssue {
  int line = 0;
  int column = 0;
  int length = 1;
  std::string code;
  std::string message;
  std::string hint;
};

// Builds the documents of `text`, which is valid UTF-8 with "\n" line ends and
// without control characters. All that is known of yaml-cpp stays behind this
// function; it throws nothing. A syntax error ends the reading: documents
// before it are kept.
std::vector<Node> BuildTrees(absl::string_view text,
                             std::vector<TreeIssue>* issues);

}  // namespace yaml
}  // namespace keywatch

#endif  // DAEMON_YAML_TREE_BUILDER_H_
