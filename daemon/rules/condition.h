#ifndef DAEMON_RULES_CONDITION_H_
#define DAEMON_RULES_CONDITION_H_

#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/reporter.h"

namespace keywatch {

// Condition is the syntax tree of a condition: names, `1 of`/`all of` a
// pattern, `and`, `or`, `not` and parentheses. `not` binds closest, then `and`,
// then `or`; the words may be in any case. A value; thread-compatible.
struct Condition {
  enum class Op { kName, kAnyOf, kAllOf, kAnd, kOr, kNot };
  Op op = Op::kName;
  // The name, or the pattern of kAnyOf and kAllOf ("them", "selection_*").
  std::string name;
  size_t offset = 0;  // of the name, in the text of the condition
  std::vector<Condition> children;

  // The condition in one line, with the parentheses that it needs.
  std::string ToString() const;
  // Whether `not` stands anywhere in it.
  bool has_not() const;
};

// Which conditions are written: those of detections and filters, or those of
// temporal correlations, which have no `of`.
enum class ConditionLanguage { kDetection, kCorrelation };

// Parses the text of `node`; nothing when it is refused. Nested at most 100
// deep.
absl::optional<Condition> ParseCondition(const yaml::Node& node,
                                         ConditionLanguage language,
                                         Reporter* reporter);

// A search identifier of a detection or filter.
struct Selection {
  std::string name;
  const yaml::Node* key = nullptr;
  Expression expression;
  bool used = false;  // by a condition
};

// The expression that `condition` (parsed from `node`) means over
// `selections`, which are marked when used. Nothing when a name is unknown, a
// pattern fits no selection, or the result is too large.
absl::optional<Expression> ResolveCondition(const Condition& condition,
                                            const yaml::Node& node,
                                            std::vector<Selection>* selections,
                                            Reporter* reporter);

}  // namespace keywatch

#endif  // DAEMON_RULES_CONDITION_H_
