#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/selections.h"

namespace keywatch {
namespace {

void ParseTargets(const yaml::Node& node, RuleDocument* document) {
  const yaml::Node* rules = node.Find("rules");
  Reporter& reporter = document->reporter;
  if (rules == nullptr) {
    reporter.Error(*document->node->FindKey("filter"), "no-rules",
                   "a filter needs `rules`",
                   "`rules: any` applies it to every rule of its logsource");
    return;
  }
  const auto add = [&](const yaml::Node& item) {
    if (!item.is_scalar() || item.is_null() || item.text.empty()) {
      reporter.Error(item, "bad-value", "a rule is named by its id or name");
      return;
    }
    document->targets.push_back({item.text, &item});
  };
  if (rules->is_list()) {
    if (rules->list.empty()) {
      reporter.Error(*rules, "no-rules", "the list of rules is empty",
                     "`rules: any` applies the filter to every rule of its "
                     "logsource");
    }
    for (const yaml::Node& item : rules->list) add(item);
  } else if (absl::EqualsIgnoreCase(rules->text, "any") ||
             absl::EqualsIgnoreCase(rules->text, "all")) {
    document->any_rule = true;
  } else {
    add(*rules);
  }
}

}  // namespace

void ParseFilter(const yaml::Node& node, const CompileOptions& options,
                 RuleDocument* document) {
  ParseTargets(node, document);
  absl::optional<SelectionSet> set =
      ParseSelectionSet(*document->node->FindKey("filter"), node, {"rules"},
                        options, &document->reporter);
  if (!set) return;
  document->expression = std::move(set->expression);
  bool excludes = false;
  for (const Condition& condition : set->conditions) {
    document->conditions.push_back(condition.ToString());
    excludes = excludes || condition.has_not();
  }
  const yaml::Node* condition = node.Find("condition");
  if (condition != nullptr && condition->is_list()) {
    document->reporter.Lint(*condition, "portability",
                            "other Sigma tools take one condition in a filter",
                            "join them with or");
  }
  if (document->node->Find("logsource") == nullptr) {
    document->reporter.Lint(*document->node->FindKey("filter"), "portability",
                            "other Sigma tools refuse a filter without "
                            "`logsource`");
  }
  if (!excludes && condition != nullptr) {
    document->reporter.Lint(
        *condition, "filter-polarity",
        absl::StrCat("the rules will match only what the filter matches: "
                     "(<rule>) and (",
                     absl::StrJoin(document->conditions, ") or ("), ")"),
        "to exclude it, write not in front");
  }
}

}  // namespace keywatch
