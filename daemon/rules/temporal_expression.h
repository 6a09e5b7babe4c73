#ifndef DAEMON_RULES_TEMPORAL_EXPRESSION_H_
#define DAEMON_RULES_TEMPORAL_EXPRESSION_H_

#include <string>
#include <vector>

#include "daemon/rules/condition.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// Compiles the condition of a temporal correlation, whose names are those of
// `inputs`, to postfix steps. "All of the inputs" gives no steps, as Rule has
// it. False with a sentence in `problem` when it holds with no event at all, or
// when a temporal_ordered rule asks for something that has no order.
bool CompileTemporalExpression(const Condition& condition,
                               const std::vector<NameNode>& inputs,
                               RuleType type, std::vector<BooleanStep>* steps,
                               std::string* problem);

}  // namespace keywatch

#endif  // DAEMON_RULES_TEMPORAL_EXPRESSION_H_
