#ifndef DAEMON_RULES_COMPILER_H_
#define DAEMON_RULES_COMPILER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/core/issue.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// How rules are compiled.
struct CompileOptions {
  // Values of `%name%` placeholders (`expand`); an unset one is an error.
  absl::flat_hash_map<std::string, std::vector<std::string>> lists;
  // Every rule sees every event, whatever its logsource says.
  bool ignore_logsource = false;
  // Field that names the key in events; the group of detections' alerts.
  std::string key_field = "api.key.id";
  // Fields that somebody besides the rules needs in events.
  std::vector<std::string> extra_fields;
  // Today, for filters that expire: milliseconds since the epoch. 0 leaves
  // every filter in force.
  int64_t now_ms = 0;
  // Also report advice: what other Sigma tools read differently, and what is
  // likely meant otherwise (`rules check`).
  bool lint = false;
  // Whether stateful rules can be evaluated (EngineSupports, by those who know
  // the engine); false with a sentence in `why` makes the rule an error.
  std::function<bool(const Rule& rule, std::string* why)> supports;
  // With `lint`: the normalised fields that events of a log source can have,
  // as far as somebody knows; none when nobody does. Other fields may be the
  // raw record's, so only what looks misspelt is worth a warning.
  std::function<std::vector<std::string>(const LogSourceSpec& source)>
      known_fields;
  // Documents of the caller's own, compiled with the others: (name for
  // messages, YAML text).
  std::vector<std::pair<std::string, std::string>> built_in;
  // With `lint`: a rule that alerts and has no tests is worth a warning.
  bool lint_missing_tests = false;
};

// What became of one document of one file.
struct DocumentResult {
  std::string file;
  int line = 0;  // of the document's first line
  // "detection", "correlation", "filter", "anomaly"; "" when unreadable.
  std::string kind;
  std::string id;
  std::string title;
  bool loaded = false;
  IssueList issues;  // those of this document, warnings included
};

// The outcome of compiling: a usable set only when nothing was refused.
struct CompileResult {
  // Null when an error was found anywhere.
  std::shared_ptr<const RuleSet> rules;
  // One per document, in order of file and position.
  std::vector<DocumentResult> documents;
  // Issues that belong to no document: paths that cannot be read.
  IssueList path_issues;
  // All issues: path_issues, then those of the documents in their order.
  IssueList issues;
};

// Reads rules from files and directories (every *.yml and *.yaml below, in
// order of name; `*.tests.yml` scenarios are left out), checks and compiles
// them. Never ends at the first mistake. A path that cannot be read is an
// issue. Pure but for reading files; safe from any thread.
CompileResult CompileRules(const std::vector<std::string>& paths,
                           const CompileOptions& options);

// As CompileRules with `skip_refused`: the set holds whatever loaded, and
// correlations whose inputs were refused are refused too. For `rules check`
// over foreign collections and for replay's --lenient.
CompileResult CompileRulesLeniently(const std::vector<std::string>& paths,
                                    const CompileOptions& options);

// The same over texts in memory: (file name for messages, YAML text).
CompileResult CompileRuleTexts(
    const std::vector<std::pair<std::string, std::string>>& files,
    const CompileOptions& options, bool leniently = false);

}  // namespace keywatch

#endif  // DAEMON_RULES_COMPILER_H_
