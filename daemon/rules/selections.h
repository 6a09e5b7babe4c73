#ifndef DAEMON_RULES_SELECTIONS_H_
#define DAEMON_RULES_SELECTIONS_H_

#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/condition.h"
#include "daemon/rules/reporter.h"

namespace keywatch {

// What stands under `detection:` or `filter:`: search identifiers and the
// condition over them.
struct SelectionSet {
  Expression expression;
  std::vector<Condition> conditions;  // ORed
};

// Compiles the map `node`, which stands under `key`. Keys in `others` are
// somebody else's. Nothing when anything in it is refused.
absl::optional<SelectionSet> ParseSelectionSet(
    const yaml::Node& key, const yaml::Node& node,
    const std::vector<std::string>& others, const CompileOptions& options,
    Reporter* reporter);

}  // namespace keywatch

#endif  // DAEMON_RULES_SELECTIONS_H_
