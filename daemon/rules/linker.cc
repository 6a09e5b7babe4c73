#include "daemon/rules/linker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/rules/filter_folder.h"
#include "daemon/rules/rule_names.h"
#include "daemon/rules/temporal_expression.h"

namespace keywatch {
namespace {

using Kind = RuleDocument::Kind;

bool IsStateful(const RuleDocument& document) {
  return document.kind == Kind::kCorrelation || document.kind == Kind::kAnomaly;
}

class Linker {
 public:
  Linker(const CompileOptions& options,
         std::vector<std::unique_ptr<RuleDocument>>* documents)
      : options_(options), documents_(*documents), names_(documents) {}

  std::vector<size_t> Link() {
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
    FilterFolder(options_, names_, &documents_).Fold();
    DecideAlerting(order);
    return order;
  }

 private:
  void ResolveInputs(RuleDocument* document) {
    for (const NameNode& input : document->inputs) {
      const absl::optional<size_t> found = names_.Find(input, document);
      if (!found) continue;
      const auto& before = document->input_documents;
      if (std::find(before.begin(), before.end(), *found) != before.end()) {
        document->Refuse(*input.node, "duplicate-name",
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
        document.Refuse(*document.inputs[at].node, "cycle",
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
      document.Refuse(*document.node, "too-deep",
                      "correlations are chained more than 50 deep");
      return;
    }
    for (size_t i = 0; i < document.input_documents.size(); ++i) {
      const size_t input_index = document.input_documents[i];
      const RuleDocument& input = *documents_[input_index];
      if (IsStateful(input)) LinkStateful(input_index, order, depth + 1);
      if (input.refused) {
        document.Refuse(*document.inputs[i].node, "refused-rule",
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
    document->Refuse(key == nullptr ? *document->node : *key, "unsupported",
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
        if (names_.RefersTo(entry.first.name,
                            document->input_documents[input])) {
          field = &entry.second;
        }
      }
      if (field == nullptr) {
        document->Refuse(*alias.alias.node, "incomplete-alias",
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
      document->Refuse(
          *name.node, "field-not-in-group",
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

  void WarnOfUnusedAliases(RuleDocument* document) {
    for (const FieldAlias& alias : document->aliases) {
      for (const auto& entry : alias.fields) {
        const bool known =
            std::any_of(document->input_documents.begin(),
                        document->input_documents.end(), [&](size_t input) {
                          return names_.RefersTo(entry.first.name, input);
                        });
        if (!known) {
          document->Refuse(
              *entry.first.node, "unknown-rule",
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
      document->Refuse(*document->temporal_node, "bad-condition", problem);
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
  const RuleNames names_;
  std::vector<bool> visited_;
};

}  // namespace

std::vector<size_t> LinkDocuments(
    const CompileOptions& options,
    std::vector<std::unique_ptr<RuleDocument>>* documents) {
  return Linker(options, documents).Link();
}

}  // namespace keywatch
