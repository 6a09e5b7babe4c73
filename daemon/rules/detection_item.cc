#include "daemon/rules/detection_item.h"

#include <utility>
#include <vector>

#include "daemon/core/field_table.h"
#include "daemon/rules/item_values.h"
#include "daemon/rules/modifier.h"

namespace keywatch {
namespace {

bool Uses(const ModifierChain& chain, Transform transform) {
  for (const Transform t : chain.transforms) {
    if (t == transform) return true;
  }
  return false;
}

void LintItem(const yaml::Node& key, const yaml::Node& values,
              const ModifierChain& chain, Reporter* reporter) {
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
  return ParseValues(values, chain, options, reporter);
}

}  // namespace keywatch
