#include "daemon/rules/contradiction.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/field_table.h"
#include "daemon/rules/case_fold.h"
#include "daemon/rules/predicate.h"

namespace keywatch {
namespace {

using Kind = Predicate::Kind;
using Shape = Pattern::Shape;

// Beyond these an expression is left alone.
constexpr size_t kMaxAtoms = 64;
constexpr size_t kMaxAlternatives = 256;
constexpr int kMaxDepth = 3;

// What must hold, what must not, and of what lists something must.
struct Demands {
  std::vector<const Predicate*> holds;
  std::vector<const Predicate*> denied;
  // Each of them an OR; `negated` when its children are to be denied.
  struct Choice {
    const Expression* expression;
    bool negated;
  };
  std::vector<Choice> choices;
  bool never = false;
};

void Collect(const Expression& e, bool negated, Demands* demands) {
  switch (e.op) {
    case Expression::Op::kConstant:
      if (e.constant == negated) demands->never = true;
      return;
    case Expression::Op::kPredicate:
      (negated ? demands->denied : demands->holds).push_back(e.predicate.get());
      return;
    case Expression::Op::kNot:
      Collect(e.children.front(), !negated, demands);
      return;
    case Expression::Op::kAnd:
    case Expression::Op::kOr:
      if ((e.op == Expression::Op::kOr) != negated) {
        demands->choices.push_back({&e, negated});
        return;
      }
      for (const Expression& child : e.children) {
        Collect(child, negated, demands);
      }
      return;
  }
}

// The one text that the predicate's value has, folded unless `*cased`.
absl::optional<std::string> ExactText(const Predicate& p, bool* cased) {
  *cased = false;
  switch (p.kind) {
    case Kind::kText:
      if (p.pattern.shape() != Shape::kEqual) return absl::nullopt;
      *cased = p.cased;
      return p.pattern.literal();
    case Kind::kNumber:
      return FoldCase(p.number_text);
    case Kind::kBool:
      return p.boolean ? "true" : "false";
    default:
      return absl::nullopt;
  }
}

// Whether the text of `exact` satisfies the text test `b`; nothing when that
// depends on how the value is written.
absl::optional<bool> TextSatisfies(const Predicate& exact, const Predicate& b) {
  bool cased = false;
  const absl::optional<std::string> text = ExactText(exact, &cased);
  if (!text || b.kind != Kind::kText) return absl::nullopt;
  if (b.cased && !cased && b.pattern.shape() != Shape::kAnything) {
    return b.pattern.Folded().Matches(*text) ? absl::optional<bool>()
                                             : absl::optional<bool>(false);
  }
  return b.pattern.Matches(b.cased ? *text : FoldCase(*text));
}

struct Range {
  double low = -1e308;
  double high = 1e308;
  bool open = false;  // an end is left out
};

absl::optional<Range> RangeOf(const Predicate& p) {
  Range range;
  if (p.kind == Kind::kNumber) {
    if (!absl::SimpleAtod(p.number_text, &range.low)) return absl::nullopt;
    range.high = range.low;
    return range;
  }
  if (p.kind != Kind::kCompare && p.kind != Kind::kTimePart) {
    return absl::nullopt;
  }
  const double n = p.compare.number;
  switch (p.compare.op) {
    case Comparison::Op::kGt:
    case Comparison::Op::kGte:
      range.low = n;
      range.open = p.compare.op == Comparison::Op::kGt;
      return range;
    case Comparison::Op::kLt:
    case Comparison::Op::kLte:
      range.high = n;
      range.open = p.compare.op == Comparison::Op::kLt;
      return range;
    case Comparison::Op::kEq:
      range.low = range.high = n;
      return range;
    case Comparison::Op::kNeq:
      return absl::nullopt;
  }
  return absl::nullopt;
}

bool Disjoint(const Predicate& a, const Predicate& b) {
  if ((a.kind == Kind::kTimePart) != (b.kind == Kind::kTimePart) ||
      (a.kind == Kind::kTimePart && a.time_part != b.time_part)) {
    return false;
  }
  const absl::optional<Range> x = RangeOf(a);
  const absl::optional<Range> y = RangeOf(b);
  if (!x || !y) return false;
  const double low = std::max(x->low, y->low);
  const double high = std::min(x->high, y->high);
  return low > high || (low == high && (x->open || y->open));
}

bool IsPresence(const Predicate& p) {
  return p.kind != Kind::kNull && p.kind != Kind::kBefore;
}

// No single value satisfies both.
bool Exclude(const Predicate& a, const Predicate& b) {
  if (a.field != b.field || a.field == FieldTable::kAllStrings) return false;
  if (a.kind == Kind::kNull || b.kind == Kind::kNull) {
    const Predicate& other = a.kind == Kind::kNull ? b : a;
    return IsPresence(other) && other.kind != Kind::kExists &&
           other.kind != Kind::kFieldRef;
  }
  bool cased = false;
  const absl::optional<std::string> x = ExactText(a, &cased);
  const absl::optional<std::string> y = ExactText(b, &cased);
  if (x && y) return FoldCase(*x) != FoldCase(*y);
  if (x || y) {
    const absl::optional<bool> holds =
        x ? TextSatisfies(a, b) : TextSatisfies(b, a);
    if (holds) return !*holds;
  }
  if (a.kind == Kind::kText && b.kind == Kind::kText &&
      a.pattern.shape() == b.pattern.shape()) {
    const std::string p = FoldCase(a.pattern.literal());
    const std::string q = FoldCase(b.pattern.literal());
    if (a.pattern.shape() == Shape::kPrefix) {
      return !absl::StartsWith(p, q) && !absl::StartsWith(q, p);
    }
    if (a.pattern.shape() == Shape::kSuffix) {
      return !absl::EndsWith(p, q) && !absl::EndsWith(q, p);
    }
    return false;
  }
  if (a.kind == Kind::kCidr && b.kind == Kind::kCidr) {
    return !a.range.Contains(b.range.address) &&
           !b.range.Contains(a.range.address);
  }
  return Disjoint(a, b);
}

// Whatever satisfies `a` satisfies `b`.
bool Implies(const Predicate& a, const Predicate& b) {
  if (a.field != b.field) return false;
  if (a.Canonical() == b.Canonical()) return true;
  if (b.kind == Kind::kExists) {
    return IsPresence(a) && a.field != FieldTable::kAllStrings;
  }
  if (const absl::optional<bool> holds = TextSatisfies(a, b)) return *holds;
  if (a.kind != Kind::kText || b.kind != Kind::kText || (b.cased && !a.cased)) {
    return false;
  }
  const std::string x =
      b.cased ? a.pattern.literal() : FoldCase(a.pattern.literal());
  const std::string& y = b.pattern.literal();
  const Shape from = a.pattern.shape();
  switch (b.pattern.shape()) {
    case Shape::kPrefix:
      return from == Shape::kPrefix && absl::StartsWith(x, y);
    case Shape::kSuffix:
      return from == Shape::kSuffix && absl::EndsWith(x, y);
    case Shape::kContains:
      return (from == Shape::kPrefix || from == Shape::kSuffix ||
              from == Shape::kContains) &&
             absl::StrContains(x, y);
    default:
      return false;
  }
}

absl::optional<Contradiction> Find(Demands demands, int depth);

// The choice has no alternative that goes with what holds anyway.
absl::optional<Contradiction> NoAlternative(const Demands& demands,
                                            const Demands::Choice& choice,
                                            int depth) {
  if (choice.expression->children.size() > kMaxAlternatives) {
    return absl::nullopt;
  }
  Contradiction none{"none of its alternatives goes with the rest"};
  for (const Expression& child : choice.expression->children) {
    Demands with = demands;
    with.choices.clear();
    Collect(child, choice.negated, &with);
    const absl::optional<Contradiction> found =
        Find(std::move(with), depth + 1);
    if (!found) return absl::nullopt;
    none.but_for_lists = none.but_for_lists || found->but_for_lists;
  }
  return none;
}

absl::optional<Contradiction> Find(Demands demands, int depth) {
  if (demands.never) return Contradiction{"a part of it never holds"};
  if (demands.holds.size() > kMaxAtoms || demands.denied.size() > 4096) {
    return absl::nullopt;
  }
  for (const Predicate* a : demands.holds) {
    for (const Predicate* b : demands.denied) {
      if (!Implies(*a, *b)) continue;
      return Contradiction{
          absl::StrCat(a->ToString(), ", and not: ", b->ToString())};
    }
  }
  if (depth < kMaxDepth) {
    for (const Demands::Choice& choice : demands.choices) {
      if (auto found = NoAlternative(demands, choice, depth)) return found;
    }
  }
  for (size_t i = 0; i < demands.holds.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!Exclude(*demands.holds[i], *demands.holds[j])) continue;
      return Contradiction{absl::StrCat(demands.holds[j]->ToString(), ", and ",
                                        demands.holds[i]->ToString()),
                           /*but_for_lists=*/true};
    }
  }
  return absl::nullopt;
}

}  // namespace

absl::optional<Contradiction> FindContradiction(const Expression& expression) {
  Demands demands;
  Collect(expression, /*negated=*/false, &demands);
  return Find(std::move(demands), 0);
}

}  // namespace keywatch
