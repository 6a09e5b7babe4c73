#include "daemon/rules/predicate.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/rules/predicate_evaluator.h"

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

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(text), "'");
}

}  // namespace

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
      absl::StrAppend(&out, range.ToString());
      break;
    case Kind::kRegex:
      absl::StrAppend(&out, regex_text.size(), ":", regex_text);
      break;
    case Kind::kFieldRef:
      absl::StrAppend(&out, cased ? "c" : "i",
                      kRelationNames[static_cast<int>(relation)], " ",
                      other_field);
      break;
    case Kind::kBefore:
      absl::StrAppend(&out, until_ms);
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
      return absl::StrCat(name, " in ", range.ToString());
    case Kind::kRegex:
      return absl::StrCat(name, " matches /", regex_text, "/");
    case Kind::kFieldRef:
      return absl::StrCat(name, " ", kRelationNames[static_cast<int>(relation)],
                          " the value of ", other_field,
                          cased ? " (case-sensitive)" : "");
    case Kind::kBefore:
      return absl::StrCat(name, " before ", FormatTime(until_ms));
  }
  return name;
}

}  // namespace keywatch
