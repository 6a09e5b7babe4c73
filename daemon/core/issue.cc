#include "daemon/core/issue.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_format.h"

namespace keywatch {
namespace {

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      int substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
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
  std::string text = issue.line_text.substr(0, kMaxLine);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  absl::StrAppendFormat(&out, "\n%5d | %s", issue.where.line, text);
  const int column = std::max(1, issue.where.column);
  if (static_cast<size_t>(column) <= kMaxLine) {
    int length = std::max(1, issue.where.length);
    length = std::min<int>(length,
                           static_cast<int>(kMaxLine) - column + 1);
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
