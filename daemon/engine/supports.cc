#include "daemon/engine/supports.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/engine/cron.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/temporal_state.h"

namespace keywatch {
namespace {

bool No(std::string* why, std::string reason) {
  if (why != nullptr) *why = std::move(reason);
  return false;
}

bool OnlyGreater(const std::vector<Comparison>& condition) {
  return std::all_of(condition.begin(), condition.end(), [](const auto& c) {
    return c.op == Comparison::Op::kGt || c.op == Comparison::Op::kGte;
  });
}

bool HasTimespan(const Rule& rule, std::string* why) {
  if (rule.timespan_ms > 0) return true;
  return No(why, "it needs a timespan above zero");
}

bool HasValueFields(const Rule& rule, std::string* why) {
  if (!rule.value_fields.empty() &&
      rule.value_refs.size() == rule.inputs.size()) {
    return true;
  }
  return No(why, "it needs a field");
}

bool HasCondition(const Rule& rule, std::string* why) {
  if (rule.condition.empty()) return No(why, "it needs a condition");
  for (const Comparison& comparison : rule.condition) {
    if (!std::isfinite(comparison.number)) {
      return No(why, "the condition's number is not finite");
    }
  }
  return true;
}

// A count is 1 at least in every window that there is: a condition that only
// 0 satisfies never fires.
bool CanHoldForCount(const Rule& rule, std::string* why) {
  double greatest = 0;
  for (const Comparison& c : rule.condition) {
    greatest = std::max(greatest, c.number);
  }
  if (rule.type == RuleType::kEventCount && greatest > kMaxEventCount) {
    return No(why,
              absl::StrCat("the condition's number ", FormatNumber(greatest),
                           " is above ", FormatNumber(kMaxEventCount),
                           ", the most events that are counted exactly"));
  }
  // The verdict changes next to the numbers of the condition only.
  std::set<double> candidates = {1};
  for (const Comparison& c : rule.condition) {
    for (double n : {std::floor(c.number), std::floor(c.number) + 1,
                     std::ceil(c.number) - 1, std::ceil(c.number)}) {
      if (n >= 1) candidates.insert(n);
    }
  }
  for (double n : candidates) {
    if (ConditionHolds(rule.condition, n)) return true;
  }
  return No(why,
            absl::StrCat("no number of events, from 1 on, satisfies the "
                         "condition (",
                         FormatCondition(rule.condition),
                         "); a group without any event is not known: for what "
                         "does not come use an anomaly of type absence"));
}

bool SupportsTemporal(const Rule& rule, std::string* why) {
  if (!HasTimespan(rule, why)) return false;
  if (rule.inputs.empty()) return No(why, "it names no rules");
  if (rule.inputs.size() > TemporalState::kMaxInputs) {
    return No(why, absl::StrCat("it names more than ",
                                TemporalState::kMaxInputs, " rules"));
  }
  if (std::set<uint32_t>(rule.inputs.begin(), rule.inputs.end()).size() !=
      rule.inputs.size()) {
    return No(why,
              "it names a rule twice; to ask for several events of one rule "
              "use event_count");
  }
  if (rule.expression.empty()) return true;
  if (rule.type == RuleType::kTemporalOrdered) {
    return No(why,
              "temporal_ordered takes no condition over rule names: the "
              "order of `rules` is its condition");
  }
  size_t depth = 0;
  for (const BooleanStep& step : rule.expression) {
    const size_t needs = step.op == BooleanStep::Op::kInput ? 0
                         : step.op == BooleanStep::Op::kNot ? 1
                                                            : 2;
    if (depth < needs || (needs == 0 && step.input >= rule.inputs.size())) {
      return No(why, "its condition is malformed");
    }
    if (needs != 1) depth = needs == 0 ? depth + 1 : depth - 1;
    if (depth > 64) return No(why, "its condition is nested too deeply");
  }
  if (depth != 1) return No(why, "its condition is malformed");
  if (EvaluateExpression(rule.expression, rule.inputs.size(),
                         [](uint32_t) { return false; })) {
    return No(why,
              "its condition holds when nothing happens at all: at least one "
              "rule must be asked for without `not`; for what does not come "
              "use an anomaly of type absence");
  }
  return true;
}

bool ValidTimeZone(const std::string& name, std::string* why) {
  absl::TimeZone zone;
  if (name.empty() || absl::LoadTimeZone(name, &zone)) return true;
  return No(why, absl::StrCat("the time zone \"", name, "\" is not known"));
}

bool SupportsAbsence(const Rule& rule, std::string* why) {
  const Anomaly& anomaly = rule.anomaly;
  if ((anomaly.every_ms > 0) == !anomaly.schedule.empty()) {
    return No(why, "it needs `every` or `schedule`, and not both");
  }
  if (anomaly.schedule.empty()) return true;
  if (!ValidTimeZone(anomaly.timezone, why)) return false;
  absl::StatusOr<CronSchedule> schedule =
      CronSchedule::Parse(anomaly.schedule, anomaly.timezone);
  if (schedule.ok()) return true;
  return No(why, std::string(schedule.status().message()));
}

bool SupportsRate(const Rule& rule, std::string* why) {
  if (!HasTimespan(rule, why)) return false;
  if (!(rule.anomaly.score > 0)) return No(why, "its score must be above zero");
  if (rule.anomaly.measure.kind != Measure::Kind::kCount &&
      !HasValueFields(rule, why)) {
    return false;
  }
  if (rule.anomaly.baseline.history_ms < rule.timespan_ms) {
    return No(why, "its history is shorter than its timespan");
  }
  return ValidTimeZone(rule.anomaly.timezone, why);
}

bool SupportsRatio(const Rule& rule, std::string* why) {
  if (!HasTimespan(rule, why) || !HasCondition(rule, why)) return false;
  if (rule.anomaly.numerator >= rule.inputs.size() ||
      rule.anomaly.denominator >= rule.inputs.size()) {
    return No(why, "it needs a numerator and a denominator");
  }
  return true;
}

}  // namespace

bool EngineSupports(const Rule& rule, std::string* why) {
  switch (rule.type) {
    case RuleType::kDetection:
      return true;
    case RuleType::kEventCount:
      return HasTimespan(rule, why) && HasCondition(rule, why) &&
             CanHoldForCount(rule, why);
    case RuleType::kValueCount:
      return HasTimespan(rule, why) && HasCondition(rule, why) &&
             HasValueFields(rule, why) && CanHoldForCount(rule, why);
    case RuleType::kTemporal:
    case RuleType::kTemporalOrdered:
      return SupportsTemporal(rule, why);
    case RuleType::kValueSum:
    case RuleType::kValueAvg:
    case RuleType::kValueMedian:
      return HasTimespan(rule, why) && HasCondition(rule, why) &&
             HasValueFields(rule, why);
    case RuleType::kValuePercentile:
      if (!(rule.percentile >= 0 && rule.percentile <= 100)) {
        return No(why, "its percentile must be between 0 and 100");
      }
      return HasTimespan(rule, why) && HasCondition(rule, why) &&
             HasValueFields(rule, why);
    case RuleType::kNewTerm:
      return HasValueFields(rule, why);
    case RuleType::kRareTerm:
      return HasValueFields(rule, why) && HasCondition(rule, why);
    case RuleType::kRate:
      return SupportsRate(rule, why);
    case RuleType::kRatio:
      return SupportsRatio(rule, why);
    case RuleType::kDormant:
      return HasCondition(rule, why);
    case RuleType::kAbsence:
      return SupportsAbsence(rule, why);
    case RuleType::kTravel:
      if (rule.value_fields.size() != 2) {
        return No(why, "it needs the fields of latitude and longitude");
      }
      return HasCondition(rule, why);
  }
  return No(why, "this type of rule is not known");
}

bool JudgedAtEnd(const Rule& rule) {
  switch (rule.type) {
    case RuleType::kEventCount:
    case RuleType::kValueCount:
    case RuleType::kValueSum:
      return !OnlyGreater(rule.condition);
    default:
      return false;
  }
}

int64_t LeastCount(const std::vector<Comparison>& condition) {
  double least = 1;
  for (const Comparison& comparison : condition) {
    least = std::max(least, comparison.op == Comparison::Op::kGt
                                ? std::floor(comparison.number) + 1
                                : std::ceil(comparison.number));
  }
  return static_cast<int64_t>(std::min(least, 1e15));
}

bool JudgedByTime(const Rule& rule) {
  const Anomaly& anomaly = rule.anomaly;
  switch (rule.type) {
    case RuleType::kAbsence:
      return true;
    case RuleType::kTemporal:
      return HasNot(rule);
    case RuleType::kRate:
      return anomaly.measure.kind == Measure::Kind::kAvg ||
             anomaly.for_ms != 0 ||
             anomaly.direction != Anomaly::Direction::kUp;
    default:
      return JudgedAtEnd(rule);
  }
}

bool HasNot(const Rule& rule) {
  return std::any_of(
      rule.expression.begin(), rule.expression.end(),
      [](const BooleanStep& step) { return step.op == BooleanStep::Op::kNot; });
}

}  // namespace keywatch
