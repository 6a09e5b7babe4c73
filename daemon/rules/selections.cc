#include "daemon/rules/selections.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rules/contradiction.h"
#include "daemon/rules/detection_item.h"

namespace keywatch {
namespace {

constexpr int kMaxDepth = 50;

// A search identifier's value: a map (AND), a scalar or a list of scalars
// (keywords), or a list of any of these (OR).
absl::optional<Expression> ParseDefinition(const yaml::Node& node,
                                           const CompileOptions& options,
                                           int depth, Reporter* reporter) {
  if (depth > kMaxDepth) {
    reporter->Error(node, "too-deep", "lists are nested too deeply");
    return absl::nullopt;
  }
  if (node.is_map()) {
    if (node.map.empty()) {
      reporter->Error(node, "empty-selection", "the map is empty");
      return absl::nullopt;
    }
    std::vector<Expression> items;
    bool ok = true;
    for (const auto& entry : node.map) {
      absl::optional<Expression> item =
          ParseDetectionItem(entry.first, entry.second, options, reporter);
      if (item) {
        items.push_back(*std::move(item));
      } else {
        ok = false;
      }
    }
    if (!ok) return absl::nullopt;
    return Expression::And(std::move(items));
  }
  const bool scalars_only =
      !node.is_list() ||
      std::all_of(node.list.begin(), node.list.end(),
                  [](const yaml::Node& item) { return item.is_scalar(); });
  if (scalars_only) return ParseKeywords(node, options, reporter);
  std::vector<Expression> alternatives;
  bool ok = true;
  for (const yaml::Node& item : node.list) {
    absl::optional<Expression> one =
        ParseDefinition(item, options, depth + 1, reporter);
    if (one) {
      alternatives.push_back(*std::move(one));
    } else {
      ok = false;
    }
  }
  if (!ok) return absl::nullopt;
  return Expression::Or(std::move(alternatives));
}

absl::optional<std::vector<Condition>> ParseConditions(const yaml::Node& key,
                                                       const yaml::Node& map,
                                                       Reporter* reporter) {
  const yaml::Node* node = map.Find("condition");
  if (node == nullptr) {
    std::vector<std::string> keys;
    for (const auto& entry : map.map) keys.push_back(entry.first.text);
    const std::string nearest = NearestWord("condition", keys);
    const yaml::Node* at = nearest.empty() ? nullptr : map.FindKey(nearest);
    reporter->Error(at == nullptr ? key : *at, "no-condition",
                    "there is no `condition`",
                    at == nullptr ? "" : "did you mean \"condition\"?");
    return absl::nullopt;
  }
  std::vector<const yaml::Node*> nodes;
  if (node->is_list()) {
    for (const yaml::Node& item : node->list) nodes.push_back(&item);
  } else {
    nodes.push_back(node);
  }
  if (nodes.empty()) {
    reporter->Error(*node, "no-condition", "the list of conditions is empty");
    return absl::nullopt;
  }
  std::vector<Condition> conditions;
  for (const yaml::Node* item : nodes) {
    absl::optional<Condition> condition =
        ParseCondition(*item, ConditionLanguage::kDetection, reporter);
    if (condition) conditions.push_back(*std::move(condition));
  }
  if (conditions.size() != nodes.size()) return absl::nullopt;
  return conditions;
}

// Selections that no event can satisfy, and conditions that none or all do.
void LintMeaning(const std::vector<Selection>& selections,
                 const Expression& whole, const yaml::Node& condition,
                 Reporter* reporter) {
  const auto lists_only = [](const Contradiction& c) {
    return c.but_for_lists ? "a value alone is never both; a list may be" : "";
  };
  bool told = false;
  for (const Selection& selection : selections) {
    const auto found = FindContradiction(selection.expression);
    if (!found) continue;
    told = true;
    reporter->Lint(
        *selection.key, "contradiction",
        absl::StrCat("\"", selection.name, "\" can never hold: ", found->what),
        lists_only(*found));
  }
  if (told) return;
  if (const auto found = FindContradiction(whole)) {
    reporter->Lint(condition, "contradiction",
                   absl::StrCat("the condition can never hold: ", found->what),
                   lists_only(*found));
  } else if (const auto never = FindContradiction(Expression::Not(whole))) {
    if (!never->but_for_lists) {
      reporter->Lint(condition, "always-true",
                     "the condition holds for every event");
    }
  }
}

}  // namespace

absl::optional<SelectionSet> ParseSelectionSet(
    const yaml::Node& key, const yaml::Node& node,
    const std::vector<std::string>& others, const CompileOptions& options,
    Reporter* reporter) {
  if (!node.is_map()) {
    reporter->Error(
        node, "bad-value",
        absl::StrCat("expected a map, not ", yaml::KindName(node.kind)));
    return absl::nullopt;
  }
  std::vector<Selection> selections;
  bool ok = true;
  for (const auto& entry : node.map) {
    const std::string& name = entry.first.text;
    if (name == "condition" ||
        std::find(others.begin(), others.end(), name) != others.end()) {
      continue;
    }
    if (name == "timeframe") {
      reporter->Error(entry.first, "old-aggregation",
                      "`timeframe` belongs to the aggregation that Sigma 2 "
                      "does not have",
                      "write a correlation with `timespan` over this rule");
      ok = false;
      continue;
    }
    Selection selection;
    selection.name = name;
    selection.key = &entry.first;
    absl::optional<Expression> expression =
        ParseDefinition(entry.second, options, 0, reporter);
    if (expression) {
      selection.expression = *std::move(expression);
      selection.expression.label = name;
    } else {
      ok = false;
    }
    selections.push_back(std::move(selection));
  }
  const absl::optional<std::vector<Condition>> conditions =
      ParseConditions(key, node, reporter);
  if (!conditions) return absl::nullopt;
  if (selections.empty() && ok) {
    reporter->Error(key, "empty-selection", "there is no selection");
    return absl::nullopt;
  }
  const yaml::Node& condition_node = *node.Find("condition");
  SelectionSet set;
  std::vector<Expression> alternatives;
  for (size_t i = 0; i < conditions->size(); ++i) {
    const yaml::Node& at =
        condition_node.is_list() ? condition_node.list[i] : condition_node;
    absl::optional<Expression> one =
        ResolveCondition((*conditions)[i], at, &selections, reporter);
    if (one) {
      alternatives.push_back(*std::move(one));
    } else {
      ok = false;
    }
  }
  if (!ok) return absl::nullopt;
  for (const Selection& selection : selections) {
    if (selection.used) continue;
    reporter->Warning(
        *selection.key, "unused-selection",
        absl::StrCat("no condition uses \"", selection.name, "\""));
  }
  set.expression = Expression::Or(std::move(alternatives));
  if (reporter->lint()) {
    LintMeaning(selections, set.expression, condition_node, reporter);
  }
  set.conditions = *conditions;
  return set;
}

}  // namespace keywatch
