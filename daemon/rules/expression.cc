#include "daemon/rules/expression.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace keywatch {
namespace {

Expression Join(Expression::Op op, std::vector<Expression> children) {
  if (children.size() == 1) return std::move(children.front());
  Expression e;
  e.op = op;
  e.children = std::move(children);
  return e;
}

}  // namespace

Expression Expression::Constant(bool value) {
  Expression e;
  e.constant = value;
  return e;
}

Expression Expression::Of(std::shared_ptr<const Predicate> predicate) {
  Expression e;
  e.op = Op::kPredicate;
  e.predicate = std::move(predicate);
  return e;
}

Expression Expression::And(std::vector<Expression> children) {
  if (children.empty()) return Constant(true);
  return Join(Op::kAnd, std::move(children));
}

Expression Expression::Or(std::vector<Expression> children) {
  if (children.empty()) return Constant(false);
  return Join(Op::kOr, std::move(children));
}

Expression Expression::Not(Expression child) {
  Expression e;
  e.op = Op::kNot;
  e.children.push_back(std::move(child));
  return e;
}

size_t Expression::Size() const {
  size_t size = 1;
  for (const Expression& child : children) size += child.Size();
  return size;
}

std::string Expression::Canonical() const {
  switch (op) {
    case Op::kConstant:
      return constant ? "T" : "F";
    case Op::kPredicate:
      return predicate->Canonical();
    case Op::kNot:
      return absl::StrCat("!(", children.front().Canonical(), ")");
    case Op::kAnd:
    case Op::kOr: {
      std::vector<std::string> parts;
      for (const Expression& child : children) {
        // `a and (b and c)` means `a and b and c`.
        if (child.op == op) {
          for (const Expression& inner : child.children) {
            parts.push_back(inner.Canonical());
          }
        } else {
          parts.push_back(child.Canonical());
        }
      }
      std::sort(parts.begin(), parts.end());
      parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
      return absl::StrCat(op == Op::kAnd ? "&(" : "|(",
                          absl::StrJoin(parts, ","), ")");
    }
  }
  return "";
}

}  // namespace keywatch
