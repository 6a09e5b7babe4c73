#include "daemon/rules/trigger.h"

#include <algorithm>
#include <utility>

#include "daemon/rules/case_fold.h"
#include "daemon/rules/regex.h"

namespace keywatch {
namespace {

using Kind = Predicate::Kind;
using Mode = LiteralIndex::Mode;
using PartKind = Pattern::Part::Kind;
using Shape = Pattern::Shape;

// The text of a pattern with wildcards within that tells most.
ValueLiteral LongestPart(const Pattern& pattern) {
  ValueLiteral best;
  const auto& parts = pattern.parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].kind != PartKind::kText ||
        parts[i].text.size() <= best.text.size()) {
      continue;
    }
    best.text = parts[i].text;
    best.mode = i == 0                  ? Mode::kPrefix
                : i + 1 == parts.size() ? Mode::kSuffix
                                        : Mode::kContains;
  }
  return best;
}

double LiteralFrequency(const ValueLiteral& literal) {
  const size_t size = literal.text.size();
  switch (literal.mode) {
    case Mode::kEqual:
      // Short values are words like GET, true or 200.
      return size <= 4 ? 0.2 : size <= 8 ? 0.05 : size <= 16 ? 0.01 : 0.002;
    case Mode::kPrefix:
    case Mode::kSuffix:
      return size <= 2 ? 0.4 : size <= 4 ? 0.15 : size <= 8 ? 0.03 : 0.008;
    case Mode::kContains:
      return size <= 2 ? 0.6 : size <= 4 ? 0.1 : size <= 8 ? 0.02 : 0.004;
  }
  return 1;
}

// The absence that the set is alone, or nullptr.
const Absence* OnlyAbsence(const TriggerSet& set) {
  return set.sufficient && set.predicates.empty() && set.absences.size() == 1
             ? &set.absences.front()
             : nullptr;
}

TriggerSet WaitForAbsence(Absence absence, const TriggerCost& cost) {
  std::sort(absence.begin(), absence.end());
  absence.erase(std::unique(absence.begin(), absence.end()), absence.end());
  TriggerSet result;
  result.possible = true;
  result.sufficient = true;
  result.absences.push_back(std::move(absence));
  result.cost = cost(result);
  return result;
}

TriggerSet Choose(const Expression& expression, bool negated,
                  const TriggerCost& cost) {
  TriggerSet result;
  switch (expression.op) {
    case Expression::Op::kConstant:
      // What never holds needs no trigger: the empty set is one.
      result.possible = expression.constant == negated;
      result.sufficient = true;
      return result;
    case Expression::Op::kPredicate:
      if (negated) return WaitForAbsence({expression.index}, cost);
      result.possible = true;
      result.predicates = {expression.index};
      result.sufficient = true;
      result.cost = cost(result);
      return result;
    case Expression::Op::kNot:
      return Choose(expression.children.front(), !negated, cost);
    case Expression::Op::kAnd:
    case Expression::Op::kOr:
      break;
  }
  const bool all = (expression.op == Expression::Op::kAnd) != negated;
  if (all) {
    // `not` of a list waits for all of it: other rules often ask the same.
    bool only_absences = expression.op == Expression::Op::kOr;
    Absence together;
    for (const Expression& child : expression.children) {
      TriggerSet set = Choose(child, negated, cost);
      if (!set.possible) continue;
      const Absence* absence = OnlyAbsence(set);
      only_absences = only_absences && absence != nullptr;
      if (only_absences) {
        together.insert(together.end(), absence->begin(), absence->end());
      }
      if (!result.possible || set.cost < result.cost) {
        result = std::move(set);
      }
    }
    if (only_absences && !together.empty()) {
      TriggerSet set = WaitForAbsence(std::move(together), cost);
      if (set.cost < result.cost) return set;
    }
    result.sufficient = false;
    return result;
  }
  result.possible = true;
  result.sufficient = true;
  for (const Expression& child : expression.children) {
    TriggerSet set = Choose(child, negated, cost);
    if (!set.possible) return TriggerSet();
    result.sufficient = result.sufficient && set.sufficient;
    result.predicates.insert(result.predicates.end(), set.predicates.begin(),
                             set.predicates.end());
    result.absences.insert(result.absences.end(), set.absences.begin(),
                           set.absences.end());
  }
  result.cost = cost(result);
  return result;
}

}  // namespace

PredicateLiterals LiteralsOf(const Predicate& predicate) {
  PredicateLiterals result;
  switch (predicate.kind) {
    case Kind::kNumber:
      result.exact = true;
      result.necessary.push_back(
          {Mode::kEqual, false, FoldCase(predicate.number_text)});
      break;
    case Kind::kBool:
      result.exact = true;
      result.necessary.push_back(
          {Mode::kEqual, false, predicate.boolean ? "true" : "false"});
      break;
    case Kind::kText: {
      const Pattern& pattern = predicate.pattern;
      ValueLiteral literal;
      literal.text = pattern.literal();
      switch (pattern.shape()) {
        case Shape::kEqual:
          literal.mode = Mode::kEqual;
          break;
        case Shape::kPrefix:
          literal.mode = Mode::kPrefix;
          break;
        case Shape::kSuffix:
          literal.mode = Mode::kSuffix;
          break;
        case Shape::kContains:
          literal.mode = Mode::kContains;
          break;
        case Shape::kAnything:
          return result;
        case Shape::kGeneral:
          literal = LongestPart(pattern);
          if (literal.text.empty()) return result;
          break;
      }
      result.exact = pattern.shape() != Shape::kGeneral;
      literal.cased = predicate.cased;
      result.necessary.push_back(std::move(literal));
      break;
    }
    case Kind::kRegex:
      for (const std::string& text : RequiredTexts(*predicate.regex)) {
        result.necessary.push_back({Mode::kContains, false, FoldCase(text)});
      }
      break;
    default:
      break;
  }
  return result;
}

double GuessFrequency(const Predicate& predicate,
                      const PredicateLiterals& literals) {
  if (!literals.necessary.empty()) {
    double sum = 0;
    for (const ValueLiteral& literal : literals.necessary) {
      sum += LiteralFrequency(literal);
    }
    // What has to be evaluated after all should be rarer to be as good.
    return std::min(1.0, literals.exact ? sum : sum * 1.5);
  }
  switch (predicate.kind) {
    case Kind::kCidr: {
      // Of 128 bits; IPv4 has 96 before its own.
      const int bits = predicate.range.prefix_bits;
      const int own = bits >= 96 ? bits - 96 : bits / 2;
      return own <= 8 ? 0.3 : own <= 16 ? 0.1 : own <= 24 ? 0.03 : 0.01;
    }
    case Kind::kCompare:
    case Kind::kTimePart:
    case Kind::kFieldRef:
      return 0.5;
    default:
      // Expressions without any text are dear, and existence is common.
      return 0.9;
  }
}

TriggerSet ChooseTriggers(const Expression& expression,
                          const TriggerCost& cost) {
  return Choose(expression, false, cost);
}

}  // namespace keywatch
