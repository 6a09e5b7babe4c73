#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "daemon/rules/case_fold.h"
#include "daemon/rules/compiled_rule_set.h"
#include "daemon/rules/ip_range.h"
#include "daemon/rules/match_plan.h"
#include "daemon/rules/predicate_evaluator.h"
#include "daemon/rules/value_cache.h"

namespace keywatch {
namespace {

// What one event makes of one route's plan. Everything known of an event bears
// the event's stamp, so that nothing is cleared between events.
class PlanMatcher {
 public:
  // `samples`: take samples of what holds.
  PlanMatcher(const CompiledRuleSet& rules,
              std::shared_ptr<const MatchPlan> plan, bool samples)
      : rules_(rules),
        plan_(std::move(plan)),
        outcomes_(rules.predicates().size(), 0),
        looked_at_(rules.detections().size(), 0),
        scanned_(plan_->fields().size(), 0),
        emitted_(plan_->literals(), 0),
        caches_(plan_->fields().size()),
        sampling_(samples) {
    if (!samples) return;
    samples_.held.assign(rules.predicates().size(), PredicateSamples::kUnknown);
    for (const uint32_t predicate : plan_->sampled()) {
      samples_.held[predicate] = 0;
    }
  }

  void Match(const Event& event, std::vector<uint32_t>* matches) {
    NextStamp();
    event_ = &event;
    matches_ = matches;
    const size_t first = matches->size();
    for (uint32_t f = 0; f < plan_->trigger_fields(); ++f) {
      Scan(f);
    }
    for (const MatchPlan::Direct& direct : plan_->directs()) {
      if (!Fires(direct)) continue;
      for (const MatchPlan::Trigger& trigger : direct.triggers) Fire(trigger);
    }
    for (const uint32_t rule : plan_->always()) {
      Fire({rule, /*decides=*/true});
    }
    for (const uint32_t rule : candidates_) {
      if (Decide(rule)) matches->push_back(rule);
    }
    candidates_.clear();
    if (matches->size() > first + 1) {
      std::sort(matches->begin() + first, matches->end());
    }
    if (ABSL_PREDICT_FALSE(sampling_) && stamp_ % kSampled == 0) Sample();
  }

  // Whether there are samples enough for a better plan.
  bool sampled() const { return samples_.events == kSamples; }
  const PredicateSamples& samples() const { return samples_; }

 private:
  // A plan by what the first thousand events are like is good enough.
  static constexpr uint32_t kSampled = 8;  // one of so many
  static constexpr uint32_t kSamples = 128;

  void Sample() {
    for (const uint32_t predicate : plan_->sampled()) {
      if (Holds(predicate)) ++samples_.held[predicate];
    }
    if (++samples_.events == kSamples) sampling_ = false;
  }

  void NextStamp() {
    if (++stamp_ < (uint32_t{1} << 31)) return;
    std::fill(outcomes_.begin(), outcomes_.end(), 0);
    std::fill(looked_at_.begin(), looked_at_.end(), 0);
    std::fill(scanned_.begin(), scanned_.end(), 0);
    stamp_ = 1;
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

  bool Fires(const MatchPlan::Direct& direct) {
    for (const uint32_t predicate : direct.predicates) {
      if (Holds(predicate)) return !direct.absence;
    }
    return direct.absence;
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
    const MatchPlan::Field& field = plan_->fields()[f];
    const Value& value = event_->at(field.slot);
    scanned_[f] = stamp_;
    if (value.absent()) {
      if (field.null != MatchPlan::kNoLiteral) Found(field.null);
      return;
    }
    if (field.present != MatchPlan::kNoLiteral) Found(field.present);
    if (value.is_string()) {
      ScanString(field, &caches_[f], value.string_value());
    } else if (value.is_list()) {
      for (uint32_t i = 0; i < value.list_size(); ++i) {
        const Value& element = value.list_at(i);
        if (element.is_string()) {
          ScanString(field, &caches_[f], element.string_value());
        } else {
          ScanScalar(field, element);
        }
      }
    } else {
      ScanScalar(field, value);
    }
  }

  void ScanString(const MatchPlan::Field& field, ValueCache* cache,
                  absl::string_view text) {
    if (!field.indexes_strings) return;
    const ValueCache::Entry* known = cache->Find(text);
    if (ABSL_PREDICT_TRUE(known != nullptr)) {
      for (uint32_t i = 0; i < known->hits; ++i) Found(known->literals[i]);
      return;
    }
    ScanNewString(field, cache, text);
  }

  ABSL_ATTRIBUTE_NOINLINE void ScanNewString(const MatchPlan::Field& field,
                                             ValueCache* cache,
                                             absl::string_view text) {
    found_.clear();
    if (++emission_ == 0) {
      std::fill(emitted_.begin(), emitted_.end(), 0);
      emission_ = 1;
    }
    const auto emit = [this](uint32_t literal) {
      if (emitted_[literal] == emission_) return;
      emitted_[literal] = emission_;
      found_.push_back(literal);
    };
    ScanText(field, text, emit);
    if (!field.ranges.empty()) {
      const auto address = ParseIp(text);
      if (address) field.ranges.Find(*address, emit);
    }
    if (!field.thresholds.empty()) {
      const auto number = ComparableNumber(Value::String(text));
      if (number) field.thresholds.Find(*number, emit);
    }
    cache->Store(text, found_);
    for (const uint32_t literal : found_) Found(literal);
  }

  // Anything but strings and lists.
  void ScanScalar(const MatchPlan::Field& field, const Value& value) {
    if (value.is_number() && !field.thresholds.empty()) {
      field.thresholds.Find(value.AsDouble(),
                            [this](uint32_t literal) { Found(literal); });
    }
    switch (value.type()) {
      case Value::Type::kInt: {
        const uint32_t literal = field.numbers.Find(value.int_value());
        if (literal != NumberIndex::kNone) Found(literal);
        if (!field.numbers_need_text) return;
        break;
      }
      case Value::Type::kBool:
      case Value::Type::kDouble:
        break;
      case Value::Type::kNull:
        if (field.null != MatchPlan::kNoLiteral) Found(field.null);
        return;
      default:
        return;
    }
    ScalarBuffer buffer;
    ScanText(field, ComparableText(value, buffer),
             [this](uint32_t literal) { Found(literal); });
  }

  template <typename F>
  void ScanText(const MatchPlan::Field& field, absl::string_view text, F emit) {
    if (!field.cased.empty()) field.cased.Find(text, emit);
    if (!field.folded.empty()) {
      field.folded.Find(FoldCaseInto(text, &folded_), emit);
    }
    if (!field.regexes.empty()) {
      regexes_.clear();
      field.regexes.Find(text, &regexes_);
      for (const uint32_t literal : regexes_) emit(literal);
    }
  }

  void Found(uint32_t id) {
    const MatchPlan::Literal& literal = plan_->literal(id);
    const uint32_t* predicates = plan_->literal_predicates();
    for (uint32_t i = literal.first_predicate; i < literal.last_predicate;
         ++i) {
      outcomes_[predicates[i]] = stamp_ << 1 | 1;
    }
    const MatchPlan::Trigger* triggers = plan_->literal_triggers();
    for (uint32_t i = literal.first_trigger; i < literal.last_trigger; ++i) {
      Fire(triggers[i]);
    }
  }

  const CompiledRuleSet& rules_;
  const std::shared_ptr<const MatchPlan> plan_;

  uint32_t stamp_ = 0;
  std::vector<uint32_t> outcomes_;   // by predicate: stamp << 1 | outcome
  std::vector<uint32_t> looked_at_;  // by rule: stamp << 1 | decided
  std::vector<uint32_t> scanned_;    // by field
  std::vector<uint32_t> emitted_;    // by literal: in which new string
  uint32_t emission_ = 0;
  std::vector<ValueCache> caches_;  // by field
  bool sampling_;
  PredicateSamples samples_;

  const Event* event_ = nullptr;
  std::vector<uint32_t>* matches_ = nullptr;
  std::vector<uint32_t> candidates_;
  std::vector<uint32_t> found_;
  std::vector<uint32_t> regexes_;
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
    if (ABSL_PREDICT_FALSE(last_->sampled())) Improve();
  }

 private:
  void Select(uint32_t route) {
    std::unique_ptr<PlanMatcher>& matcher = matchers_[route];
    if (matcher == nullptr) {
      matcher = std::make_unique<PlanMatcher>(compiled_, compiled_.Plan(route),
                                              /*samples=*/true);
    }
    last_ = matcher.get();
    last_route_ = route;
  }

  // Goes on with the plan that the samples suggest.
  void Improve() {
    std::unique_ptr<PlanMatcher>& matcher = matchers_[last_route_];
    matcher = std::make_unique<PlanMatcher>(
        compiled_, compiled_.SampledPlan(last_route_, last_->samples()),
        /*samples=*/false);
    last_ = matcher.get();
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
