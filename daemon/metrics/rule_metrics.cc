#include "daemon/metrics/rule_metrics.h"

#include "absl/container/flat_hash_map.h"
#include "daemon/metrics/catalogue.h"
#include "daemon/metrics/families.h"
#include "daemon/metrics/label.h"

namespace keywatch {

RuleMetrics::RuleMetrics(prometheus::Registry* registry)
    : loaded_(&GaugeFamily(registry, metric::kRulesLoaded)->Add({})),
      matches_(CounterFamily(registry, metric::kRuleMatches)),
      alerts_(CounterFamily(registry, metric::kRuleAlerts)),
      evictions_(CounterFamily(registry, metric::kRuleEvictions)),
      groups_(GaugeFamily(registry, metric::kRuleGroups)) {}

RuleMetrics::Series RuleMetrics::MakeSeries(const std::string& name,
                                            Level level) {
  Series series;
  series.matches = &matches_->Add({{"rule", name}});
  series.alerts =
      &alerts_->Add({{"rule", name}, {"level", std::string(LevelName(level))}});
  series.evictions = &evictions_->Add({{"rule", name}});
  series.groups = &groups_->Add({{"rule", name}});
  series.level = level;
  return series;
}

void RuleMetrics::RemoveSeries(const Series& series) {
  matches_->Remove(series.matches);
  alerts_->Remove(series.alerts);
  evictions_->Remove(series.evictions);
  groups_->Remove(series.groups);
}

void RuleMetrics::SetRules(const std::vector<RuleLabels>& rules) {
  absl::MutexLock lock(&mu_);
  std::map<std::string, Series> kept;
  rules_.clear();
  rules_.reserve(rules.size());
  for (const RuleLabels& labels : rules) {
    const std::string name = LabelValue(labels.name);
    auto at = kept.find(name);
    if (at == kept.end()) {
      auto old = series_.find(name);
      const bool same =
          old != series_.end() && old->second.level == labels.level;
      at = kept.emplace(name,
                        same ? old->second : MakeSeries(name, labels.level))
               .first;
      if (same) series_.erase(old);
    }
    Rule rule;
    rule.matches = TotalCounter(at->second.matches);
    rule.alerts = TotalCounter(at->second.alerts);
    rule.evictions = TotalCounter(at->second.evictions);
    rule.groups = at->second.groups;
    rules_.push_back(rule);
  }
  for (const auto& gone : series_) {
    // A rule whose level changed shares all series but one with its successor.
    const auto successor = kept.find(gone.first);
    if (successor == kept.end()) {
      RemoveSeries(gone.second);
    } else {
      alerts_->Remove(gone.second.alerts);
    }
  }
  series_ = std::move(kept);
  loaded_->Set(static_cast<double>(rules.size()));
}

void RuleMetrics::SetTotals(const std::vector<RuleTotals>& totals) {
  absl::MutexLock lock(&mu_);
  if (totals.size() != rules_.size()) return;
  absl::flat_hash_map<prometheus::Gauge*, int64_t> groups;
  for (size_t i = 0; i < totals.size(); ++i) {
    rules_[i].matches.Set(totals[i].matches);
    rules_[i].alerts.Set(totals[i].alerts);
    rules_[i].evictions.Set(totals[i].evictions);
    groups[rules_[i].groups] += totals[i].groups;
  }
  for (const auto& entry : groups) {
    entry.first->Set(static_cast<double>(entry.second));
  }
}

}  // namespace keywatch
