#include "daemon/cli/issue_json.h"

#include "absl/strings/str_cat.h"
#include "daemon/cli/json_output.h"

namespace keywatch {

std::string IssueJson(const Issue& issue) {
  return absl::StrCat(
      "{\"severity\": ", JsonString(SeverityName(issue.severity)),
      ", \"code\": ", JsonString(issue.code),
      ", \"file\": ", JsonString(issue.where.file),
      ", \"line\": ", issue.where.line, ", \"column\": ", issue.where.column,
      ", \"length\": ", issue.where.length,
      ", \"message\": ", JsonString(issue.message),
      ", \"hint\": ", JsonString(issue.hint), "}");
}

std::string IssuesJson(const IssueList& issues) {
  std::string out = "[";
  for (const Issue& issue : issues.issues()) {
    absl::StrAppend(&out, out.size() > 1 ? ", " : "", IssueJson(issue));
  }
  return out + "]";
}

}  // namespace keywatch
