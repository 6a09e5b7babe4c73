#include "daemon/rules/check.h"

#include <utility>

namespace keywatch {

CheckResult CheckRules(const std::vector<std::string>& paths,
                       const CheckOptions& options) {
  CompileOptions compile = options.compile;
  compile.lint = options.lint;
  compile.lint_missing_tests = options.require_tests;
  CompileResult compiled = CompileRulesLeniently(paths, compile);
  CheckResult result;
  result.documents = std::move(compiled.documents);
  result.issues = std::move(compiled.path_issues);
  result.rules = std::move(compiled.rules);
  for (const DocumentResult& document : result.documents) {
    ++(document.loaded ? result.loaded : result.refused);
  }
  return result;
}

}  // namespace keywatch
