#ifndef DAEMON_RULES_MATCH_PLAN_H_
#define DAEMON_RULES_MATCH_PLAN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/rules/compiled_rule_set.h"
#include "daemon/rules/equal_index.h"
#include "daemon/rules/literal_index.h"
#include "daemon/rules/range_index.h"
#include "daemon/rules/regex_index.h"
#include "daemon/rules/threshold_index.h"

namespace keywatch {

// How many of some events each predicate of a rule set held for.
struct PredicateSamples {
  static constexpr uint32_t kUnknown = 0xffffffff;
  uint32_t events = 0;
  std::vector<uint32_t> held;
};

// MatchPlan says how the events of one route are matched. Each rule has a
// trigger: predicates of which one must hold, or none, for the rule to match,
// the rarest ones that its expression allows. What triggers ask of a field's
// texts, numbers and addresses stands in its indexes, and what several rules
// wait for is asked once; rules whose triggers did not fire are never looked at.
// The others are decided by their decision list, and predicates are evaluated
// when they are first asked for, or come out of a field's index all at once.
// Immutable; safe from any thread.
class MatchPlan {
 public:
  // How often predicates hold is guessed, or taken from `samples` of the
  // route's events when there are any. Which rules match does not depend on it.
  static std::shared_ptr<const MatchPlan> Build(
      const CompiledRuleSet& rules, uint32_t route,
      const PredicateSamples* samples = nullptr);

  // One step of a decision list: by the predicate's outcome, which step comes
  // next.
  struct Step {
    uint32_t predicate;
    int32_t if_true;
    int32_t if_false;
  };
  static constexpr int32_t kMatch = -1;
  static constexpr int32_t kNoMatch = -2;

  // A rule to look at. When `decides`, it matches without looking.
  struct Trigger {
    uint32_t rule;
    bool decides;
  };

  // What a field's indexes find: a text, a range, a threshold, an expression,
  // or that there is a value. What it says once it is found stands in
  // literal_predicates() and literal_triggers().
  struct Literal {
    uint32_t first_predicate = 0;  // predicates that hold then
    uint32_t last_predicate = 0;
    uint32_t first_trigger = 0;
    uint32_t last_trigger = 0;
  };

  static constexpr uint32_t kNoLiteral = 0xffffffff;
  struct Field {
    // First what every event asks of it.
    Slot slot = kNoSlot;
    // The literals that any value has, and that null or none has.
    uint32_t present = kNoLiteral;
    uint32_t null = kNoLiteral;
    bool has_triggers = false;
    // Whether there is anything to ask of strings.
    bool indexes_strings = false;
    // Whether numbers can have literals by their text but by equality.
    bool numbers_need_text = false;

    LiteralIndex folded;
    LiteralIndex cased;
    // Literals that whole numbers equal.
    NumberIndex numbers;
    RangeIndex ranges;
    ThresholdIndex thresholds;
    RegexIndex regexes;
  };

  // A trigger that no index finds: evaluated for every event. It fires when
  // its predicate holds, or, as an absence, when none of them does.
  struct Direct {
    bool absence = false;
    std::vector<uint32_t> predicates;
    std::vector<Trigger> triggers;
  };

  // Fields with triggers first.
  const std::vector<Field>& fields() const { return fields_; }
  size_t trigger_fields() const { return trigger_fields_; }
  size_t literals() const { return literals_.size(); }
  // By the ids that the fields' indexes give.
  const Literal& literal(uint32_t id) const { return literals_[id]; }
  const uint32_t* literal_predicates() const {
    return literal_predicates_.data();
  }
  const Trigger* literal_triggers() const { return literal_triggers_.data(); }
  const std::vector<Direct>& directs() const { return directs_; }
  // Rules that match whatever the event is.
  const std::vector<uint32_t>& always() const { return always_; }

  // Predicates of the route's rules of which samples are worth their cost: all
  // but expressions that are evaluated one by one.
  const std::vector<uint32_t>& sampled() const { return sampled_; }

  const Step& step(int32_t i) const { return steps_[i]; }
  // The first step of a rule, or kMatch or kNoMatch.
  int32_t entry(uint32_t rule) const { return entries_[rule]; }

  static constexpr uint32_t kNoField = 0xffffffff;
  // The field whose index decides the predicate; kNoField: it is evaluated.
  uint32_t field_of(uint32_t predicate) const {
    return field_of_predicate_[predicate];
  }

 private:
  friend class MatchPlanBuilder;
  MatchPlan() = default;

  std::vector<Field> fields_;
  size_t trigger_fields_ = 0;
  std::vector<Literal> literals_;
  std::vector<uint32_t> literal_predicates_;
  std::vector<Trigger> literal_triggers_;
  std::vector<Direct> directs_;
  std::vector<uint32_t> always_;
  std::vector<uint32_t> sampled_;
  std::vector<Step> steps_;
  std::vector<int32_t> entries_;
  std::vector<uint32_t> field_of_predicate_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_MATCH_PLAN_H_
