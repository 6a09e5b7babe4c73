#ifndef DAEMON_RULES_RULE_FILES_H_
#define DAEMON_RULES_RULE_FILES_H_

#include <string>
#include <vector>

#include "daemon/core/issue.h"

namespace keywatch {

// The rule files that `paths` name: files as they are, and every *.yml and
// *.yaml below directories in order of path, hidden ones left out. Scenario
// files (*.tests.yml, *.tests.yaml) are left out, and no file comes twice. A
// path that cannot be read is an issue.
std::vector<std::string> FindRuleFiles(const std::vector<std::string>& paths,
                                       IssueList* issues);

}  // namespace keywatch

#endif  // DAEMON_RULES_RULE_FILES_H_
