#include "daemon/rules/predicate_evaluator.h"

#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "daemon/core/time.h"
#include "daemon/rules/case_fold.h"
#include "re2/re2.h"

namespace keywatch {
namespace {

using Kind = Predicate::Kind;
using Shape = Pattern::Shape;

// ISO 8601: week 1 holds the year's first Thursday.
int IsoWeek(absl::CivilDay day) {
  const int weekday = static_cast<int>(absl::GetWeekday(day));  // Monday is 0
  const absl::CivilDay thursday = day + (3 - weekday);
  return (absl::GetYearDay(thursday) - 1) / 7 + 1;
}

absl::optional<EventTime> TimeOf(const Value& value) {
  switch (value.type()) {
    case Value::Type::kString: {
      absl::StatusOr<EventTime> time = ParseTime(value.string_value());
      if (!time.ok()) return absl::nullopt;
      return *time;
    }
    case Value::Type::kInt:
    case Value::Type::kDouble: {
      // Seconds up to the year 5138, else milliseconds.
      const double number = value.AsDouble();
      if (!(std::abs(number) < 1e15)) return absl::nullopt;
      const double ms = std::abs(number) < 1e11 ? number * 1000 : number;
      return static_cast<EventTime>(std::floor(ms));
    }
    default:
      return absl::nullopt;
  }
}

bool TextMatches(const Predicate& predicate, absl::string_view text) {
  const Pattern& pattern = predicate.pattern;
  switch (pattern.shape()) {
    case Shape::kEqual:
      return text == pattern.literal();
    case Shape::kPrefix:
      return absl::StartsWith(text, pattern.literal());
    case Shape::kSuffix:
      return absl::EndsWith(text, pattern.literal());
    case Shape::kContains:
      return absl::StrContains(text, pattern.literal());
    case Shape::kAnything:
      return true;
    case Shape::kGeneral:
      return pattern.Matches(text);
  }
  return false;
}

}  // namespace

absl::string_view ComparableText(const Value& value, ScalarBuffer& buffer) {
  if (value.type() == Value::Type::kDouble) {
    const double d = value.double_value();
    if (d == std::floor(d) && std::abs(d) < 9.2e18) {
      auto end = std::to_chars(buffer, buffer + sizeof(buffer),
                               static_cast<int64_t>(d));
      return absl::string_view(buffer, end.ptr - buffer);
    }
  }
  return ScalarText(value, buffer);
}

absl::optional<double> ComparableNumber(const Value& value) {
  if (value.is_number()) return value.AsDouble();
  if (!value.is_string()) return absl::nullopt;
  const absl::string_view text = value.string_value();
  if (text.empty()) return absl::nullopt;
  for (const char c : text) {
    // SimpleAtod also takes blanks, hexadecimal, inf and nan.
    if (!absl::ascii_isdigit(c) && c != '.' && c != '-' && c != '+' &&
        c != 'e' && c != 'E') {
      return absl::nullopt;
    }
  }
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) {
    return absl::nullopt;
  }
  return number;
}

int TimePartOf(Predicate::TimePart part, EventTime time_ms) {
  const absl::CivilSecond civil =
      absl::ToCivilSecond(FromEventTime(time_ms), absl::UTCTimeZone());
  switch (part) {
    case Predicate::TimePart::kMinute:
      return civil.minute();
    case Predicate::TimePart::kHour:
      return civil.hour();
    case Predicate::TimePart::kDay:
      return civil.day();
    case Predicate::TimePart::kWeek:
      return IsoWeek(absl::CivilDay(civil));
    case Predicate::TimePart::kMonth:
      return civil.month();
    case Predicate::TimePart::kYear:
      return static_cast<int>(civil.year());
  }
  return 0;
}

bool PredicateEvaluator::EvaluateElement(const Predicate& predicate,
                                         const Value& element) {
  ScalarBuffer buffer;
  if (element.type() == Value::Type::kNull)
    return predicate.kind == Kind::kNull;
  switch (predicate.kind) {
    case Kind::kText: {
      const absl::string_view text = ComparableText(element, buffer);
      return TextMatches(predicate,
                         predicate.cased ? text : FoldCaseInto(text, &folded_));
    }
    case Kind::kNumber: {
      // Equal numbers have equal text.
      const absl::string_view text = ComparableText(element, buffer);
      return FoldCaseInto(text, &folded_) == predicate.number_text;
    }
    case Kind::kBool: {
      const absl::string_view text = ComparableText(element, buffer);
      return FoldCaseInto(text, &folded_) ==
             (predicate.boolean ? "true" : "false");
    }
    case Kind::kNull:
    case Kind::kExists:
    case Kind::kFieldRef:
    case Kind::kBefore:
      return false;
    case Kind::kCompare: {
      const absl::optional<double> number = ComparableNumber(element);
      return number && predicate.compare.Holds(*number);
    }
    case Kind::kTimePart: {
      const absl::optional<EventTime> time = TimeOf(element);
      return time &&
             predicate.compare.Holds(TimePartOf(predicate.time_part, *time));
    }
    case Kind::kCidr: {
      if (!element.is_string()) return false;
      const auto address = ParseIp(element.string_value());
      return address && predicate.range.Contains(*address);
    }
    case Kind::kRegex: {
      const absl::string_view text = ComparableText(element, buffer);
      return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()),
                                    *predicate.regex);
    }
  }
  return false;
}

bool PredicateEvaluator::Related(const Predicate& predicate, const Value& a,
                                 const Value& b) {
  if (a.type() == Value::Type::kNull || b.type() == Value::Type::kNull) {
    return false;
  }
  if (predicate.relation == Predicate::Relation::kEqual && a.is_number() &&
      b.is_number()) {
    return a.AsDouble() == b.AsDouble();
  }
  ScalarBuffer buffer;
  ScalarBuffer other_buffer;
  absl::string_view text = ComparableText(a, buffer);
  absl::string_view other = ComparableText(b, other_buffer);
  if (!predicate.cased) {
    text = FoldCaseInto(text, &folded_);
    other = FoldCaseInto(other, &other_folded_);
  }
  switch (predicate.relation) {
    case Predicate::Relation::kEqual:
      return text == other;
    case Predicate::Relation::kPrefix:
      return absl::StartsWith(text, other);
    case Predicate::Relation::kSuffix:
      return absl::EndsWith(text, other);
    case Predicate::Relation::kContains:
      return absl::StrContains(text, other);
  }
  return false;
}

bool PredicateEvaluator::EvaluateFieldRef(const Predicate& predicate,
                                          const Event& event) {
  const Value& value = event.at(predicate.slot);
  const Value& other = event.at(predicate.other_slot);
  return value.AnyElement([&](const Value& a) {
    return other.AnyElement(
        [&](const Value& b) { return Related(predicate, a, b); });
  });
}

bool PredicateEvaluator::Evaluate(const Predicate& predicate,
                                  const Event& event) {
  const Value& value = event.at(predicate.slot);
  switch (predicate.kind) {
    case Kind::kFieldRef:
      return EvaluateFieldRef(predicate, event);
    case Kind::kBefore:
      return event.time_ms < predicate.until_ms;
    case Kind::kExists:
      return !value.absent() || predicate.field == field::kTimestamp;
    case Kind::kNull:
      if (value.absent()) return predicate.field != field::kTimestamp;
      break;
    case Kind::kCompare:
      if (value.is_number()) return predicate.compare.Holds(value.AsDouble());
      break;
    case Kind::kTimePart:
      // Every event has its time, whatever the record called it.
      if (predicate.field == field::kTimestamp) {
        return predicate.compare.Holds(
            TimePartOf(predicate.time_part, event.time_ms));
      }
      break;
    default:
      break;
  }
  return value.AnyElement([&](const Value& element) {
    return EvaluateElement(predicate, element);
  });
}

}  // namespace keywatch
