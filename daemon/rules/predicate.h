#ifndef DAEMON_RULES_PREDICATE_H_
#define DAEMON_RULES_PREDICATE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/core/field_table.h"
#include "daemon/core/value.h"
#include "daemon/rules/pattern.h"
#include "daemon/rules/rule_set.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace keywatch {

// A range of IP addresses. IPv4 stands as IPv4-mapped IPv6, so that
// ::ffff:10.0.0.1 lies in 10.0.0.0/8.
struct IpRange {
  std::array<uint8_t, 16> address{};
  int prefix_bits = 0;  // of 128

  bool Contains(const std::array<uint8_t, 16>& other) const;
};

// The address in `text`, "10.0.0.1" or "2001:db8::1"; nothing else.
absl::optional<std::array<uint8_t, 16>> ParseIp(absl::string_view text);

// Predicate is one test of one field of an event, the smallest piece of a
// detection. A field whose value is a list satisfies it when any element does.
// Immutable once bound to a slot; safe from any thread.
struct Predicate {
  enum class Kind {
    kText,      // the value's text matches `pattern`
    kNumber,    // the value is that number, or its text is the number's
    kBool,      // the value is `boolean`, or its text is "true"/"false"
    kNull,      // the field is absent or null
    kExists,    // the field is there, be it null
    kCompare,   // the value is a number that satisfies `compare`
    kTimePart,  // that part of the value's time satisfies `compare`
    kCidr,      // the value is an IP address in `range`
    kRegex,     // `regex` is found in the value's text
    kFieldRef,  // the value's text stands so to that of `other_field`
  };
  enum class TimePart { kMinute, kHour, kDay, kWeek, kMonth, kYear };
  enum class Relation { kEqual, kPrefix, kSuffix, kContains };

  Kind kind = Kind::kText;
  std::string field;
  Slot slot = kNoSlot;

  Pattern pattern;          // of kText; folded unless `cased`
  bool cased = false;       // of kText and kFieldRef
  std::string number_text;  // of kNumber, as ComparableText gives it
  bool boolean = false;
  Comparison compare;
  TimePart time_part = TimePart::kHour;
  IpRange range;
  std::string regex_text;  // with its flags
  std::shared_ptr<const re2::RE2> regex;
  std::string other_field;
  Slot other_slot = kNoSlot;
  Relation relation = Relation::kEqual;

  // Identifies the predicate: equal for equal meaning.
  std::string Canonical() const;
  // For people: `url.path startswith '/v1/'`.
  std::string ToString() const;
};

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

#endif  // DAEMON_RULES_PREDICATE_H_
