#ifndef DAEMON_RULES_MODIFIER_H_
#define DAEMON_RULES_MODIFIER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/rules/predicate.h"
#include "daemon/rules/reporter.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// What turns the values of a detection item into other values, in the order in
// which the rule gives them.
enum class Transform {
  kWindash,
  kBase64,
  kBase64Offset,
  kUtf16Le,
  kUtf16Be,
  kUtf16,
  kContains,
  kStartsWith,
  kEndsWith,
};

// The modifiers of one `field|modifier|...` key, understood and checked: what
// cannot mean anything together has been refused.
struct ModifierChain {
  std::string field;  // FieldTable::kAllStrings for keywords
  bool keyword = false;

  // What kind of test the item makes.
  enum class Test {
    kValue,
    kRegex,
    kCidr,
    kExists,
    kCompare,
    kTimePart,
    kFieldRef
  };
  Test test = Test::kValue;
  std::vector<Transform> transforms;  // of kValue
  bool all = false;
  bool negated = false;
  bool cased = false;
  bool expand = false;
  std::string regex_flags;  // "i", "m", "s", in the order of the rule
  // `re|startswith` and `re|endswith`: the expression is held to that end.
  bool regex_at_start = false;
  bool regex_at_end = false;
  Comparison::Op compare = Comparison::Op::kEq;  // of kCompare and kTimePart
  Predicate::TimePart time_part = Predicate::TimePart::kHour;
  Predicate::Relation relation = Predicate::Relation::kEqual;  // of kFieldRef

  // Whether values are texts by a modifier, so that numbers are taken by their
  // text.
  bool text_values() const { return cased || !transforms.empty(); }
};

// Reads the key of a detection item. Nothing when it is refused; why is in
// `reporter`.
absl::optional<ModifierChain> ParseModifiers(const yaml::Node& key,
                                             Reporter* reporter);

// Every modifier, in the order of the documentation.
const std::vector<std::string>& ModifierNames();

}  // namespace keywatch

#endif  // DAEMON_RULES_MODIFIER_H_
