#ifndef DAEMON_RULES_COMPILED_RULE_SET_H_
#define DAEMON_RULES_COMPILED_RULE_SET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/rules/predicate.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

class MatchPlan;
struct PredicateSamples;

// What a detection rule means.
struct CompiledDetection {
  LogSourceSpec logsource;
  Expression expression;
};

// CompiledRuleSet is every RuleSet there is: the rules with their predicates,
// expressions and tests. Immutable but for match plans, which are made when a
// route is first used. Safe from any thread.
class CompiledRuleSet : public RuleSet {
 public:
  // The rules that LinkDocuments left, in its order. Takes what it needs out
  // of `documents`.
  static std::shared_ptr<const CompiledRuleSet> Build(
      const CompileOptions& options, const std::vector<size_t>& order,
      std::vector<std::unique_ptr<RuleDocument>>* documents);
  ~CompiledRuleSet() override;

  // Every RuleSet is one of these.
  static const CompiledRuleSet& Of(const RuleSet& rules) {
    return static_cast<const CompiledRuleSet&>(rules);
  }

  uint32_t Route(const LogSourceSpec& source) const override;
  // Whether events of that route are for the detection.
  bool Routed(uint32_t route, uint32_t rule) const;

  // The detections are the rules from 0 on.
  const std::vector<CompiledDetection>& detections() const {
    return detections_;
  }
  // Predicates with their slots, each once.
  const std::vector<std::shared_ptr<const Predicate>>& predicates() const {
    return predicates_;
  }
  const std::vector<InlineTest>& tests() const { return tests_; }

  // The plan of a route, made at the first call and kept.
  std::shared_ptr<const MatchPlan> Plan(uint32_t route) const;
  // The plan of a route as its events suggest it, made at the first call and
  // kept instead of the other.
  std::shared_ptr<const MatchPlan> SampledPlan(
      uint32_t route, const PredicateSamples& samples) const;

 private:
  friend class RuleSetBuilder;
  CompiledRuleSet() = default;

  // A route says which of the values that rules ask for an event's logsource
  // has: an index into each of these, 0 for any other value.
  struct Names {
    std::vector<std::string> values;  // sorted
    uint32_t Index(const std::string& value) const;
  };

  bool ignore_logsource_ = false;
  Names products_;
  Names categories_;
  Names services_;
  std::vector<CompiledDetection> detections_;
  std::vector<std::shared_ptr<const Predicate>> predicates_;
  std::vector<InlineTest> tests_;

  mutable absl::Mutex mu_;
  struct RoutePlan {
    std::shared_ptr<const MatchPlan> plan;
    bool sampled = false;
  };
  mutable absl::flat_hash_map<uint32_t, RoutePlan> plans_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_RULES_COMPILED_RULE_SET_H_
