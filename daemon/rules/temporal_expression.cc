#include "daemon/rules/temporal_expression.h"

#include <algorithm>

namespace keywatch {
namespace {

using Op = Condition::Op;

void Emit(const Condition& condition, const std::vector<NameNode>& inputs,
          std::vector<BooleanStep>* steps) {
  switch (condition.op) {
    case Op::kName: {
      BooleanStep step;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i].name == condition.name) {
          step.input = static_cast<uint32_t>(i);
        }
      }
      steps->push_back(step);
      return;
    }
    case Op::kNot:
      Emit(condition.children.front(), inputs, steps);
      steps->push_back({BooleanStep::Op::kNot, 0});
      return;
    default:
      break;
  }
  for (size_t i = 0; i < condition.children.size(); ++i) {
    Emit(condition.children[i], inputs, steps);
    if (i == 0) continue;
    steps->push_back({condition.op == Op::kAnd ? BooleanStep::Op::kAnd
                                               : BooleanStep::Op::kOr,
                      0});
  }
}

bool HoldsOfNothing(const Condition& condition) {
  const auto holds = [](const Condition& child) {
    return HoldsOfNothing(child);
  };
  const auto& children = condition.children;
  switch (condition.op) {
    case Op::kAnd:
      return std::all_of(children.begin(), children.end(), holds);
    case Op::kOr:
      return std::any_of(children.begin(), children.end(), holds);
    case Op::kNot:
      return !holds(children.front());
    default:
      return false;
  }
}

// An AND of names and negated names, however it is written in parentheses.
bool IsConjunction(const Condition& condition, bool* has_not) {
  switch (condition.op) {
    case Op::kName:
      return true;
    case Op::kNot:
      *has_not = true;
      return condition.children.front().op == Op::kName;
    case Op::kAnd:
      return std::all_of(condition.children.begin(), condition.children.end(),
                         [&](const Condition& child) {
                           return IsConjunction(child, has_not);
                         });
    default:
      return false;
  }
}

}  // namespace

bool CompileTemporalExpression(const Condition& condition,
                               const std::vector<NameNode>& inputs,
                               RuleType type, std::vector<BooleanStep>* steps,
                               std::string* problem) {
  if (HoldsOfNothing(condition)) {
    *problem =
        "the condition holds when nothing happened; name a rule that must "
        "have matched";
    return false;
  }
  bool has_not = false;
  const bool conjunction = IsConjunction(condition, &has_not);
  if (type == RuleType::kTemporalOrdered && !conjunction) {
    *problem = "the order of rules has a meaning with `and` and `and not` only";
    return false;
  }
  // Every input is in the condition, so that a conjunction means all of them.
  if (conjunction && !has_not) return true;
  Emit(condition, inputs, steps);
  return true;
}

}  // namespace keywatch
