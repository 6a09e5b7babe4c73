#ifndef DAEMON_RULES_PREDICATE_EVALUATOR_H_
#define DAEMON_RULES_PREDICATE_EVALUATOR_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/core/value.h"
#include "daemon/rules/predicate.h"

namespace keywatch {

// The text that rules compare with: as ScalarText, but whole numbers in
// decimal digits whether they came as integers or as doubles, so that equal
// numbers have equal text.
absl::string_view ComparableText(const Value& value, ScalarBuffer& buffer);

// The number in a value: of an integer or a double, or of a string that is a
// decimal number and nothing else ("42", "-1.5", "1e3").
absl::optional<double> ComparableNumber(const Value& value);

// That part of a time, in UTC; the week is the ISO 8601 week.
int TimePartOf(Predicate::TimePart part, EventTime time_ms);

// PredicateEvaluator evaluates predicates one by one. It keeps scratch memory:
// one per thread.
class PredicateEvaluator {
 public:
  bool Evaluate(const Predicate& predicate, const Event& event);

 private:
  bool EvaluateElement(const Predicate& predicate, const Value& element);
  bool EvaluateFieldRef(const Predicate& predicate, const Event& event);
  bool Related(const Predicate& predicate, const Value& a, const Value& b);

  std::string folded_;
  std::string other_folded_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_PREDICATE_EVALUATOR_H_
