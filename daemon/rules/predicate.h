#ifndef DAEMON_RULES_PREDICATE_H_
#define DAEMON_RULES_PREDICATE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/core/field_table.h"
#include "daemon/core/value.h"
#include "daemon/rules/ip_range.h"
#include "daemon/rules/pattern.h"
#include "daemon/rules/rule_set.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace keywatch {

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
    kBefore,    // the event's time is before `until_ms`
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
  EventTime until_ms = 0;

  // Identifies the predicate: equal for equal meaning.
  std::string Canonical() const;
  // For people: `url.path startswith '/v1/'`.
  std::string ToString() const;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_PREDICATE_H_
