#ifndef DAEMON_RULES_CHECK_H_
#define DAEMON_RULES_CHECK_H_

#include <memory>
#include <string>
#include <vector>

#include "daemon/rules/compiler.h"

namespace keywatch {

// How rules are checked.
struct CheckOptions {
  CompileOptions compile;
  // Advice beside what is wrong: what other Sigma tools read differently,
  // filters of the wrong polarity, names that are used twice, ...
  bool lint = true;
  // A rule that alerts and has no tests is worth a warning.
  bool require_tests = false;
};

// What a check found.
struct CheckResult {
  // Every document, in order of file and position; a file without any
  // document has one entry of its own, of no kind.
  std::vector<DocumentResult> documents;
  // Issues of no document: paths that cannot be read.
  IssueList issues;
  int loaded = 0;
  int refused = 0;
  // What loaded; never null.
  std::shared_ptr<const RuleSet> rules;

  bool ok() const { return refused == 0 && !issues.has_errors(); }
};

// Checks the rules that `paths` name, each as if the refused ones were not
// there. Reads files and nothing else; safe from any thread.
CheckResult CheckRules(const std::vector<std::string>& paths,
                       const CheckOptions& options);

}  // namespace keywatch

#endif  // DAEMON_RULES_CHECK_H_
