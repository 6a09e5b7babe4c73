#ifndef DAEMON_YAML_DOCUMENT_H_
#define DAEMON_YAML_DOCUMENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/core/issue.h"

namespace keywatch {
namespace yaml {

// Node is one value of a YAML document, with its place. An immutable tree of
// our own: yaml-cpp's exceptions, recursion and silent duplicate keys end in
// document.cc. Safe to read from any thread.
//
// Plain (unquoted) scalars follow YAML 1.1 as Sigma's own tools read it: null
// `~ null Null NULL` and empty; booleans true/false, yes/no, on/off in the
// three usual spellings; decimal, 0x, 0o and 0-octal integers; floats, .inf,
// .nan. A quoted scalar is a string whatever it looks like.
struct Node {
  enum class Kind { kNull, kBool, kInt, kDouble, kString, kList, kMap };
  Kind kind = Kind::kNull;
  // The scalar as written (without quotes); also for numbers and booleans.
  std::string text;
  bool quoted = false;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;  // of kInt and kDouble
  std::vector<Node> list;
  // In the document's order; keys are the scalars' text.
  std::vector<std::pair<Node, Node>> map;
  int line = 0;
  int column = 0;

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind != Kind::kList && kind != Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  // The value of `key` in a map, or nullptr.
  const Node* Find(absl::string_view key) const;
  // The key node of `key` in a map, or nullptr.
  const Node* FindKey(absl::string_view key) const;
};

// "a list", "a map", "text", "a number", "null", "true or false".
absl::string_view KindName(Node::Kind kind);

// One file: its name, its lines (for issues) and its documents.
class File {
 public:
  // Parses `text`. Syntax errors, duplicate keys, keys that are not scalars,
  // aliases that make the tree larger than 1,000,000 nodes and nesting deeper
  // than 100 become errors in `issues`; what could be read is kept. Invalid
  // UTF-8, control characters, tags other than YAML's own and a second document
  // without `---` before it are errors. `<<` merges maps as in YAML 1.1. Empty
  // documents are left out; columns count characters.
  static File Parse(std::string name, absl::string_view text,
                    IssueList* issues);
  // Parses the file at `path`; unreadable or larger than 16 MiB is an issue.
  static File Read(const std::string& path, IssueList* issues);

  const std::string& name() const { return name_; }
  const std::vector<Node>& documents() const { return documents_; }

  // An issue at a node of this file, underlined as long as its text.
  Issue At(const Node& node, Issue::Severity severity, std::string code,
           std::string message, std::string hint = "") const;
  // The text of line `line`, "" when there is none.
  std::string Line(int line) const;

 private:
  std::string name_;
  std::vector<std::string> lines_;
  std::vector<Node> documents_;
};

// MapReader reads one map strictly: every key must be asked for, every value
// must have its type, and every mistake goes to the issue list, at its own
// line and column. Finish() reports the keys that nobody asked for.
//
//   MapReader reader(file, node, issues);
//   config.listen = reader.String("listen", "127.0.0.1:9141");
//   config.retry = reader.Duration("retry", absl::Seconds(5));
//   reader.Finish();
//
// A getter with a default takes an absent key as the default; a value of the
// wrong type is an issue and gives the default too. Thread-compatible.
class MapReader {
 public:
  // `node` may be null (an empty map). A node that is no map is an issue.
  MapReader(const File& file, const Node* node, IssueList* issues);

  bool Has(absl::string_view key) const;
  // The value node, marked as asked for; nullptr when absent.
  const Node* Get(absl::string_view key);
  // As Get; an absent key is an issue at the map.
  const Node* Require(absl::string_view key);

  std::string String(absl::string_view key, absl::string_view fallback = "");
  // Absent or empty is an issue, and gives "".
  std::string RequiredString(absl::string_view key);
  bool Bool(absl::string_view key, bool fallback);
  int64_t Int(absl::string_view key, int64_t fallback, int64_t min,
              int64_t max);
  double Double(absl::string_view key, double fallback, double min, double max);
  absl::Duration Duration(absl::string_view key, absl::Duration fallback,
                          absl::Duration min = absl::ZeroDuration(),
                          absl::Duration max = absl::InfiniteDuration());
  // Bytes: a number and an optional B, KiB, MiB, GiB (or KB, MB, GB).
  int64_t Bytes(absl::string_view key, int64_t fallback, int64_t min,
                int64_t max);
  // One scalar or a list of scalars.
  std::vector<std::string> Strings(absl::string_view key);
  // One of `words`; gives its index, `fallback` when absent or wrong.
  int Choice(absl::string_view key, const std::vector<std::string>& words,
             int fallback);

  // Reports an issue at the value of `key` (at the map when it is absent).
  void Error(absl::string_view key, std::string code, std::string message,
             std::string hint = "");
  void Warning(absl::string_view key, std::string code, std::string message,
               std::string hint = "");
  // Reports at any node.
  void ErrorAt(const Node& node, std::string code, std::string message,
               std::string hint = "");
  void WarningAt(const Node& node, std::string code, std::string message,
                 std::string hint = "");

  // Every key that was not asked for is an error with the nearest known key as
  // hint.
  void Finish();

  // Every key that was asked for so far.
  const std::vector<std::string>& asked() const { return asked_; }

  const File& file() const { return file_; }
  IssueList* issues() { return issues_; }
  const Node* node() const { return node_; }

 private:
  const Node* Typed(absl::string_view key, bool want_scalar);

  const File& file_;
  const Node* node_;
  IssueList* issues_;
  std::vector<std::string> asked_;
};

}  // namespace yaml
}  // namespace keywatch

#endif  // DAEMON_YAML_DOCUMENT_H_
