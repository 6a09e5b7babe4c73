#include "daemon/rules/compiled_rule_set.h"

#include <algorithm>

#include "daemon/rules/match_plan.h"

namespace keywatch {
namespace {

// True when a rule that asks for `wanted` takes events of which `index` of
// `values` (one more than the place, 0 none of them) is known.
bool Fits(const std::string& wanted, const std::vector<std::string>& values,
          uint32_t index) {
  return wanted.empty() || (index > 0 && values[index - 1] == wanted);
}

}  // namespace

CompiledRuleSet::~CompiledRuleSet() = default;

uint32_t CompiledRuleSet::Names::Index(const std::string& value) const {
  const auto it = std::lower_bound(values.begin(), values.end(), value);
  if (it == values.end() || *it != value) return 0;
  return static_cast<uint32_t>(it - values.begin()) + 1;
}

uint32_t CompiledRuleSet::Route(const LogSourceSpec& source) const {
  if (ignore_logsource_) return 0;
  const uint32_t categories =
      static_cast<uint32_t>(categories_.values.size()) + 1;
  const uint32_t services = static_cast<uint32_t>(services_.values.size()) + 1;
  return (products_.Index(source.product) * categories +
          categories_.Index(source.category)) *
             services +
         services_.Index(source.service);
}

bool CompiledRuleSet::Routed(uint32_t route, uint32_t rule) const {
  if (ignore_logsource_) return true;
  const uint32_t categories =
      static_cast<uint32_t>(categories_.values.size()) + 1;
  const uint32_t services = static_cast<uint32_t>(services_.values.size()) + 1;
  const uint32_t service = route % services;
  const uint32_t category = route / services % categories;
  uint32_t product = route / services / categories;
  // No Route() gives such a number: an event of nobody's.
  if (product > products_.values.size()) product = 0;
  const LogSourceSpec& wanted = detections_[rule].logsource;
  return Fits(wanted.product, products_.values, product) &&
         Fits(wanted.category, categories_.values, category) &&
         Fits(wanted.service, services_.values, service);
}

std::shared_ptr<const MatchPlan> CompiledRuleSet::Plan(uint32_t route) const {
  absl::MutexLock lock(&mu_);
  RoutePlan& kept = plans_[route];
  if (kept.plan == nullptr) kept.plan = MatchPlan::Build(*this, route);
  return kept.plan;
}

std::shared_ptr<const MatchPlan> CompiledRuleSet::SampledPlan(
    uint32_t route, const PredicateSamples& samples) const {
  absl::MutexLock lock(&mu_);
  RoutePlan& kept = plans_[route];
  if (!kept.sampled) {
    kept.plan = MatchPlan::Build(*this, route, &samples);
    kept.sampled = true;
  }
  return kept.plan;
}

const std::vector<InlineTest>& InlineTests(const RuleSet& rules) {
  return CompiledRuleSet::Of(rules).tests();
}

}  // namespace keywatch
