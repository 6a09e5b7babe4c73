#ifndef DAEMON_CLI_ISSUE_JSON_H_
#define DAEMON_CLI_ISSUE_JSON_H_

#include <string>

#include "daemon/core/issue.h"

namespace keywatch {

// An issue as one JSON object: {"severity", "code", "file", "line", "column",
// "length", "message", "hint"}; the same as `keywatchd --check --json` writes.
std::string IssueJson(const Issue& issue);

// A list of them.
std::string IssuesJson(const IssueList& issues);

}  // namespace keywatch

#endif  // DAEMON_CLI_ISSUE_JSON_H_
