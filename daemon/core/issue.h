#ifndef DAEMON_CORE_ISSUE_H_
#define DAEMON_CORE_ISSUE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// A place in a text file. Lines and columns count from 1; 0 is unknown.
struct SourceLocation {
  std::string file;
  int line = 0;
  int column = 0;
  // Characters to underline from `column` on; 0 underlines one.
  int length = 0;
};

// Issue is a user's mistake: where it is, what it is and what to do. Issues
// are collected, so that a user sees all of them at once; a machine's fault is
// an absl::Status instead.
struct Issue {
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kError;
  // A stable word for scripts: "unknown-key", "bad-regex", ...
  std::string code;
  SourceLocation where;
  std::string message;
  // What to do about it; may be empty.
  std::string hint;
  // The text of the line `where.line`; empty when unknown.
  std::string line_text;
};

// IssueList collects issues. Thread-compatible.
class IssueList {
 public:
  void Add(Issue issue) { issues_.push_back(std::move(issue)); }
  void Append(const IssueList& other);

  bool has_errors() const;
  bool empty() const { return issues_.empty(); }
  const std::vector<Issue>& issues() const { return issues_; }

 private:
  std::vector<Issue> issues_;
};

// "error", "warning" or "note".
absl::string_view SeverityName(Issue::Severity severity);

// The issue for people, without a final newline:
//
//   rules/probing.yml:14:9: error: unknown modifier "startwith"
//      14 |         url.path|startwith: /v1/
//         |                  ^~~~~~~~~ did you mean "startswith"?
//
// Control characters of the line are shown as spaces.
std::string FormatIssue(const Issue& issue);

// All issues, one after the other, each ended by a newline.
std::string FormatIssues(const IssueList& list);

// The candidate nearest to `word` by edit distance, when near enough to be a
// misspelling (distance at most a third of the length, at least 1); else "".
std::string NearestWord(absl::string_view word,
                        const std::vector<std::string>& candidates);

// `did you mean "x"?` or, when nothing is near, `known: a, b, c`.
std::string SuggestionHint(absl::string_view word,
                           const std::vector<std::string>& candidates);

}  // namespace keywatch

#endif  // DAEMON_CORE_ISSUE_H_
