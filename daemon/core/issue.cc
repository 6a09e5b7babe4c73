#include "daemon/core/issue.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/core/utf8.h"

namespace keywatch {
namespace {

// Insertions, deletions, substitutions and swaps of neighbours, each 1.
int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> before_last(b.size() + 1);
  std::vector<int> last(b.size() + 1);
  std::vector<int> row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1,
                         last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

int CountCharacters(absl::string_view text) {
  return static_cast<int>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

void IssueList::Append(const IssueList& other) {
  issues_.insert(issues_.end(), other.issues_.begin(), other.issues_.end());
}

bool IssueList::has_errors() const {
  return std::any_of(issues_.begin(), issues_.end(), [](const Issue& issue) {
    return issue.severity == Issue::Severity::kError;
  });
}

absl::string_view SeverityName(Issue::Severity severity) {
  switch (severity) {
    case Issue::Severity::kError:
      return "error";
    case Issue::Severity::kWarning:
      return "warning";
    case Issue::Severity::kNote:
      return "note";
  }
  return "error";
}

std::string FormatIssue(const Issue& issue) {
  std::string out;
  if (!issue.where.file.empty()) absl::StrAppend(&out, issue.where.file, ":");
  if (issue.where.line > 0) {
    absl::StrAppend(&out, issue.where.line, ":");
    if (issue.where.column > 0) absl::StrAppend(&out, issue.where.column, ":");
  }
  if (!out.empty()) out += " ";
  absl::StrAppend(&out, SeverityName(issue.severity), ": ", issue.message);
  const bool show_line = issue.where.line > 0 && !issue.line_text.empty();
  if (!show_line) {
    if (!issue.hint.empty()) absl::StrAppend(&out, "\n  hint: ", issue.hint);
    return out;
  }
  constexpr size_t kMaxLine = 160;
  std::string text(TruncateUtf8(issue.line_text, kMaxLine));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  absl::StrAppendFormat(&out, "\n%5d | %s", issue.where.line, text);
  const int column = std::max(1, issue.where.column);
  // One place behind the end is where something is missing.
  const int last_column = CountCharacters(text) + 1;
  if (column <= last_column) {
    const int length =
        std::max(1, std::min(issue.where.length, last_column - column));
    absl::StrAppend(&out, "\n      | ", std::string(column - 1, ' '), "^",
                    std::string(length - 1, '~'));
    if (!issue.hint.empty()) absl::StrAppend(&out, " ", issue.hint);
  } else if (!issue.hint.empty()) {
    absl::StrAppend(&out, "\n  hint: ", issue.hint);
  }
  return out;
}

std::string FormatIssues(const IssueList& list) {
  std::string out;
  for (const Issue& issue : list.issues()) {
    absl::StrAppend(&out, FormatIssue(issue), "\n");
  }
  return out;
}

std::string NearestWord(absl::string_view word,
                        const std::vector<std::string>& candidates) {
  const int limit =
      std::max<int>(1, static_cast<int>(std::min<size_t>(word.size(), 64)) / 3);
  int best = limit + 1;
  std::string nearest;
  if (word.size() > 64) return nearest;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string SuggestionHint(absl::string_view word,
                           const std::vector<std::string>& candidates) {
  const std::string nearest = NearestWord(word, candidates);
  if (!nearest.empty()) return absl::StrCat("did you mean \"", nearest, "\"?");
  if (candidates.empty()) return "";
  return absl::StrCat("known: ", absl::StrJoin(candidates, ", "));
}

}  // namespace keywatch
