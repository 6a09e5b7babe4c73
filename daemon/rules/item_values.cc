#include "daemon/rules/item_values.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/utf8.h"
#include "daemon/rules/encoding.h"
#include "daemon/rules/predicate_evaluator.h"
#include "daemon/rules/regex.h"
#include "re2/re2.h"

namespace keywatch {
namespace {

using Kind = Predicate::Kind;
using NodeKind = yaml::Node::Kind;
using PartKind = Pattern::Part::Kind;

// Of one value, by placeholders and modifiers.
constexpr size_t kMaxVariants = 10'000;

// A predicate with its place in the tree, about.
constexpr size_t kTestBytes = 512;
// An instruction of a regular expression, about.
constexpr size_t kInstructionBytes = 48;

struct Bounds {
  int low;
  int high;
};
// In the order of Predicate::TimePart.
constexpr Bounds kTimePartBounds[] = {{0, 59}, {0, 23}, {1, 31},
                                      {1, 53}, {1, 12}, {1, 9999}};
constexpr const char* kTimePartNames[] = {"minute", "hour",  "day",
                                          "week",   "month", "year"};

bool IsNumber(const yaml::Node& value) {
  return value.kind == NodeKind::kInt || value.kind == NodeKind::kDouble;
}

Value NumberValue(const yaml::Node& value) {
  return value.kind == NodeKind::kInt ? Value::Int(value.integer)
                                      : Value::Double(value.number);
}

}  // namespace

absl::optional<Expression> ItemValueParser::Refuse(const yaml::Node& value,
                                                   std::string code,
                                                   std::string message,
                                                   std::string hint) {
  reporter_->Error(value, std::move(code), std::move(message), std::move(hint));
  return absl::nullopt;
}

bool ItemValueParser::Affords(const yaml::Node& value, size_t bytes) {
  if (reporter_->Spend(bytes)) return true;
  Refuse(value, "too-large",
         "the values and expressions of the rule take more than 128 MiB");
  return false;
}

std::shared_ptr<Predicate> ItemValueParser::NewPredicate(
    Predicate::Kind kind) const {
  auto predicate = std::make_shared<Predicate>();
  predicate->kind = kind;
  predicate->field = chain_.field;
  return predicate;
}

absl::optional<Expression> ItemValueParser::Parse(const yaml::Node& value) {
  if (!value.is_scalar()) {
    return Refuse(
        value, "bad-value",
        absl::StrCat("a value is text, a number, true, false or "
                     "null, not ",
                     yaml::KindName(value.kind)),
        value.is_map() ? "a nested field is written as a path: a.b" : "");
  }
  if (!Affords(value, kTestBytes)) return absl::nullopt;
  switch (chain_.test) {
    case ModifierChain::Test::kRegex:
      return ParseRegex(value);
    case ModifierChain::Test::kCidr:
      return ParseCidr(value);
    case ModifierChain::Test::kExists:
      return ParseExists(value);
    case ModifierChain::Test::kCompare:
    case ModifierChain::Test::kTimePart:
      return ParseComparison(value);
    case ModifierChain::Test::kFieldRef:
      return ParseFieldRef(value);
    case ModifierChain::Test::kValue:
      break;
  }
  if (chain_.text_values() || chain_.expand || chain_.keyword ||
      value.kind == NodeKind::kString) {
    return ParseText(value);
  }
  return ParsePlain(value);
}

absl::optional<Expression> ItemValueParser::ParsePlain(
    const yaml::Node& value) {
  switch (value.kind) {
    case NodeKind::kNull:
      return Expression::Of(NewPredicate(Kind::kNull));
    case NodeKind::kBool: {
      auto predicate = NewPredicate(Kind::kBool);
      predicate->boolean = value.boolean;
      return Expression::Of(std::move(predicate));
    }
    default:
      break;
  }
  if (!std::isfinite(value.number)) return ParseText(value);
  auto predicate = NewPredicate(Kind::kNumber);
  const Value number = NumberValue(value);
  ScalarBuffer buffer;
  predicate->number_text = std::string(ComparableText(number, buffer));
  return Expression::Of(std::move(predicate));
}

bool ItemValueParser::Expand(const yaml::Node& value, Pattern pattern,
                             bool plain, std::vector<Pattern>* results) {
  *results = {Pattern()};
  if (chain_.expand) pattern.InsertPlaceholders();
  for (const Pattern::Part& part : pattern.parts()) {
    if (part.kind != PartKind::kPlaceholder) {
      for (Pattern& result : *results) result.Append(part);
      continue;
    }
    const auto list = options_.lists.find(part.text);
    if (list == options_.lists.end()) {
      std::vector<std::string> names;
      for (const auto& entry : options_.lists) names.push_back(entry.first);
      std::sort(names.begin(), names.end());
      const std::string nearest = NearestWord(part.text, names);
      const std::string placeholder = absl::StrCat("%", part.text, "%");
      const size_t offset = value.text.find(placeholder);
      reporter_->ErrorWithin(
          value, offset == std::string::npos ? 0 : offset, placeholder.size(),
          "unset-placeholder",
          absl::StrCat("the placeholder ", placeholder, " is not set"),
          nearest.empty() ? "set it under `lists:` in the configuration"
                          : absl::StrCat("did you mean \"", nearest, "\"?"));
      return false;
    }
    std::vector<Pattern> grown;
    for (const Pattern& result : *results) {
      for (const std::string& text : list->second) {
        Pattern longer = result;
        longer.Append(plain ? Pattern::Text(text) : Pattern::Parse(text));
        grown.push_back(std::move(longer));
      }
      if (grown.size() > kMaxVariants) {
        Refuse(value, "too-many-values",
               "the placeholders of this value give more than 10,000 values");
        return false;
      }
    }
    *results = std::move(grown);
  }
  return true;
}

bool ItemValueParser::ApplyTransforms(const yaml::Node& value,
                                      std::vector<Pattern>* values) {
  for (const Transform transform : chain_.transforms) {
    std::vector<Pattern> results;
    for (Pattern& pattern : *values) {
      absl::StatusOr<std::vector<Pattern>> many = std::vector<Pattern>();
      switch (transform) {
        case Transform::kContains:
          pattern.OpenStart();
          pattern.OpenEnd();
          many->push_back(std::move(pattern));
          break;
        case Transform::kStartsWith:
          pattern.OpenEnd();
          many->push_back(std::move(pattern));
          break;
        case Transform::kEndsWith:
          pattern.OpenStart();
          many->push_back(std::move(pattern));
          break;
        case Transform::kUtf16Le:
          many->push_back(EncodeUtf16(pattern, Utf16::kLittleEndian));
          break;
        case Transform::kUtf16Be:
          many->push_back(EncodeUtf16(pattern, Utf16::kBigEndian));
          break;
        case Transform::kUtf16:
          many->push_back(EncodeUtf16(pattern, Utf16::kLittleEndianWithMark));
          break;
        case Transform::kBase64: {
          absl::StatusOr<Pattern> one = EncodeBase64(pattern);
          if (one.ok()) {
            many->push_back(*std::move(one));
          } else {
            many = one.status();
          }
          break;
        }
        case Transform::kBase64Offset:
          many = EncodeBase64Offsets(pattern);
          break;
        case Transform::kWindash:
          many = ExpandDashes(pattern);
          break;
      }
      if (!many.ok()) {
        Refuse(value, "bad-value", std::string(many.status().message()));
        return false;
      }
      for (Pattern& result : *many) results.push_back(std::move(result));
      if (results.size() > kMaxVariants) {
        Refuse(value, "too-many-values",
               "the modifiers make more than 10,000 values of this one");
        return false;
      }
    }
    *values = std::move(results);
  }
  return true;
}

absl::optional<Expression> ItemValueParser::ParseText(const yaml::Node& value) {
  if (value.is_null()) {
    if (!chain_.text_values() && !chain_.keyword) {
      return Expression::Of(NewPredicate(Kind::kNull));
    }
    return Refuse(value, "bad-value",
                  chain_.keyword ? "null needs a field"
                                 : "null has no text that modifiers could "
                                   "apply to");
  }
  Pattern pattern = value.kind == NodeKind::kString ? Pattern::Parse(value.text)
                                                    : Pattern::Text(value.text);
  if (chain_.keyword && pattern.parts().empty()) {
    return Refuse(value, "bad-value", "an empty keyword is in every record");
  }
  std::vector<Pattern> variants;
  if (!Expand(value, std::move(pattern), /*plain=*/false, &variants) ||
      !ApplyTransforms(value, &variants) ||
      !Affords(value, variants.size() * kTestBytes)) {
    return absl::nullopt;
  }
  std::vector<Expression> alternatives;
  for (Pattern& variant : variants) {
    for (const Pattern::Part& part : variant.parts()) {
      if (!IsValidUtf8(part.text)) {
        return Refuse(value, "bad-value",
                      "the encoded value is no text and so is in no record",
                      "Base64 belongs behind it: wide|base64offset|contains");
      }
    }
    if (chain_.keyword) {
      variant.OpenStart();
      variant.OpenEnd();
    }
    auto predicate = NewPredicate(Kind::kText);
    predicate->cased = chain_.cased;
    predicate->pattern = chain_.cased ? std::move(variant) : variant.Folded();
    alternatives.push_back(Expression::Of(std::move(predicate)));
  }
  return Expression::Or(std::move(alternatives));
}

absl::optional<Expression> ItemValueParser::ParseRegex(
    const yaml::Node& value) {
  if (value.is_null()) {
    return Refuse(value, "bad-value", "re needs a regular expression");
  }
  std::vector<Pattern> variants;
  if (!Expand(value, Pattern::Text(value.text), /*plain=*/true, &variants)) {
    return absl::nullopt;
  }
  std::vector<Expression> alternatives;
  for (const Pattern& variant : variants) {
    std::string text = variant.literal();
    auto regex = CompileRegex(text, chain_.regex_flags);
    if (regex.ok() && (chain_.regex_at_start || chain_.regex_at_end)) {
      // By itself it is sound: the group cannot be closed from within.
      text = absl::StrCat(chain_.regex_at_start ? "\\A" : "", "(?:", text, ")",
                          chain_.regex_at_end ? "\\z" : "");
      regex = CompileRegex(text, chain_.regex_flags);
    }
    if (!regex.ok()) {
      return Refuse(value, "bad-regex", std::string(regex.status().message()));
    }
    const auto instructions = static_cast<size_t>((*regex)->ProgramSize());
    if (!Affords(value, kTestBytes + instructions * kInstructionBytes)) {
      return absl::nullopt;
    }
    auto predicate = NewPredicate(Kind::kRegex);
    predicate->regex = *std::move(regex);
    predicate->regex_text =
        chain_.regex_flags.empty()
            ? text
            : absl::StrCat("(?", chain_.regex_flags, ")", text);
    alternatives.push_back(Expression::Of(std::move(predicate)));
  }
  return Expression::Or(std::move(alternatives));
}

absl::optional<Expression> ItemValueParser::ParseCidr(const yaml::Node& value) {
  if (value.kind != NodeKind::kString) {
    return Refuse(value, "bad-cidr",
                  "cidr needs a network like 10.0.0.0/8 or 2001:db8::/32");
  }
  std::vector<Pattern> variants;
  if (!Expand(value, Pattern::Text(value.text), /*plain=*/true, &variants) ||
      !Affords(value, variants.size() * kTestBytes)) {
    return absl::nullopt;
  }
  std::vector<Expression> alternatives;
  for (const Pattern& variant : variants) {
    const absl::StatusOr<IpRange> range = IpRange::Parse(variant.literal());
    if (!range.ok()) {
      return Refuse(value, "bad-cidr", std::string(range.status().message()));
    }
    auto predicate = NewPredicate(Kind::kCidr);
    predicate->range = *range;
    alternatives.push_back(Expression::Of(std::move(predicate)));
  }
  return Expression::Or(std::move(alternatives));
}

absl::optional<Expression> ItemValueParser::ParseExists(
    const yaml::Node& value) {
  if (value.kind != NodeKind::kBool) {
    return Refuse(value, "bad-value", "exists needs true or false");
  }
  Expression exists = Expression::Of(NewPredicate(Kind::kExists));
  return value.boolean ? std::move(exists) : Expression::Not(std::move(exists));
}

absl::optional<Expression> ItemValueParser::ParseComparison(
    const yaml::Node& value) {
  const bool time_part = chain_.test == ModifierChain::Test::kTimePart;
  if (!IsNumber(value) || !std::isfinite(value.number)) {
    return Refuse(value, "bad-value",
                  time_part ? "a part of a time is compared with a number"
                            : "lt, lte, gt and gte compare with a number",
                  value.quoted ? "write the number without quotes" : "");
  }
  auto predicate = NewPredicate(time_part ? Kind::kTimePart : Kind::kCompare);
  predicate->compare.op = chain_.compare;
  predicate->compare.number = value.number;
  predicate->time_part = chain_.time_part;
  if (time_part) {
    const int part = static_cast<int>(chain_.time_part);
    const Bounds bounds = kTimePartBounds[part];
    if (value.number < bounds.low || value.number > bounds.high ||
        value.number != std::floor(value.number)) {
      return Refuse(
          value, "bad-value",
          absl::StrCat("the ", kTimePartNames[part], " is a whole number from ",
                       bounds.low, " to ", bounds.high));
    }
  }
  return Expression::Of(std::move(predicate));
}

absl::optional<Expression> ItemValueParser::ParseFieldRef(
    const yaml::Node& value) {
  const Pattern name = Pattern::Parse(value.text);
  if (value.kind != NodeKind::kString || name.literal().empty()) {
    return Refuse(value, "bad-value", "fieldref needs the name of a field");
  }
  if (name.has_wildcards()) {
    return Refuse(value, "bad-value",
                  "the name of a field cannot have wildcards");
  }
  auto predicate = NewPredicate(Kind::kFieldRef);
  predicate->other_field = name.literal();
  predicate->relation = chain_.relation;
  predicate->cased = chain_.cased;
  return Expression::Of(std::move(predicate));
}

}  // namespace keywatch
