#ifndef DAEMON_RULES_EXPRESSION_H_
#define DAEMON_RULES_EXPRESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/rules/predicate.h"

namespace keywatch {

// Expression is the boolean tree of a detection over predicates. A value;
// thread-compatible.
struct Expression {
  enum class Op { kConstant, kPredicate, kAnd, kOr, kNot };
  Op op = Op::kConstant;
  bool constant = false;
  std::shared_ptr<const Predicate> predicate;  // of kPredicate
  // Index of the predicate in its rule set, once compiled.
  uint32_t index = 0;
  std::vector<Expression> children;
  // The search identifier, filter or modifier that this part comes from, for
  // people; no part of the meaning.
  std::string label;

  static Expression Constant(bool value);
  static Expression Of(std::shared_ptr<const Predicate> predicate);
  // One child stands for itself.
  static Expression And(std::vector<Expression> children);
  static Expression Or(std::vector<Expression> children);
  static Expression Not(Expression child);

  // Nodes of the tree.
  size_t Size() const;
  // The same text for the same meaning up to the order of `and` and `or`.
  std::string Canonical() const;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_EXPRESSION_H_
