#include "daemon/yaml/tree_builder.h"

#include <algorithm>
#include <exception>
#include <sstream>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/yaml/scalar.h"
#include "daemon/yaml/source_text.h"
#include "daemon/yaml/syntax_error.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace keywatch {
namespace yaml {
namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxNodes = 1'000'000;
// Text that aliases may copy; a file itself has at most 16 MiB.
constexpr size_t kMaxCopiedBytes = 64 * 1024 * 1024;
// Maps up to here are searched for duplicate keys one by one.
constexpr size_t kSmallMap = 16;

// Thrown by the handler through yaml-cpp, to end the reading.
struct Stop {
  TreeIssue issue;
};

// What a tree costs to copy.
struct Extent {
  size_t nodes = 1;
  size_t bytes = 0;
  int height = 1;

  void Add(const Extent& child) {
    nodes += child.nodes;
    bytes += child.bytes;
    height = std::max(height, child.height + 1);
  }
};

Extent Measure(const Node& node) {
  Extent extent;
  extent.bytes = node.text.size();
  for (const Node& element : node.list) extent.Add(Measure(element));
  for (const auto& entry : node.map) {
    extent.Add(Measure(entry.first));
    extent.Add(Measure(entry.second));
  }
  return extent;
}

// A list or map that is being read.
struct Frame {
  Node node;
  YAML::anchor_t anchor = 0;
  Extent extent;
  bool has_key = false;
  bool drop_value = false;
  Node key;
  absl::flat_hash_set<std::string> keys;  // of maps beyond kSmallMap
};

class Builder : public YAML::EventHandler {
 public:
  Builder(absl::string_view text, std::vector<TreeIssue>* issues)
      : text_(text),
        ascii_(std::all_of(text.begin(), text.end(),
                           [](char c) { return (c & 0x80) == 0; })),
        issues_(issues) {}

  std::vector<Node> TakeDocuments() { return std::move(documents_); }

  // The column of a mark counts bytes; people count characters.
  void Locate(const YAML::Mark& mark, int* line, int* column) const {
    *line = std::max(0, mark.line) + 1;
    *column = std::max(0, mark.column) + 1;
    if (ascii_ || mark.pos < mark.column || mark.column <= 0 ||
        static_cast<size_t>(mark.pos) > text_.size()) {
      return;
    }
    const absl::string_view before =
        text_.substr(mark.pos - mark.column, mark.column);
    *column = 1 + static_cast<int>(
                      std::count_if(before.begin(), before.end(),
                                    [](char c) { return (c & 0xc0) != 0x80; }));
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    anchors_.clear();
    root_ = Node();
    // yaml-cpp takes whatever stands after a complete document for the next
    // one, also without the marker between them.
    const absl::string_view rest = TextAt(mark);
    if (documents_seen_++ > 0 && !rest.empty() &&
        !DocumentMayBegin(text_, text_.size() - rest.size())) {
      Fail(mark, "syntax", "this does not belong to the document above it",
           "check the indentation, or separate documents with ---");
    }
  }
  void OnDocumentEnd() override {
    const bool empty = root_.is_null() && root_.text.empty();
    if (!empty) documents_.push_back(std::move(root_));
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = NewNode(mark);
    const bool has_key = !stack_.empty() && stack_.back().has_key;
    node.text = std::string(WrittenNull(TextAt(mark), has_key));
    if (node.text.empty() && has_key) {
      // yaml-cpp gives the place of the next token.
      node.line = stack_.back().key.line;
      node.column = stack_.back().key.column;
    }
    Place(std::move(node), Extent(), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      Fail(mark, "syntax", "an alias inside the value that it names", "");
    }
    const Extent extent = it->second.second;
    Charge(mark, extent);
    Place(Node(it->second.first), extent, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    Node node = NewNode(mark);
    node.text = value;
    if (tag == "?" || tag.empty()) {
      ResolvePlain(&node);
    } else if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      node.kind = Node::Kind::kString;
      node.quoted = true;
      if (!QuoteIsClosed(TextAt(mark))) {
        Fail(mark, "syntax", "the quoted text is not closed",
             "the closing quote is missing");
      }
    } else {
      ResolveTagged(tag, mark, &node);
    }
    Extent extent;
    extent.bytes = value.size();
    Place(std::move(node), extent, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    CheckCollectionTag(mark, tag, "tag:yaml.org,2002:seq");
    Push(mark, Node::Kind::kList, anchor);
  }
  void OnSequenceEnd() override { Pop(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    CheckCollectionTag(mark, tag, "tag:yaml.org,2002:map");
    Push(mark, Node::Kind::kMap, anchor);
  }
  void OnMapEnd() override {
    Merge();
    Pop();
  }

 private:
  [[noreturn]] void Fail(const YAML::Mark& mark, std::string code,
                         std::string message, std::string hint) {
    Stop stop;
    Locate(mark, &stop.issue.line, &stop.issue.column);
    stop.issue.code = std::move(code);
    stop.issue.message = std::move(message);
    stop.issue.hint = std::move(hint);
    throw stop;
  }

  void Report(const Node& node, std::string code, std::string message,
              std::string hint) {
    TreeIssue issue;
    issue.line = node.line;
    issue.column = node.column;
    issue.length = std::max<int>(1, static_cast<int>(node.text.size()));
    issue.code = std::move(code);
    issue.message = std::move(message);
    issue.hint = std::move(hint);
    issues_->push_back(std::move(issue));
  }

  Node NewNode(const YAML::Mark& mark) {
    Charge(mark, Extent());
    Node node;
    Locate(mark, &node.line, &node.column);
    return node;
  }

  // Accounts for nodes that are about to be made.
  void Charge(const YAML::Mark& mark, const Extent& extent) {
    nodes_ += extent.nodes;
    copied_bytes_ += extent.nodes > 1 ? extent.bytes : 0;
    const int depth = static_cast<int>(stack_.size()) + extent.height;
    if (nodes_ > kMaxNodes || copied_bytes_ > kMaxCopiedBytes) {
      Fail(mark, "too-large", "the document is too large with its aliases", "");
    }
    if (depth > kMaxDepth) {
      Fail(mark, "too-deep",
           absl::StrCat("nested deeper than ", kMaxDepth, " levels"), "");
    }
  }

  // The rest of the text from `mark` on; empty when it is beyond.
  absl::string_view TextAt(const YAML::Mark& mark) const {
    if (mark.pos < 0 || static_cast<size_t>(mark.pos) > text_.size()) return "";
    return text_.substr(mark.pos);
  }

  void ResolveTagged(const std::string& tag, const YAML::Mark& mark,
                     Node* node) {
    static constexpr struct {
      const char* tag;
      Node::Kind kind;
    } kTags[] = {{"tag:yaml.org,2002:int", Node::Kind::kInt},
                 {"tag:yaml.org,2002:float", Node::Kind::kDouble},
                 {"tag:yaml.org,2002:bool", Node::Kind::kBool},
                 {"tag:yaml.org,2002:null", Node::Kind::kNull}};
    for (const auto& known : kTags) {
      if (tag != known.tag) continue;
      ResolvePlain(node);
      if (known.kind == Node::Kind::kDouble && node->kind == Node::Kind::kInt) {
        node->kind = Node::Kind::kDouble;
      }
      if (node->kind != known.kind) {
        Fail(mark, "bad-tag",
             absl::StrCat("\"", node->text.substr(0, 64), "\" is not ",
                          KindName(known.kind), ", which its tag says it is"),
             "");
      }
      return;
    }
    FailTag(mark, tag);
  }

  void CheckCollectionTag(const YAML::Mark& mark, const std::string& tag,
                          absl::string_view expected) {
    if (tag.empty() || tag == "?" || tag == "!" || tag == expected) return;
    FailTag(mark, tag);
  }

  [[noreturn]] void FailTag(const YAML::Mark& mark, const std::string& tag) {
    Fail(mark, "bad-tag",
         absl::StrCat("unknown tag \"", tag.substr(0, 64), "\""),
         "remove the tag; quote the value if its ! is meant as text");
  }

  void Push(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor) {
    Frame frame;
    frame.node = NewNode(mark);
    frame.node.kind = kind;
    frame.anchor = anchor;
    stack_.push_back(std::move(frame));
  }

  void Pop() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Place(std::move(frame.node), frame.extent, frame.anchor);
  }

  void Place(Node node, const Extent& extent, YAML::anchor_t anchor) {
    if (anchor != 0) {
      YAML::Mark mark;
      mark.line = node.line - 1;
      mark.column = node.column - 1;
      Charge(mark, extent);
      anchors_[anchor] = {node, extent};
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    frame.extent.Add(extent);
    if (frame.node.kind == Node::Kind::kList) {
      frame.node.list.push_back(std::move(node));
      return;
    }
    if (!frame.has_key) {
      frame.has_key = true;
      frame.drop_value = !AcceptKey(node, &frame);
      frame.key = std::move(node);
      return;
    }
    frame.has_key = false;
    if (frame.drop_value) return;
    frame.node.map.emplace_back(std::move(frame.key), std::move(node));
  }

  bool AcceptKey(const Node& key, Frame* frame) {
    if (!key.is_scalar()) {
      Report(key, "bad-key",
             absl::StrCat("a key must be text, not ", KindName(key.kind)), "");
      return false;
    }
    const auto& map = frame->node.map;
    int first_line = 0;
    if (map.size() <= kSmallMap) {
      for (const auto& entry : map) {
        if (entry.first.text == key.text) first_line = entry.first.line;
      }
    } else {
      if (frame->keys.empty()) {
        for (const auto& entry : map) frame->keys.insert(entry.first.text);
      }
      if (!frame->keys.insert(key.text).second) {
        first_line = frame->node.FindKey(key.text)->line;
      }
    }
    if (first_line == 0) return true;
    Report(key, "duplicate-key",
           absl::StrCat("duplicate key \"", key.text, "\""),
           absl::StrCat("it stands in line ", first_line, " already"));
    return false;
  }

  // `<<: *base` and `<<: [*a, *b]`: what the map says itself comes first, then
  // the earlier of the merged maps.
  void Merge() {
    Frame& frame = stack_.back();
    auto& map = frame.node.map;
    auto it = std::find_if(map.begin(), map.end(), [](const auto& entry) {
      return entry.first.text == "<<" && !entry.first.quoted;
    });
    if (it == map.end()) return;
    const Node key = std::move(it->first);
    const Node value = std::move(it->second);
    map.erase(it);
    std::vector<const Node*> bases;
    if (value.is_list()) {
      for (const Node& element : value.list) bases.push_back(&element);
    } else {
      bases.push_back(&value);
    }
    for (const Node* base : bases) {
      if (!base->is_map()) {
        Report(key, "bad-merge",
               absl::StrCat("<< merges maps, not ", KindName(base->kind)),
               "quote the key if it is meant as text");
        return;
      }
    }
    absl::flat_hash_set<std::string> present;
    for (const auto& entry : map) present.insert(entry.first.text);
    YAML::Mark mark;
    mark.line = key.line - 1;
    mark.column = key.column - 1;
    for (const Node* base : bases) {
      for (const auto& entry : base->map) {
        if (!present.insert(entry.first.text).second) continue;
        Charge(mark, Measure(entry.second));
        map.push_back(entry);
      }
    }
  }

  const absl::string_view text_;
  const bool ascii_;
  std::vector<TreeIssue>* issues_;
  std::vector<Node> documents_;
  int documents_seen_ = 0;
  Node root_;
  std::vector<Frame> stack_;
  absl::flat_hash_map<YAML::anchor_t, std::pair<Node, Extent>> anchors_;
  size_t nodes_ = 0;
  size_t copied_bytes_ = 0;
};

}  // namespace

std::vector<Node> BuildTrees(absl::string_view text,
                             std::vector<TreeIssue>* issues) {
  Builder builder(text, issues);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    issues->push_back(stop.issue);
  } catch (const YAML::Exception& error) {
    TreeIssue issue = ExplainSyntaxError(text, error);
    if (issue.column == 0) {
      builder.Locate(error.mark, &issue.line, &issue.column);
    }
    issues->push_back(std::move(issue));
  } catch (const std::exception& error) {
    TreeIssue issue;
    issue.code = "syntax";
    issue.message = absl::StrCat("cannot be read: ", error.what());
    issues->push_back(issue);
  }
  return builder.TakeDocuments();
}

}  // namespace yaml
}  // namespace keywatch
