#ifndef DAEMON_RULES_TRIGGER_H_
#define DAEMON_RULES_TRIGGER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/literal_index.h"
#include "daemon/rules/predicate.h"

namespace keywatch {

// A text that stands in a value in a certain way.
struct ValueLiteral {
  LiteralIndex::Mode mode = LiteralIndex::Mode::kEqual;
  bool cased = false;
  std::string text;  // folded unless cased
};

// What the texts of a field's value say about a predicate.
struct PredicateLiterals {
  // One of these is there whenever the predicate holds; empty when no text is
  // known to be.
  std::vector<ValueLiteral> necessary;
  // There is one of them, and the predicate holds whenever it is there.
  bool exact = false;
};
PredicateLiterals LiteralsOf(const Predicate& predicate);

// How often a predicate is likely to hold, from 0 to 1; a guess from its kind
// and the length of its texts.
double GuessFrequency(const Predicate& predicate,
                      const PredicateLiterals& literals);

// Predicates of which none holds: what an expression like `not selection` waits
// for. Sorted.
using Absence = std::vector<uint32_t>;

// What an expression waits for: whenever it holds, one of the predicates holds,
// or none of those of one of the absences.
struct TriggerSet {
  bool possible = false;  // false: the expression holds whatever happens
  std::vector<uint32_t> predicates;
  std::vector<Absence> absences;
  double cost = 0;
  bool sufficient = false;  // any of them makes the expression hold
};

// The cheapest such set. `cost` says what it costs to wait for a set, whose own
// cost is not yet set.
using TriggerCost = std::function<double(const TriggerSet&)>;
TriggerSet ChooseTriggers(const Expression& expression,
                          const TriggerCost& cost);

}  // namespace keywatch

#endif  // DAEMON_RULES_TRIGGER_H_
