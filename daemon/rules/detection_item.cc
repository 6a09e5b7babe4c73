#include "daemon/rules/detection_item.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/core/field_table.h"
#include "daemon/rules/item_values.h"
#include "daemon/rules/modifier.h"
#include "re2/re2.h"

namespace keywatch {
namespace {

bool Uses(const ModifierChain& chain, Transform transform) {
  for (const Transform t : chain.transforms) {
    if (t == transform) return true;
  }
  return false;
}

// `base64|utf16le` encodes the letters of the Base64.
void LintEncodingOrder(const yaml::Node& key, const ModifierChain& chain,
                       Reporter* reporter) {
  bool base64 = false;
  for (const Transform t : chain.transforms) {
    const bool utf16 = t == Transform::kUtf16Le || t == Transform::kUtf16Be ||
                       t == Transform::kUtf16;
    if (utf16 && base64) {
      reporter->Lint(key, "encoding-order",
                     "the Base64 is encoded as UTF-16, not the value",
                     "put the encoding of the value first: "
                     "utf16le|base64offset");
    }
    base64 = base64 || t == Transform::kBase64 || t == Transform::kBase64Offset;
  }
}

// What YAML 1.1 has as a date or as a number to the base of 60, and is a text
// here.
const char* OtherReading(const yaml::Node& value) {
  if (value.kind != yaml::Node::Kind::kString || value.quoted) return nullptr;
  static const auto* const kDate = new re2::RE2(
      R"(\d{4}-\d{2}-\d{2}|\d{4}-\d\d?-\d\d?([Tt]|[ \t]+)\d\d?:\d\d:\d\d.*)");
  static const auto* const kBase60 =
      new re2::RE2(R"([-+]?[1-9]\d*(:[0-5]?\d)+(\.\d*)?)");
  if (re2::RE2::FullMatch(value.text, *kDate)) return "a date";
  if (re2::RE2::FullMatch(value.text, *kBase60)) {
    return "a number to the base of 60";
  }
  return nullptr;
}

void LintReading(const yaml::Node& value, Reporter* reporter) {
  const char* const other = OtherReading(value);
  if (other == nullptr) return;
  reporter->Lint(
      value, "portability",
      absl::StrCat("a text here; other Sigma tools read it as ", other),
      "write it in quotes");
}

void LintKeywords(const yaml::Node& values, const ModifierChain& chain,
                  Reporter* reporter) {
  if (!chain.keyword) return;
  reporter->Lint(
      values.is_list() && !values.list.empty() ? values.list.front() : values,
      "portability",
      "keywords are looked for within every string of the record; "
      "other Sigma tools search the raw text, or refuse them",
      "name the field when it is known: field|contains");
}

void LintItem(const yaml::Node& key, const yaml::Node& values,
              const ModifierChain& chain, Reporter* reporter) {
  if (reporter->lint()) {
    LintReading(values, reporter);
    for (const yaml::Node& value : values.list) LintReading(value, reporter);
    LintKeywords(values, chain, reporter);
  }
  LintEncodingOrder(key, chain, reporter);
  if (chain.all && (!values.is_list() || values.list.size() == 1)) {
    reporter->Lint(key, "all-of-one",
                   "\"all\" of a single value changes nothing",
                   "other Sigma tools refuse it");
  }
  if (Uses(chain, Transform::kBase64Offset) &&
      !Uses(chain, Transform::kContains)) {
    reporter->Lint(key, "base64offset-without-contains",
                   "base64offset gives a part of a text, which is compared "
                   "with the whole",
                   "write base64offset|contains");
  }
  const auto is_empty = [](const yaml::Node& value) {
    return value.kind == yaml::Node::Kind::kString && value.text.empty();
  };
  if (Uses(chain, Transform::kContains) ||
      Uses(chain, Transform::kStartsWith) ||
      Uses(chain, Transform::kEndsWith)) {
    if (is_empty(values)) {
      reporter->Lint(values, "matches-everything",
                     "every text contains the empty text");
    }
    for (const yaml::Node& value : values.list) {
      if (is_empty(value)) {
        reporter->Lint(value, "matches-everything",
                       "every text contains the empty text");
      }
    }
  }
}

absl::optional<Expression> ParseValues(const yaml::Node& values,
                                       const ModifierChain& chain,
                                       const CompileOptions& options,
                                       Reporter* reporter) {
  ItemValueParser parser(chain, options, reporter);
  if (!values.is_list()) {
    absl::optional<Expression> one = parser.Parse(values);
    if (one && chain.negated) one = Expression::Not(*std::move(one));
    return one;
  }
  if (values.list.empty()) {
    reporter->Error(values, "empty-list", "a list of values is empty",
                    "null matches a field that is absent");
    return absl::nullopt;
  }
  if (chain.test == ModifierChain::Test::kExists) {
    reporter->Error(values, "bad-value", "exists needs true or false");
    return absl::nullopt;
  }
  std::vector<Expression> alternatives;
  bool ok = true;
  for (const yaml::Node& value : values.list) {
    absl::optional<Expression> one = parser.Parse(value);
    if (one) {
      alternatives.push_back(*std::move(one));
    } else {
      ok = false;
    }
  }
  if (!ok) return absl::nullopt;
  Expression all = chain.all ? Expression::And(std::move(alternatives))
                             : Expression::Or(std::move(alternatives));
  return chain.negated ? Expression::Not(std::move(all)) : std::move(all);
}

}  // namespace

absl::optional<Expression> ParseDetectionItem(const yaml::Node& key,
                                              const yaml::Node& values,
                                              const CompileOptions& options,
                                              Reporter* reporter) {
  const absl::optional<ModifierChain> chain = ParseModifiers(key, reporter);
  if (!chain) return absl::nullopt;
  if (values.is_map()) {
    reporter->Error(values, "bad-value",
                    "the value of a field is a scalar or a list of them, not "
                    "a map",
                    "a nested field is written as a path: a.b");
    return absl::nullopt;
  }
  LintItem(key, values, *chain, reporter);
  return ParseValues(values, *chain, options, reporter);
}

absl::optional<Expression> ParseKeywords(const yaml::Node& values,
                                         const CompileOptions& options,
                                         Reporter* reporter) {
  ModifierChain chain;
  chain.keyword = true;
  chain.field = FieldTable::kAllStrings;
  LintItem(values, values, chain, reporter);
  return ParseValues(values, chain, options, reporter);
}

}  // namespace keywatch
