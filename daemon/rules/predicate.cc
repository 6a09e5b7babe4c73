#include "daemon/rules/predicate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "daemon/core/time.h"
#include "daemon/rules/case_fold.h"
#include "re2/re2.h"

namespace keywatch {
namespace {

using Kind = Predicate::Kind;
using Shape = Pattern::Shape;

constexpr const char* kTimePartNames[] = {"minute", "hour",  "day",
                                          "week",   "month", "year"};
constexpr const char* kRelationNames[] = {"is", "startswith", "endswith",
                                          "contains"};
constexpr const char* kComparisonNames[] = {">", ">=", "<", "<=", "==", "!="};

std::string NumberText(double number) {
  ScalarBuffer buffer;
  return std::string(ComparableText(Value::Double(number), buffer));
}

std::string ComparisonText(const Comparison& compare) {
  return absl::StrCat(kComparisonNames[static_cast<int>(compare.op)], " ",
                      NumberText(compare.number));
}

std::string RangeText(const IpRange& range) {
  char text[INET6_ADDRSTRLEN];
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff};
  if (range.prefix_bits >= 96 &&
      std::memcmp(range.address.data(), kMapped, 12) == 0) {
    inet_ntop(AF_INET, range.address.data() + 12, text, sizeof(text));
    return absl::StrCat(text, "/", range.prefix_bits - 96);
  }
  inet_ntop(AF_INET6, range.address.data(), text, sizeof(text));
  return absl::StrCat(text, "/", range.prefix_bits);
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(text), "'");
}

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

bool IpRange::Contains(const std::array<uint8_t, 16>& other) const {
  const int bytes = prefix_bits / 8;
  if (std::memcmp(address.data(), other.data(), bytes) != 0) return false;
  const int bits = prefix_bits % 8;
  if (bits == 0) return true;
  const uint8_t mask = static_cast<uint8_t>(0xff << (8 - bits));
  return ((address[bytes] ^ other[bytes]) & mask) == 0;
}

absl::optional<std::array<uint8_t, 16>> ParseIp(absl::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() < 2 || text.size() >= sizeof(buffer)) return absl::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  if (std::memchr(buffer, '\0', text.size()) != nullptr) return absl::nullopt;
  std::array<uint8_t, 16> address{};
  address[10] = address[11] = 0xff;
  if (inet_pton(AF_INET, buffer, address.data() + 12) == 1) return address;
  if (inet_pton(AF_INET6, buffer, address.data()) == 1) return address;
  return absl::nullopt;
}

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

std::string Predicate::Canonical() const {
  // Lengths before texts: no text can look like another field's end.
  std::string out =
      absl::StrCat(static_cast<int>(kind), ":", field.size(), ":", field, ":");
  switch (kind) {
    case Kind::kText: {
      const std::string text = pattern.ToString();
      absl::StrAppend(&out, cased ? "c" : "i", text.size(), ":", text);
      break;
    }
    case Kind::kNumber:
      absl::StrAppend(&out, number_text);
      break;
    case Kind::kBool:
      absl::StrAppend(&out, boolean ? "true" : "false");
      break;
    case Kind::kNull:
    case Kind::kExists:
      break;
    case Kind::kCompare:
      absl::StrAppend(&out, ComparisonText(compare));
      break;
    case Kind::kTimePart:
      absl::StrAppend(&out, kTimePartNames[static_cast<int>(time_part)], " ",
                      ComparisonText(compare));
      break;
    case Kind::kCidr:
      absl::StrAppend(&out, RangeText(range));
      break;
    case Kind::kRegex:
      absl::StrAppend(&out, regex_text.size(), ":", regex_text);
      break;
    case Kind::kFieldRef:
      absl::StrAppend(&out, cased ? "c" : "i",
                      kRelationNames[static_cast<int>(relation)], " ",
                      other_field);
      break;
  }
  return out;
}

std::string Predicate::ToString() const {
  const std::string name =
      field == FieldTable::kAllStrings ? "any string" : field;
  switch (kind) {
    case Kind::kText: {
      const char* how = "is";
      std::string text = pattern.ToString();
      switch (pattern.shape()) {
        case Shape::kEqual:
          text = pattern.literal();
          break;
        case Shape::kPrefix:
          how = "startswith";
          text = pattern.literal();
          break;
        case Shape::kSuffix:
          how = "endswith";
          text = pattern.literal();
          break;
        case Shape::kContains:
          how = "contains";
          text = pattern.literal();
          break;
        case Shape::kAnything:
        case Shape::kGeneral:
          how = "like";
          break;
      }
      return absl::StrCat(name, " ", how, " ", Quoted(text),
                          cased ? " (case-sensitive)" : "");
    }
    case Kind::kNumber:
      return absl::StrCat(name, " is ", number_text);
    case Kind::kBool:
      return absl::StrCat(name, " is ", boolean ? "true" : "false");
    case Kind::kNull:
      return absl::StrCat(name, " is null");
    case Kind::kExists:
      return absl::StrCat(name, " exists");
    case Kind::kCompare:
      return absl::StrCat(name, " ", ComparisonText(compare));
    case Kind::kTimePart:
      return absl::StrCat(kTimePartNames[static_cast<int>(time_part)], " of ",
                          name, " ", ComparisonText(compare));
    case Kind::kCidr:
      return absl::StrCat(name, " in ", RangeText(range));
    case Kind::kRegex:
      return absl::StrCat(name, " matches /", regex_text, "/");
    case Kind::kFieldRef:
      return absl::StrCat(name, " ", kRelationNames[static_cast<int>(relation)],
                          " the value of ", other_field,
                          cased ? " (case-sensitive)" : "");
  }
  return name;
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
