#include <algorithm>
#include <utility>

#include <xxhash.h>
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/rules/compiled_rule_set.h"
#include "daemon/rules/match_plan.h"

namespace keywatch {
namespace {

std::string Hash(absl::string_view text) {
  return absl::StrFormat("%016x", XXH3_64bits(text.data(), text.size()));
}

std::string ConditionText(const std::vector<Comparison>& condition) {
  std::vector<std::string> parts;
  for (const Comparison& c : condition) {
    parts.push_back(
        absl::StrFormat("%d %.17g", static_cast<int>(c.op), c.number));
  }
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, ",");
}

std::string FieldsText(const std::vector<std::vector<ResolvedField>>& inputs) {
  std::string out;
  for (const auto& fields : inputs) {
    for (const ResolvedField& field : fields) {
      absl::StrAppend(&out, field.group_index, ":", field.field.size(), ":",
                      field.field, ",");
    }
    out += ";";
  }
  return out;
}

std::string AnomalyText(const Anomaly& a) {
  const Baseline& b = a.baseline;
  std::string out = absl::StrFormat(
      "%d %d %d %d %d %d %d", b.history_ms, b.min_history_ms, b.min_events,
      b.forget_after_ms, b.learn_from_unalerted_only,
      static_cast<int>(b.season), static_cast<int>(b.model));
  absl::StrAppend(
      &out,
      absl::StrFormat("|%d %d %.17g %.17g %.17g %d %d",
                      static_cast<int>(a.measure.kind),
                      static_cast<int>(a.direction), a.score, a.margin, a.floor,
                      a.for_ms, a.keep_ms),
      absl::StrFormat("|%d %d %.17g|%d %d:%s %d:%s %d|%.17g %d", a.numerator,
                      a.denominator, a.floor_denominator, a.every_ms,
                      a.schedule.size(), a.schedule, a.timezone.size(),
                      a.timezone, a.grace_ms, a.floor_distance_km,
                      a.known_places));
  return out;
}

void CollectFields(const Expression& expression,
                   std::vector<std::string>* fields) {
  if (expression.predicate != nullptr) {
    fields->push_back(expression.predicate->field);
    if (!expression.predicate->other_field.empty()) {
      fields->push_back(expression.predicate->other_field);
    }
  }
  for (const Expression& child : expression.children) {
    CollectFields(child, fields);
  }
}

}  // namespace

// RuleSetBuilder makes a CompiledRuleSet out of linked documents.
class RuleSetBuilder {
 public:
  RuleSetBuilder(const CompileOptions& options,
                 const std::vector<size_t>& order,
                 std::vector<std::unique_ptr<RuleDocument>>* documents)
      : options_(options),
        order_(order),
        documents_(*documents),
        set_(new CompiledRuleSet) {}

  std::shared_ptr<const CompiledRuleSet> Build() {
    set_->ignore_logsource_ = options_.ignore_logsource;
    set_->InternWellKnown(options_.key_field);
    for (const std::string& field : options_.extra_fields) {
      set_->fields_.Intern(field);
    }
    index_of_.assign(documents_.size(), 0);
    for (size_t i = 0; i < order_.size(); ++i) {
      index_of_[order_[i]] = static_cast<uint32_t>(i);
    }
    for (const size_t index : order_) AddRule(documents_[index].get());
    for (Rule& rule : set_->rules_) {
      for (const uint32_t input : rule.inputs) {
        set_->rules_[input].consumers.push_back(
            static_cast<uint32_t>(&rule - set_->rules_.data()));
      }
    }
    SortRoutes();
    std::string all;
    for (const Rule& rule : set_->rules_) {
      absl::StrAppend(&all, rule.id.str().size(), ":", rule.id.str(), ":",
                      rule.meaning, rule.alerts ? "!" : ".", ";");
    }
    set_->hash_ = Hash(all);
    return set_;
  }

 private:
  void AddRule(RuleDocument* document) {
    const uint32_t index = static_cast<uint32_t>(set_->rules_.size());
    Rule rule = std::move(document->rule);
    if (document->kind == RuleDocument::Kind::kDetection) {
      CompiledDetection detection;
      detection.logsource = document->logsource;
      detection.expression = std::move(document->expression);
      rule.meaning = Hash(absl::StrCat(
          "d|", detection.logsource.product.size(), ":",
          detection.logsource.product, "|", detection.logsource.category.size(),
          ":", detection.logsource.category, "|", detection.logsource.service,
          "|", detection.expression.Canonical()));
      std::vector<std::string> read;
      CollectFields(detection.expression, &read);
      AddEvidence(read, &rule);
      BindExpression(&detection.expression);
      AddRoute(detection.logsource);
      set_->detections_.push_back(std::move(detection));
    } else {
      AddStateful(*document, &rule);
    }
    AddEvidence(document->fields, &rule);
    set_->by_id_[rule.id.str()] = index;
    for (InlineTest& test : document->tests) {
      test.rule = index;
      set_->tests_.push_back(std::move(test));
    }
    set_->rules_.push_back(std::move(rule));
  }

  void AddStateful(const RuleDocument& document, Rule* rule) {
    std::vector<std::string> meanings;
    for (const size_t input : document.input_documents) {
      const uint32_t at = index_of_[input];
      rule->inputs.push_back(at);
      meanings.push_back(absl::StrCat(set_->rules_[at].id.str(), "=",
                                      set_->rules_[at].meaning));
    }
    rule->group_refs = Bind(document.group_fields, rule);
    rule->value_refs = Bind(document.value_field_refs, rule);
    rule->anomaly.peers = Bind(document.peer_fields, rule);
    std::string steps;
    for (const BooleanStep& step : rule->expression) {
      absl::StrAppend(&steps, static_cast<int>(step.op), ":", step.input, ",");
    }
    const std::string text = absl::StrCat(
        "s|", RuleTypeName(rule->type), "|", absl::StrJoin(meanings, ","), "|",
        absl::StrJoin(rule->group_by, ","), "|",
        FieldsText(document.group_fields), "|", rule->timespan_ms, "|",
        ConditionText(rule->condition), "|", steps, "|",
        absl::StrJoin(rule->value_fields, ","), "|",
        FieldsText(document.value_field_refs), "|",
        FieldsText(document.peer_fields), "|",
        absl::StrFormat("%.17g|", rule->percentile),
        AnomalyText(rule->anomaly));
    rule->meaning = Hash(text);
  }

  std::vector<std::vector<FieldRef>> Bind(
      const std::vector<std::vector<ResolvedField>>& inputs, Rule* rule) {
    std::vector<std::vector<FieldRef>> bound;
    for (const auto& fields : inputs) {
      std::vector<FieldRef> refs;
      for (const ResolvedField& field : fields) {
        FieldRef ref;
        ref.group_index = field.group_index;
        if (field.group_index < 0) {
          ref.slot = set_->fields_.Intern(field.field);
          AddEvidence({field.field}, rule);
        }
        refs.push_back(ref);
      }
      bound.push_back(std::move(refs));
    }
    return bound;
  }

  void AddEvidence(const std::vector<std::string>& fields, Rule* rule) {
    // An alert is read by people.
    constexpr size_t kMaxEvidence = 64;
    for (const std::string& field : fields) {
      if (field.empty() || field == FieldTable::kAllStrings) continue;
      const Slot slot = set_->fields_.Intern(field);
      auto& slots = rule->evidence_slots;
      if (slots.size() < kMaxEvidence &&
          std::find(slots.begin(), slots.end(), slot) == slots.end()) {
        slots.push_back(slot);
      }
    }
  }

  void BindExpression(Expression* expression) {
    for (Expression& child : expression->children) BindExpression(&child);
    if (expression->predicate == nullptr) return;
    const auto [it, inserted] = predicates_.try_emplace(
        expression->predicate->Canonical(),
        static_cast<uint32_t>(set_->predicates_.size()));
    if (inserted) {
      auto bound = std::make_shared<Predicate>(*expression->predicate);
      bound->slot = set_->fields_.Intern(bound->field);
      if (!bound->other_field.empty()) {
        bound->other_slot = set_->fields_.Intern(bound->other_field);
      }
      set_->predicates_.push_back(std::move(bound));
    }
    expression->index = it->second;
    expression->predicate = set_->predicates_[it->second];
  }

  void AddRoute(const LogSourceSpec& source) {
    const auto add = [](const std::string& value,
                        std::vector<std::string>* to) {
      if (!value.empty()) to->push_back(value);
    };
    add(source.product, &set_->products_.values);
    add(source.category, &set_->categories_.values);
    add(source.service, &set_->services_.values);
  }

  void SortRoutes() {
    for (auto* names :
         {&set_->products_, &set_->categories_, &set_->services_}) {
      auto& values = names->values;
      std::sort(values.begin(), values.end());
      values.erase(std::unique(values.begin(), values.end()), values.end());
    }
  }

  const CompileOptions& options_;
  const std::vector<size_t>& order_;
  std::vector<std::unique_ptr<RuleDocument>>& documents_;
  std::shared_ptr<CompiledRuleSet> set_;
  std::vector<uint32_t> index_of_;
  absl::flat_hash_map<std::string, uint32_t> predicates_;
};

std::shared_ptr<const CompiledRuleSet> CompiledRuleSet::Build(
    const CompileOptions& options, const std::vector<size_t>& order,
    std::vector<std::unique_ptr<RuleDocument>>* documents) {
  return RuleSetBuilder(options, order, documents).Build();
}

}  // namespace keywatch
