#include "daemon/rules/linker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/time.h"
#include "daemon/rules/temporal_expression.h"

namespace keywatch {
namespace {

using Kind = RuleDocument::Kind;

bool IsStateful(const RuleDocument& document) {
  return document.kind == Kind::kCorrelation || document.kind == Kind::kAnomaly;
}

std::string Place(const RuleDocument& document) {
  return absl::StrCat(document.rule.file, ":", document.rule.line);
}

// The attributes that a filter sets are those of the rule.
bool Covers(const LogSourceSpec& filter, const LogSourceSpec& rule) {
  return (filter.product.empty() || filter.product == rule.product) &&
         (filter.category.empty() || filter.category == rule.category) &&
         (filter.service.empty() || filter.service == rule.service);
}

// Copies of filters in rules, over all rules.
constexpr size_t kMaxFilterNodes = 5'000'000;

class Linker {
 public:
  Linker(const CompileOptions& options,
         std::vector<std::unique_ptr<RuleDocument>>* documents)
      : options_(options), documents_(*documents) {}

  std::vector<size_t> Link() {
    NameDocuments();
    for (auto& document : documents_) {
      if (IsStateful(*document) && !document->refused) {
        ResolveInputs(document.get());
      }
    }
    RefuseCycles();
    std::vector<size_t> order;
    for (size_t i = 0; i < documents_.size(); ++i) {
      if (documents_[i]->kind == Kind::kDetection && !documents_[i]->refused) {
        order.push_back(i);
      }
    }
    visited_.assign(documents_.size(), false);
    for (size_t i = 0; i < documents_.size(); ++i) {
      if (IsStateful(*documents_[i])) LinkStateful(i, &order);
    }
    for (auto& document : documents_) {
      if (document->kind == Kind::kFilter && !document->refused) {
        ApplyFilter(document.get());
      }
    }
    FoldFilters();
    DecideAlerting(order);
    return order;
  }

 private:
  void Refuse(RuleDocument* document, const yaml::Node& node, std::string code,
              std::string message, std::string hint = "") {
    document->reporter.Error(node, std::move(code), std::move(message),
                             std::move(hint));
    document->refused = true;
  }

  void NameDocuments() {
    for (size_t i = 0; i < documents_.size(); ++i) {
      RuleDocument& document = *documents_[i];
      Rule& rule = document.rule;
      const bool has_id = !rule.id.empty();
      if (!has_id) {
        rule.id = RuleId(absl::StrCat(rule.file, "#", document.position));
      }
      const bool has_name = !rule.name.empty();
      if (!has_name) rule.name = rule.id.str();
      if (rule.title.empty()) rule.title = rule.name;
      const auto [it, inserted] = by_id_.try_emplace(rule.id.str(), i);
      if (!inserted) {
        const yaml::Node* id = document.node->Find("id");
        Refuse(&document, id != nullptr ? *id : *document.node, "duplicate-id",
               absl::StrCat("the id \"", rule.id.str(), "\" is used twice"),
               absl::StrCat("first at ", Place(*documents_[it->second])));
      }
      if (!has_name) continue;
      std::vector<size_t>& same = by_name_[rule.name];
      if (!same.empty()) {
        document.reporter.Lint(
            *document.node->Find("name"), "duplicate-name",
            absl::StrCat("the name \"", rule.name, "\" is used twice"),
            absl::StrCat("first at ", Place(*documents_[same.front()])));
      }
      same.push_back(i);
    }
  }

  // The document that `name` refers to in `from`.
  absl::optional<size_t> FindRule(RuleDocument* from, const NameNode& name) {
    const auto id = by_id_.find(name.name);
    size_t found = documents_.size();
    if (id != by_id_.end()) {
      found = id->second;
    } else {
      const auto named = by_name_.find(name.name);
      if (named == by_name_.end()) {
        Refuse(from, *name.node, "unknown-rule",
               absl::StrCat("no rule has the id or name \"", name.name, "\""),
               NameHint(name.name));
        return absl::nullopt;
      }
      if (named->second.size() > 1) {
        Refuse(from, *name.node, "ambiguous-rule",
               absl::StrCat("two rules have the name \"", name.name, "\""),
               absl::StrCat(Place(*documents_[named->second[0]]), " and ",
                            Place(*documents_[named->second[1]])));
        return absl::nullopt;
      }
      found = named->second.front();
    }
    RuleDocument& document = *documents_[found];
    if (document.kind == Kind::kFilter) {
      Refuse(from, *name.node, "unknown-rule",
             absl::StrCat("\"", name.name, "\" is a filter, not a rule"));
      return absl::nullopt;
    }
    return found;
  }

  std::string NameHint(absl::string_view name) const {
    // By edit distance over thousands of rules: only where the lengths are
    // near enough to be a misspelling.
    std::vector<std::string> names;
    for (const auto& entry : by_name_) {
      const size_t a = entry.first.size();
      if (a <= name.size() + 3 && name.size() <= a + 3) {
        names.push_back(entry.first);
      }
    }
    if (names.size() > 2000) return "";
    std::sort(names.begin(), names.end());
    const std::string nearest = NearestWord(name, names);
    return nearest.empty() ? ""
                           : absl::StrCat("did you mean \"", nearest, "\"?");
  }

  void ResolveInputs(RuleDocument* document) {
    for (const NameNode& input : document->inputs) {
      const absl::optional<size_t> found = FindRule(document, input);
      if (!found) continue;
      const auto& before = document->input_documents;
      if (std::find(before.begin(), before.end(), *found) != before.end()) {
        Refuse(document, *input.node, "duplicate-name",
               absl::StrCat("\"", input.name,
                            "\" is a rule that is named already"));
      }
      document->input_documents.push_back(*found);
    }
  }

  void RefuseCycles() {
    std::vector<int> state(documents_.size(), 0);  // 0 new, 1 open, 2 done
    for (size_t i = 0; i < documents_.size(); ++i) FindCycle(i, &state);
  }

  // Depth-first with a stack of our own: chains can be as long as a file.
  void FindCycle(size_t start, std::vector<int>* state) {
    struct Frame {
      size_t document;
      size_t next;
    };
    if ((*state)[start] != 0) return;
    std::vector<Frame> stack = {{start, 0}};
    (*state)[start] = 1;
    while (!stack.empty()) {
      Frame& frame = stack.back();
      RuleDocument& document = *documents_[frame.document];
      if (frame.next == document.input_documents.size()) {
        (*state)[frame.document] = 2;
        stack.pop_back();
        continue;
      }
      const size_t at = frame.next++;
      const size_t input = document.input_documents[at];
      if ((*state)[input] == 1) {
        Refuse(&document, *document.inputs[at].node, "cycle",
               absl::StrCat("the rule depends on itself by \"",
                            document.inputs[at].name, "\""));
        continue;
      }
      if ((*state)[input] == 0) {
        (*state)[input] = 1;
        stack.push_back({input, 0});
      }
    }
  }

  // Inputs first. Cycles have been refused at one of their rules, which ends
  // the recursion; chains are bounded by kMaxChain.
  void LinkStateful(size_t index, std::vector<size_t>* order, int depth = 0) {
    constexpr int kMaxChain = 50;
    if (visited_[index]) return;
    visited_[index] = true;
    RuleDocument& document = *documents_[index];
    if (document.refused) return;
    if (depth > kMaxChain) {
      Refuse(&document, *document.node, "too-deep",
             "correlations are chained more than 50 deep");
      return;
    }
    for (size_t i = 0; i < document.input_documents.size(); ++i) {
      const size_t input_index = document.input_documents[i];
      const RuleDocument& input = *documents_[input_index];
      if (IsStateful(input)) LinkStateful(input_index, order, depth + 1);
      if (input.refused) {
        Refuse(&document, *document.inputs[i].node, "refused-rule",
               absl::StrCat("the rule \"", document.inputs[i].name,
                            "\" was refused"));
      }
    }
    if (document.refused) return;
    document.group_fields = ResolveFields(&document, document.group_by);
    document.value_field_refs = ResolveFields(&document, document.value_fields);
    document.peer_fields = ResolveFields(&document, document.peers);
    WarnOfUnusedAliases(&document);
    for (const NameNode& name : document.group_by) {
      document.rule.group_by.push_back(name.name);
    }
    CompileTemporal(&document);
    if (!document.refused) AskForSupport(&document);
    if (document.refused) return;
    order->push_back(index);
  }

  void AskForSupport(RuleDocument* document) {
    if (!options_.supports) return;
    // The rule as it will be, but for the numbers that are not given yet.
    Rule rule = document->rule;
    for (const size_t input : document->input_documents) {
      rule.inputs.push_back(static_cast<uint32_t>(input));
    }
    rule.group_refs.assign(rule.inputs.size(),
                           std::vector<FieldRef>(rule.group_by.size()));
    rule.value_refs.assign(rule.inputs.size(),
                           std::vector<FieldRef>(rule.value_fields.size()));
    std::string why;
    if (options_.supports(rule, &why)) return;
    const yaml::Node* key =
        document->node->FindKey(DocumentKindName(document->kind));
    Refuse(document, key == nullptr ? *document->node : *key, "unsupported",
           why);
  }

  std::vector<std::vector<ResolvedField>> ResolveFields(
      RuleDocument* document, const std::vector<NameNode>& names) {
    std::vector<std::vector<ResolvedField>> resolved;
    for (size_t i = 0; i < document->input_documents.size(); ++i) {
      std::vector<ResolvedField> fields;
      for (const NameNode& name : names) {
        fields.push_back(ResolveField(document, i, name));
      }
      resolved.push_back(std::move(fields));
    }
    return resolved;
  }

  ResolvedField ResolveField(RuleDocument* document, size_t input,
                             const NameNode& name) {
    ResolvedField resolved;
    resolved.field = name.name;
    for (const FieldAlias& alias : document->aliases) {
      if (alias.alias.name != name.name) continue;
      const std::string* field = nullptr;
      for (const auto& entry : alias.fields) {
        if (RefersTo(entry.first.name, document->input_documents[input])) {
          field = &entry.second;
        }
      }
      if (field == nullptr) {
        Refuse(document, *alias.alias.node, "incomplete-alias",
               absl::StrCat("the alias \"", name.name,
                            "\" has no field for the rule \"",
                            document->inputs[input].name, "\""));
        return resolved;
      }
      resolved.field = *field;
    }
    const RuleDocument& source = *documents_[document->input_documents[input]];
    if (!IsStateful(source)) return resolved;
    const auto& group = source.rule.group_by;
    const auto found = std::find(group.begin(), group.end(), resolved.field);
    if (found == group.end()) {
      Refuse(
          document, *name.node, "field-not-in-group",
          absl::StrCat("\"", resolved.field, "\" is not known of \"",
                       document->inputs[input].name, "\", which is grouped by ",
                       group.empty() ? "nothing" : absl::StrJoin(group, ", ")),
          "add it to the group-by of that rule");
      return resolved;
    }
    resolved.field.clear();
    resolved.group_index = static_cast<int>(found - group.begin());
    return resolved;
  }

  bool RefersTo(const std::string& name, size_t document) const {
    return documents_[document]->rule.id.str() == name ||
           documents_[document]->rule.name == name;
  }

  void WarnOfUnusedAliases(RuleDocument* document) {
    for (const FieldAlias& alias : document->aliases) {
      for (const auto& entry : alias.fields) {
        const bool known = std::any_of(
            document->input_documents.begin(), document->input_documents.end(),
            [&](size_t input) { return RefersTo(entry.first.name, input); });
        if (!known) {
          Refuse(
              document, *entry.first.node, "unknown-rule",
              absl::StrCat("\"", entry.first.name, "\" is not one of `rules`"));
        }
      }
      const auto uses = [&](const std::vector<NameNode>& names) {
        return std::any_of(names.begin(), names.end(),
                           [&](const NameNode& name) {
                             return name.name == alias.alias.name;
                           });
      };
      if (!uses(document->group_by) && !uses(document->value_fields) &&
          !uses(document->peers)) {
        document->reporter.Warning(
            *alias.alias.node, "unused-alias",
            absl::StrCat("nothing uses the alias \"", alias.alias.name, "\""));
      }
    }
  }

  void CompileTemporal(RuleDocument* document) {
    if (!document->temporal) return;
    std::string problem;
    if (!CompileTemporalExpression(*document->temporal, document->inputs,
                                   document->rule.type,
                                   &document->rule.expression, &problem)) {
      Refuse(document, *document->temporal_node, "bad-condition", problem);
    }
  }

  void ApplyFilter(RuleDocument* filter) {
    const bool expired = filter->expires_ms != 0 && options_.now_ms != 0 &&
                         filter->expires_ms <= options_.now_ms;
    if (expired) {
      filter->reporter.Warning(
          *filter->node->Find("expires"), "expired-filter",
          absl::StrCat("the filter expired and does nothing",
                       filter->owner.empty()
                           ? ""
                           : absl::StrCat("; its owner is ", filter->owner)));
    }
    std::vector<size_t> targets;
    if (filter->any_rule) {
      for (size_t i = 0; i < documents_.size(); ++i) {
        const RuleDocument& document = *documents_[i];
        if (document.kind == Kind::kDetection && !document.refused &&
            Covers(filter->logsource, document.logsource)) {
          targets.push_back(i);
        }
      }
    }
    for (const NameNode& name : filter->targets) {
      const absl::optional<size_t> found = FindRule(filter, name);
      if (!found) continue;
      const RuleDocument& rule = *documents_[*found];
      if (rule.refused) {
        Refuse(filter, *name.node, "refused-rule",
               absl::StrCat("the rule \"", name.name, "\" was refused"));
      } else if (IsStateful(rule)) {
        Refuse(filter, *name.node, "not-a-detection",
               absl::StrCat("\"", name.name,
                            "\" is no detection; filters apply to events"),
               "name the rules that it correlates");
      } else if (!Covers(filter->logsource, rule.logsource)) {
        Refuse(filter, *name.node, "logsource-mismatch",
               absl::StrCat("the filter's logsource is not that of \"",
                            name.name, "\""));
      } else {
        targets.push_back(*found);
      }
    }
    if (filter->refused || expired) return;
    filter_nodes_ += targets.size() * filter->expression.Size();
    if (filter_nodes_ > kMaxFilterNodes) {
      Refuse(filter, *filter->node, "too-large",
             "the filters make more than 5,000,000 tests over all rules");
      return;
    }
    for (const size_t target : targets) {
      Expression part = filter->expression;
      part.label = absl::StrCat("filter ", filter->rule.title);
      filters_[target].push_back(std::move(part));
    }
  }

  // One level for all of a rule's filters, beside the rule's own expression.
  void FoldFilters() {
    for (auto& [index, parts] : filters_) {
      RuleDocument& rule = *documents_[index];
      std::vector<Expression> all;
      all.push_back(std::move(rule.expression));
      for (Expression& part : parts) all.push_back(std::move(part));
      rule.expression = Expression::And(std::move(all));
    }
  }

  // Base rules alert by themselves only when a rule over them says `generate`.
  void DecideAlerting(const std::vector<size_t>& order) {
    std::vector<bool> used(documents_.size(), false);
    std::vector<bool> generated(documents_.size(), false);
    for (const size_t index : order) {
      const RuleDocument& document = *documents_[index];
      for (const size_t input : document.input_documents) {
        used[input] = true;
        if (document.generate) generated[input] = true;
      }
    }
    for (const size_t index : order) {
      RuleDocument& document = *documents_[index];
      document.rule.alerts = !used[index] || generated[index];
      if (options_.lint_missing_tests && document.rule.alerts &&
          document.tests.empty()) {
        document.reporter.Lint(*document.node, "missing-tests",
                               "the rule has no tests");
      }
    }
  }

  const CompileOptions& options_;
  std::vector<std::unique_ptr<RuleDocument>>& documents_;
  absl::flat_hash_map<std::string, size_t> by_id_;
  absl::flat_hash_map<std::string, std::vector<size_t>> by_name_;
  std::vector<bool> visited_;
  // By document: what its filters add to it.
  absl::flat_hash_map<size_t, std::vector<Expression>> filters_;
  size_t filter_nodes_ = 0;
};

}  // namespace

std::vector<size_t> LinkDocuments(
    const CompileOptions& options,
    std::vector<std::unique_ptr<RuleDocument>>* documents) {
  return Linker(options, documents).Link();
}

}  // namespace keywatch
