#include "daemon/rules/match_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/event.h"
#include "daemon/rules/trigger.h"

namespace keywatch {

// MatchPlanBuilder makes the plan of one route.
class MatchPlanBuilder {
 public:
  MatchPlanBuilder(const CompiledRuleSet& rules, uint32_t route,
                   const PredicateSamples* samples)
      : rules_(rules), samples_(samples), plan_(new MatchPlan) {
    for (uint32_t rule = 0; rule < rules.detections().size(); ++rule) {
      if (rules.Routed(route, rule)) routed_.push_back(rule);
    }
  }

  std::shared_ptr<const MatchPlan> Build() {
    const size_t predicates = rules_.predicates().size();
    uses_.assign(predicates, 0);
    for (const uint32_t rule : routed_) CountUses(Root(rule));
    literals_.resize(predicates);
    frequency_.assign(predicates, 1);
    plan_->field_of_predicate_.assign(predicates, MatchPlan::kNoField);
    for (uint32_t i = 0; i < predicates; ++i) {
      if (uses_[i] > 0) AddPredicate(i);
    }
    ChooseAllTriggers();
    plan_->entries_.assign(rules_.detections().size(), MatchPlan::kNoMatch);
    for (const uint32_t rule : routed_) {
      plan_->entries_[rule] =
          Compile(Root(rule), false, MatchPlan::kMatch, MatchPlan::kNoMatch);
      AddTriggers(rule);
    }
    for (uint32_t i = 0; i < predicates; ++i) {
      const bool dear =
          rules_.predicates()[i]->kind == Predicate::Kind::kRegex &&
          plan_->field_of(i) == MatchPlan::kNoField;
      if (uses_[i] > 0 && !dear) plan_->sampled_.push_back(i);
    }
    Finish();
    return std::move(plan_);
  }

 private:
  using Mode = LiteralIndex::Mode;
  static constexpr double kEvaluate = 36;

  // A literal while it is filled.
  struct Draft {
    std::vector<uint32_t> predicates;
    std::vector<MatchPlan::Trigger> triggers;
  };

  const Expression& Root(uint32_t rule) const {
    return rules_.detections()[rule].expression;
  }

  void CountUses(const Expression& expression) {
    if (expression.op == Expression::Op::kPredicate) ++uses_[expression.index];
    for (const Expression& child : expression.children) CountUses(child);
  }

  // How an index of its field finds a predicate.
  enum class Indexed {
    kNot,
    kByText,
    kByRange,
    kByThreshold,
    kByRegex,
    kByBeing
  };

  bool IsText(uint32_t index) const {
    return !literals_[index].necessary.empty();
  }
  Indexed IndexedAs(uint32_t index) const {
    if (IsText(index)) return Indexed::kByText;
    const Predicate& predicate = *rules_.predicates()[index];
    switch (predicate.kind) {
      case Predicate::Kind::kCidr:
        return Indexed::kByRange;
      case Predicate::Kind::kCompare:
        return ThresholdIndex::Takes(predicate.compare) ? Indexed::kByThreshold
                                                        : Indexed::kNot;
      case Predicate::Kind::kRegex:
        return Indexed::kByRegex;
      case Predicate::Kind::kExists:
      case Predicate::Kind::kNull:
        // Every event has its time, whatever the record called it.
        return predicate.field == field::kTimestamp ? Indexed::kNot
                                                    : Indexed::kByBeing;
      default:
        return Indexed::kNot;
    }
  }

  void AddPredicate(uint32_t index) {
    const Predicate& predicate = *rules_.predicates()[index];
    literals_[index] = LiteralsOf(predicate);
    // What many rules ask for is likely to be common: the log is about it.
    frequency_[index] = std::min(
        1.0, GuessFrequency(predicate, literals_[index]) *
                 (1 + 0.25 * std::log2(static_cast<double>(uses_[index]))));
    if (samples_ != nullptr &&
        samples_->held[index] != PredicateSamples::kUnknown) {
      // A guess weighs as much as a few events.
      constexpr double kGuess = 4;
      frequency_[index] = (samples_->held[index] + kGuess * frequency_[index]) /
                          (samples_->events + kGuess);
    }
    if (predicate.kind == Predicate::Kind::kCidr) {
      drafts_[IndexLiteral(index)].predicates.push_back(index);
      return;
    }
    if (!literals_[index].exact) return;
    const uint32_t field = FieldOf(predicate.slot);
    plan_->field_of_predicate_[index] = field;
    const uint32_t literal =
        LiteralIn(field, literals_[index].necessary.front());
    drafts_[literal].predicates.push_back(index);
  }

  uint32_t FieldOf(Slot slot) {
    const auto [it, inserted] = fields_by_slot_.try_emplace(
        slot, static_cast<uint32_t>(plan_->fields_.size()));
    if (inserted) {
      plan_->fields_.emplace_back();
      plan_->fields_.back().slot = slot;
    }
    return it->second;
  }

  // The literal in that field's index, put there when it is new.
  uint32_t LiteralIn(uint32_t field, const ValueLiteral& value) {
    const auto key =
        std::make_tuple(field, value.mode, value.cased, value.text);
    const auto [it, inserted] =
        literal_ids_.try_emplace(key, static_cast<uint32_t>(drafts_.size()));
    if (inserted) {
      drafts_.emplace_back();
      MatchPlan::Field& f = plan_->fields_[field];
      (value.cased ? f.cased : f.folded)
          .Add(value.mode, value.text, it->second);
    }
    return it->second;
  }

  // The literal of a predicate that is indexed by anything but text, put into
  // its field's index when it is new. It then stands for the predicate, but for
  // those that are as quickly evaluated.
  uint32_t IndexLiteral(uint32_t index) {
    const auto [it, inserted] = index_literals_.try_emplace(
        index, static_cast<uint32_t>(drafts_.size()));
    if (!inserted) return it->second;
    const uint32_t id = it->second;
    drafts_.emplace_back();
    const Predicate& predicate = *rules_.predicates()[index];
    const uint32_t at = FieldOf(predicate.slot);
    MatchPlan::Field& field = plan_->fields_[at];
    switch (IndexedAs(index)) {
      case Indexed::kByRange:
        field.ranges.Add(predicate.range, id);
        plan_->field_of_predicate_[index] = at;
        break;
      case Indexed::kByRegex:
        field.regexes.Add(predicate.regex, id);
        plan_->field_of_predicate_[index] = at;
        drafts_[id].predicates.push_back(index);
        break;
      case Indexed::kByThreshold:
        field.thresholds.Add(predicate.compare, id);
        break;
      case Indexed::kByBeing:
        (predicate.kind == Predicate::Kind::kNull ? field.null
                                                  : field.present) = id;
        break;
      case Indexed::kNot:
      case Indexed::kByText:
        break;
    }
    return id;
  }

  // Emits the decision list backwards, so that the targets of a step are known
  // when it is made; gives its first step.
  int32_t Compile(const Expression& expression, bool negated, int32_t if_true,
                  int32_t if_false) {
    switch (expression.op) {
      case Expression::Op::kConstant:
        return expression.constant != negated ? if_true : if_false;
      case Expression::Op::kNot:
        return Compile(expression.children.front(), !negated, if_true,
                       if_false);
      case Expression::Op::kPredicate:
        if (negated) std::swap(if_true, if_false);
        plan_->steps_.push_back({expression.index, if_true, if_false});
        return static_cast<int32_t>(plan_->steps_.size()) - 1;
      case Expression::Op::kAnd:
      case Expression::Op::kOr:
        break;
    }
    const bool all = (expression.op == Expression::Op::kAnd) != negated;
    // First what decides soonest for its cost; the list is made from its end.
    std::vector<std::pair<double, const Expression*>> children;
    for (const Expression& child : expression.children) {
      const double holds = Likelihood(child, negated);
      const double decides = std::max(0.001, all ? 1 - holds : holds);
      children.push_back({Cost(child) / decides, &child});
    }
    std::stable_sort(
        children.begin(), children.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    int32_t next = all ? if_true : if_false;
    for (auto it = children.rbegin(); it != children.rend(); ++it) {
      next = all ? Compile(*it->second, negated, next, if_false)
                 : Compile(*it->second, negated, if_true, next);
    }
    return next;
  }

  // How likely the expression (or its negation) holds, if predicates had
  // nothing to do with each other.
  double Likelihood(const Expression& expression, bool negated) const {
    double holds = 0;
    switch (expression.op) {
      case Expression::Op::kConstant:
        holds = expression.constant ? 1 : 0;
        break;
      case Expression::Op::kPredicate:
        holds = frequency_[expression.index];
        break;
      case Expression::Op::kNot:
        return Likelihood(expression.children.front(), !negated);
      case Expression::Op::kAnd:
        holds = 1;
        for (const Expression& child : expression.children) {
          holds *= Likelihood(child, false);
        }
        break;
      case Expression::Op::kOr:
        holds = 1;
        for (const Expression& child : expression.children) {
          holds *= Likelihood(child, true);
        }
        holds = 1 - holds;
        break;
    }
    return negated ? 1 - holds : holds;
  }

  double Cost(const Expression& expression) const {
    if (expression.op == Expression::Op::kPredicate) {
      if (literals_[expression.index].exact) return 1;
      switch (rules_.predicates()[expression.index]->kind) {
        case Predicate::Kind::kText:
          return 30;
        case Predicate::Kind::kRegex:
          return 200;
        case Predicate::Kind::kCidr:
        case Predicate::Kind::kTimePart:
        case Predicate::Kind::kFieldRef:
          return 20;
        default:
          return 1;
      }
    }
    double cost = 0;
    for (const Expression& child : expression.children) cost += Cost(child);
    return cost;
  }

  // The cost of a trigger is that of looking at its rule as often as it fires,
  // and its share of that of looking into its field for every event. The shares
  // depend on what other rules choose: at first as if all chose the field that
  // can, then chosen again until that has settled.
  void ChooseAllTriggers() {
    constexpr double kLook = 60;
    constexpr int kRounds = 4;
    std::map<Slot, double> users;  // rules with a trigger of the field
    for (const uint32_t rule : routed_) {
      std::set<Slot> slots;
      CollectSlots(Root(rule), &slots);
      for (const Slot slot : slots) ++users[slot];
    }
    const TriggerCost cost = [&](const TriggerSet& set) {
      double sum = 0;
      std::map<Slot, double> scans;
      for (const uint32_t index : set.predicates) {
        sum += frequency_[index] * kLook;
        if (IndexedAs(index) == Indexed::kNot) {
          sum += kEvaluate;
          continue;
        }
        double& scan = scans[rules_.predicates()[index]->slot];
        scan = std::max(scan, ScanCost(index));
      }
      for (const auto& [slot, scan] : scans) sum += scan / (1 + users[slot]);
      for (const Absence& absence : set.absences) {
        double held = 0;
        for (const uint32_t index : absence) held += frequency_[index];
        sum += std::max(0.01, 1 - held) * kLook + kEvaluate;
      }
      return sum;
    };
    for (int round = 0; round < kRounds; ++round) {
      std::map<Slot, double> next;
      for (const uint32_t rule : routed_) {
        TriggerSet& set = triggers_[rule];
        set = ChooseTriggers(Root(rule), cost);
        std::set<Slot> slots;
        for (const uint32_t index : set.predicates) {
          if (IndexedAs(index) != Indexed::kNot) {
            slots.insert(rules_.predicates()[index]->slot);
          }
        }
        for (const Slot slot : slots) ++next[slot];
      }
      users = std::move(next);
    }
  }

  void CollectSlots(const Expression& expression, std::set<Slot>* slots) const {
    if (expression.op == Expression::Op::kPredicate &&
        IndexedAs(expression.index) != Indexed::kNot) {
      slots->insert(rules_.predicates()[expression.index]->slot);
    }
    for (const Expression& child : expression.children) {
      CollectSlots(child, slots);
    }
  }

  // What it costs an event to look into the predicate's field. In about
  // nanoseconds, as all costs here.
  double ScanCost(uint32_t index) const {
    switch (IndexedAs(index)) {
      case Indexed::kByText:
        return 120;
      case Indexed::kByRange:
        return 60;
      case Indexed::kByThreshold:
      case Indexed::kByBeing:
        return 10;
      case Indexed::kByRegex:
        return 1000;
      case Indexed::kNot:
        break;
    }
    return kEvaluate;
  }

  void AddTriggers(uint32_t rule) {
    const TriggerSet& set = triggers_[rule];
    if (!set.possible) {
      plan_->always_.push_back(rule);
      return;
    }
    for (const Absence& absence : set.absences) {
      AddTrigger({rule, set.sufficient}, &directs_[{true, absence}]);
    }
    for (const uint32_t index : set.predicates) {
      const PredicateLiterals& literals = literals_[index];
      const Indexed indexed = IndexedAs(index);
      if (indexed == Indexed::kNot) {
        AddTrigger({rule, set.sufficient}, &directs_[{false, {index}}]);
        continue;
      }
      const uint32_t field = FieldOf(rules_.predicates()[index]->slot);
      plan_->fields_[field].has_triggers = true;
      if (indexed != Indexed::kByText) {
        AddTrigger({rule, set.sufficient},
                   &drafts_[IndexLiteral(index)].triggers);
        continue;
      }
      for (const ValueLiteral& value : literals.necessary) {
        AddTrigger({rule, set.sufficient && literals.exact},
                   &drafts_[LiteralIn(field, value)].triggers);
      }
    }
  }

  static void AddTrigger(MatchPlan::Trigger trigger,
                         std::vector<MatchPlan::Trigger>* triggers) {
    // A rule's triggers are added together.
    if (!triggers->empty() && triggers->back().rule == trigger.rule) {
      triggers->back().decides |= trigger.decides;
      return;
    }
    triggers->push_back(trigger);
  }

  void Finish() {
    for (auto& [key, triggers] : directs_) {
      plan_->directs_.push_back({key.first, key.second, std::move(triggers)});
    }
    for (const auto& [key, id] : literal_ids_) {
      const auto& [field, mode, cased, text] = key;
      int64_t number = 0;
      if (mode != Mode::kEqual || !absl::SimpleAtoi(text, &number) ||
          absl::StrCat(number) != text) {
        continue;
      }
      // Digits have no case: both indexes may hold the same number.
      const uint32_t first = plan_->fields_[field].numbers.Add(number, id);
      if (first != id) MergeInto(drafts_[id], &drafts_[first]);
    }
    for (MatchPlan::Field& field : plan_->fields_) {
      field.folded.Build();
      field.cased.Build();
      field.numbers.Build();
      field.thresholds.Build();
      field.regexes.Build();
      field.indexes_strings = !field.folded.empty() || !field.cased.empty() ||
                              !field.ranges.empty() ||
                              !field.thresholds.empty() ||
                              !field.regexes.empty();
      field.numbers_need_text =
          field.folded.scans() || field.cased.scans() || !field.regexes.empty();
    }
    FlattenLiterals();
    // Fields with triggers first; predicates follow their field.
    std::vector<uint32_t> order(plan_->fields_.size());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_partition(order.begin(), order.end(), [this](uint32_t i) {
      return plan_->fields_[i].has_triggers;
    });
    std::vector<MatchPlan::Field> fields;
    std::vector<uint32_t> moved(order.size());
    for (uint32_t i = 0; i < order.size(); ++i) {
      moved[order[i]] = i;
      if (plan_->fields_[order[i]].has_triggers) ++plan_->trigger_fields_;
      fields.push_back(std::move(plan_->fields_[order[i]]));
    }
    plan_->fields_ = std::move(fields);
    for (uint32_t& field : plan_->field_of_predicate_) {
      if (field != MatchPlan::kNoField) field = moved[field];
    }
  }

  static void MergeInto(const Draft& from, Draft* to) {
    for (const uint32_t p : from.predicates) to->predicates.push_back(p);
    for (const MatchPlan::Trigger& t : from.triggers) to->triggers.push_back(t);
  }

  void FlattenLiterals() {
    for (const Draft& draft : drafts_) {
      MatchPlan::Literal literal;
      auto& predicates = plan_->literal_predicates_;
      auto& triggers = plan_->literal_triggers_;
      literal.first_predicate = static_cast<uint32_t>(predicates.size());
      predicates.insert(predicates.end(), draft.predicates.begin(),
                        draft.predicates.end());
      literal.last_predicate = static_cast<uint32_t>(predicates.size());
      literal.first_trigger = static_cast<uint32_t>(triggers.size());
      triggers.insert(triggers.end(), draft.triggers.begin(),
                      draft.triggers.end());
      literal.last_trigger = static_cast<uint32_t>(triggers.size());
      plan_->literals_.push_back(literal);
    }
  }

  const CompiledRuleSet& rules_;
  const PredicateSamples* const samples_;  // may be null
  std::shared_ptr<MatchPlan> plan_;
  std::vector<uint32_t> routed_;
  std::vector<uint32_t> uses_;  // by predicate: in routed rules
  std::vector<PredicateLiterals> literals_;
  std::vector<double> frequency_;
  std::map<Slot, uint32_t> fields_by_slot_;
  std::map<std::tuple<uint32_t, Mode, bool, std::string>, uint32_t>
      literal_ids_;
  std::vector<Draft> drafts_;                    // by literal
  std::map<uint32_t, TriggerSet> triggers_;      // by rule
  std::map<uint32_t, uint32_t> index_literals_;  // by predicate
  // By whether it is an absence, and the predicates.
  std::map<std::pair<bool, std::vector<uint32_t>>,
           std::vector<MatchPlan::Trigger>>
      directs_;
};

std::shared_ptr<const MatchPlan> MatchPlan::Build(
    const CompiledRuleSet& rules, uint32_t route,
    const PredicateSamples* samples) {
  return MatchPlanBuilder(rules, route, samples).Build();
}

}  // namespace keywatch
