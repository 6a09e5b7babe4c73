#include "daemon/rules/stateful_keys.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keywatch {

std::vector<NameNode> ParseNames(yaml::MapReader* reader, absl::string_view key,
                                 bool required) {
  std::vector<NameNode> names;
  const yaml::Node* node = required ? reader->Require(key) : reader->Get(key);
  if (node == nullptr || (node->is_null() && !required)) return names;
  const auto add = [&](const yaml::Node& item) {
    if (!item.is_scalar() || item.is_null() || item.text.empty()) {
      reader->ErrorAt(item, "bad-value",
                      absl::StrCat("`", key, "` is a name or a list of names"));
      return;
    }
    for (const NameNode& before : names) {
      if (before.name == item.text) {
        reader->ErrorAt(item, "duplicate-name",
                        absl::StrCat("\"", item.text, "\" is named twice"));
        return;
      }
    }
    names.push_back({item.text, &item});
  };
  if (!node->is_list()) {
    add(*node);
    return names;
  }
  if (node->list.empty() && required) {
    reader->ErrorAt(*node, "empty-list", absl::StrCat("`", key, "` is empty"));
  }
  for (const yaml::Node& item : node->list) add(item);
  return names;
}

void ParseInputs(yaml::MapReader* reader, bool rules_required,
                 RuleDocument* document) {
  document->inputs = ParseNames(reader, "rules", rules_required);
  document->group_by = ParseNames(reader, "group-by", false);
  document->generate = reader->Bool("generate", false);
  const yaml::Node* aliases = reader->Get("aliases");
  if (aliases == nullptr || aliases->is_null()) return;
  if (!aliases->is_map()) {
    reader->ErrorAt(*aliases, "bad-value",
                    "`aliases` is a map: alias, then rule, then field");
    return;
  }
  for (const auto& entry : aliases->map) {
    FieldAlias alias;
    alias.alias = {entry.first.text, &entry.first};
    if (!entry.second.is_map() || entry.second.map.empty()) {
      reader->ErrorAt(entry.second, "bad-value",
                      "an alias is a map from rules to their fields");
      continue;
    }
    for (const auto& field : entry.second.map) {
      if (!field.second.is_scalar() || field.second.text.empty()) {
        reader->ErrorAt(field.second, "bad-value",
                        "an alias gives each rule the name of a field");
        continue;
      }
      alias.fields.push_back(
          {NameNode{field.first.text, &field.first}, field.second.text});
    }
    document->aliases.push_back(std::move(alias));
  }
}

int64_t ParseTimespan(const yaml::Node& node, Reporter* reporter) {
  const absl::string_view text = node.text;
  size_t digits = 0;
  while (digits < text.size() &&
         absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) {
    ++digits;
  }
  const absl::string_view unit = text.substr(digits);
  int64_t number = 0;
  int64_t unit_ms = 0;
  if (unit == "s") unit_ms = 1000;
  if (unit == "m") unit_ms = 60'000;
  if (unit == "h") unit_ms = 3'600'000;
  if (unit == "d") unit_ms = 86'400'000;
  if (unit == "w") unit_ms = 604'800'000;
  if (!node.is_scalar() || digits == 0 || unit_ms == 0 ||
      !absl::SimpleAtoi(text.substr(0, digits), &number)) {
    const bool calendar = unit == "M" || unit == "y";
    reporter->Error(
        node, "bad-timespan",
        node.is_scalar() ? absl::StrCat("\"", text, "\" is no timespan")
                         : absl::StrCat("a timespan is text, not ",
                                        yaml::KindName(node.kind)),
        calendar ? "months and years have no fixed length: write days"
                 : "write a number and one of s, m, h, d, like 15m");
    return 0;
  }
  constexpr int64_t kMaxMs = int64_t{10} * 366 * 86'400'000;
  if (number == 0 || number > kMaxMs / unit_ms) {
    reporter->Error(node, "bad-timespan",
                    number == 0 ? "a timespan of nothing holds no events"
                                : "a timespan is at most ten years");
    return 0;
  }
  if (unit == "w") {
    reporter->Lint(node, "portability", "other Sigma tools may not know weeks",
                   absl::StrCat("write ", number * 7, "d"));
  }
  return number * unit_ms;
}

std::vector<Comparison> ParseComparisons(yaml::MapReader* condition) {
  struct Named {
    const char* name;
    Comparison::Op op;
  };
  static constexpr Named kOps[] = {
      {"gt", Comparison::Op::kGt}, {"gte", Comparison::Op::kGte},
      {"lt", Comparison::Op::kLt}, {"lte", Comparison::Op::kLte},
      {"eq", Comparison::Op::kEq}, {"neq", Comparison::Op::kNeq}};
  std::vector<Comparison> comparisons;
  bool any = false;
  for (const Named& named : kOps) {
    const yaml::Node* node = condition->Get(named.name);
    if (node == nullptr) continue;
    any = true;
    const bool number = (node->kind == yaml::Node::Kind::kInt ||
                         node->kind == yaml::Node::Kind::kDouble) &&
                        std::isfinite(node->number);
    if (!number) {
      condition->ErrorAt(*node, "bad-value",
                         absl::StrCat("`", named.name, "` needs a number"),
                         node->quoted ? "write it without quotes" : "");
      continue;
    }
    comparisons.push_back({named.op, node->number});
  }
  if (!any && condition->node() != nullptr) {
    condition->ErrorAt(*condition->node(), "no-comparison",
                       "the condition compares with nothing",
                       "there are gt, gte, lt, lte, eq and neq");
  }
  return comparisons;
}

}  // namespace keywatch
