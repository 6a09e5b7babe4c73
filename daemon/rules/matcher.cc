#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/rules/case_fold.h"
#include "daemon/rules/compiled_rule_set.h"
#include "daemon/rules/match_plan.h"
#include "daemon/rules/predicate.h"
#include "daemon/rules/value_cache.h"

namespace keywatch {
namespace {

// What one event makes of one route's plan. Everything known of an event bears
// the event's stamp, so that nothing is cleared between events.
class PlanMatcher {
 public:
  PlanMatcher(const CompiledRuleSet& rules,
              std::shared_ptr<const MatchPlan> plan)
      : rules_(rules),
        plan_(std::move(plan)),
        outcomes_(rules.predicates().size(), 0),
        looked_at_(rules.detections().size(), 0),
        scanned_(plan_->fields().size(), 0),
        caches_(plan_->fields().size()) {}

  void Match(const Event& event, std::vector<uint32_t>* matches) {
    NextStamp();
    event_ = &event;
    matches_ = matches;
    const size_t first = matches->size();
    for (uint32_t f = 0; f < plan_->trigger_fields(); ++f) {
      if (!event.at(plan_->fields()[f].slot).absent()) Scan(f);
    }
    for (const MatchPlan::Direct& direct : plan_->directs()) {
      if (Holds(direct.predicate)) Fire(direct.triggers);
    }
    for (const uint32_t rule : plan_->always()) {
      Fire({rule, /*decides=*/false});
    }
    for (const uint32_t rule : candidates_) {
      if (Decide(rule)) matches->push_back(rule);
    }
    candidates_.clear();
    if (matches->size() > first + 1) {
      std::sort(matches->begin() + first, matches->end());
    }
  }

 private:
  void NextStamp() {
    if (++stamp_ < (uint32_t{1} << 31)) return;
    std::fill(outcomes_.begin(), outcomes_.end(), 0);
    std::fill(looked_at_.begin(), looked_at_.end(), 0);
    std::fill(scanned_.begin(), scanned_.end(), 0);
    stamp_ = 1;
  }

  void Fire(const std::vector<MatchPlan::Trigger>& triggers) {
    for (const MatchPlan::Trigger& trigger : triggers) Fire(trigger);
  }

  void Fire(MatchPlan::Trigger trigger) {
    // Late in an event, an index may be asked again for other reasons.
    uint32_t& looked_at = looked_at_[trigger.rule];
    if (trigger.decides) {
      if (looked_at == stamp_ * 2 + 1) return;
      looked_at = stamp_ * 2 + 1;
      matches_->push_back(trigger.rule);
      return;
    }
    if (looked_at >= stamp_ * 2) return;
    looked_at = stamp_ * 2;
    candidates_.push_back(trigger.rule);
  }

  bool Decide(uint32_t rule) {
    // Another trigger may have decided it since.
    if (looked_at_[rule] == stamp_ * 2 + 1) return false;
    int32_t at = plan_->entry(rule);
    while (at >= 0) {
      const MatchPlan::Step& step = plan_->step(at);
      at = Holds(step.predicate) ? step.if_true : step.if_false;
    }
    return at == MatchPlan::kMatch;
  }

  bool Holds(uint32_t predicate) {
    uint32_t& outcome = outcomes_[predicate];
    if (outcome >> 1 == stamp_) return outcome & 1;
    const uint32_t field = plan_->field_of(predicate);
    if (field == MatchPlan::kNoField) {
      const bool holds =
          evaluator_.Evaluate(*rules_.predicates()[predicate], *event_);
      outcome = stamp_ << 1 | (holds ? 1 : 0);
      return holds;
    }
    if (scanned_[field] != stamp_) {
      Scan(field);
      if (outcome >> 1 == stamp_) return outcome & 1;
    }
    // The field's index would have found it.
    outcome = stamp_ << 1;
    return false;
  }

  void Scan(uint32_t f) {
    scanned_[f] = stamp_;
    const MatchPlan::Field& field = plan_->fields()[f];
    event_->at(field.slot).AnyElement([&](const Value& element) {
      ScanElement(field, f, element);
      return false;
    });
  }

  void ScanElement(const MatchPlan::Field& field, uint32_t f,
                   const Value& element) {
    switch (element.type()) {
      case Value::Type::kString:
        ScanString(field, f, element.string_value());
        return;
      case Value::Type::kInt: {
        const auto it = field.numbers.find(element.int_value());
        if (it != field.numbers.end()) Found(field, it->second);
        if (!field.folded.scans() && !field.cased.scans()) return;
        break;
      }
      case Value::Type::kBool:
      case Value::Type::kDouble:
        break;
      default:
        return;
    }
    ScalarBuffer buffer;
    ScanText(field, ComparableText(element, buffer),
             [&](uint32_t literal) { Found(field, literal); });
  }

  void ScanString(const MatchPlan::Field& field, uint32_t f,
                  absl::string_view text) {
    if (!field.cacheable) {
      ScanText(field, text, [&](uint32_t literal) { Found(field, literal); });
      return;
    }
    bool known = false;
    ValueCache::Entry* entry = caches_[f].Find(text, &known);
    if (known) {
      for (uint16_t i = 0; i < entry->hits; ++i) {
        Found(field, entry->literals[i]);
      }
      return;
    }
    found_.clear();
    ScanText(field, text, [&](uint32_t literal) {
      if (std::find(found_.begin(), found_.end(), literal) == found_.end()) {
        found_.push_back(literal);
      }
    });
    if (entry != nullptr) ValueCache::Store(text, found_, entry);
    for (const uint32_t literal : found_) Found(field, literal);
  }

  template <typename F>
  void ScanText(const MatchPlan::Field& field, absl::string_view text, F emit) {
    if (!field.cased.empty()) field.cased.Find(text, emit);
    if (!field.folded.empty()) {
      field.folded.Find(FoldCaseInto(text, &folded_), emit);
    }
  }

  void Found(const MatchPlan::Field& field, uint32_t literal) {
    const MatchPlan::Literal& l = field.literals[literal];
    for (const uint32_t predicate : l.predicates) {
      outcomes_[predicate] = stamp_ << 1 | 1;
    }
    Fire(l.triggers);
  }

  const CompiledRuleSet& rules_;
  const std::shared_ptr<const MatchPlan> plan_;

  uint32_t stamp_ = 0;
  std::vector<uint32_t> outcomes_;   // by predicate: stamp << 1 | outcome
  std::vector<uint32_t> looked_at_;  // by rule: stamp << 1 | decided
  std::vector<uint32_t> scanned_;    // by field
  std::vector<ValueCache> caches_;   // by field

  const Event* event_ = nullptr;
  std::vector<uint32_t>* matches_ = nullptr;
  std::vector<uint32_t> candidates_;
  std::vector<uint32_t> found_;
  std::string folded_;
  PredicateEvaluator evaluator_;
};

class CompiledMatcher : public Matcher {
 public:
  explicit CompiledMatcher(std::shared_ptr<const RuleSet> rules)
      : rules_(std::move(rules)), compiled_(CompiledRuleSet::Of(*rules_)) {}

  void Match(const Event& event, std::vector<uint32_t>* matches) override {
    if (event.route != last_route_ || last_ == nullptr) Select(event.route);
    last_->Match(event, matches);
  }

 private:
  void Select(uint32_t route) {
    std::unique_ptr<PlanMatcher>& matcher = matchers_[route];
    if (matcher == nullptr) {
      matcher = std::make_unique<PlanMatcher>(compiled_, compiled_.Plan(route));
    }
    last_ = matcher.get();
    last_route_ = route;
  }

  const std::shared_ptr<const RuleSet> rules_;
  const CompiledRuleSet& compiled_;
  absl::flat_hash_map<uint32_t, std::unique_ptr<PlanMatcher>> matchers_;
  PlanMatcher* last_ = nullptr;
  uint32_t last_route_ = 0;
};

}  // namespace

std::unique_ptr<Matcher> NewMatcher(std::shared_ptr<const RuleSet> rules) {
  return std::make_unique<CompiledMatcher>(std::move(rules));
}

}  // namespace keywatch
