#include "daemon/app/backtest.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/level.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

constexpr int64_t kDayMs = 86'400'000;

std::string Day(EventTime time_ms) { return FormatTime(time_ms).substr(0, 10); }

bool Overlap(const Detection& a, const Detection& b) {
  return std::min(a.first_event_ms, a.first_fire_ms) <=
             std::max(b.last_event_ms, b.first_fire_ms) &&
         std::min(b.first_event_ms, b.first_fire_ms) <=
             std::max(a.last_event_ms, a.first_fire_ms);
}

// In words; "" when nothing changed that a person would see.
std::string Change(const Rule& rule_before, const Detection& before,
                   const Rule& rule_after, const Detection& after) {
  std::vector<std::string> parts;
  if (rule_before.level != rule_after.level) {
    parts.push_back(absl::StrCat("level ", LevelName(rule_before.level), " -> ",
                                 LevelName(rule_after.level)));
  }
  if (rule_before.stage != rule_after.stage) {
    parts.push_back(absl::StrCat("stage ", StageName(rule_before.stage), " -> ",
                                 StageName(rule_after.stage)));
  }
  if (before.count != after.count) {
    parts.push_back(absl::StrCat(before.count, " -> ", after.count, " events"));
  }
  if (before.first_fire_ms != after.first_fire_ms) {
    const bool later = after.first_fire_ms > before.first_fire_ms;
    parts.push_back(
        absl::StrCat(keywatch::FormatDuration(absl::Milliseconds(
                         std::abs(after.first_fire_ms - before.first_fire_ms))),
                     later ? " later" : " earlier"));
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace

int64_t BacktestRun::alerts() const {
  int64_t sum = 0;
  for (const RuleCount& count : counts) sum += count.alerts;
  return sum;
}

int64_t BacktestRun::alerts(Stage stage) const {
  int64_t sum = 0;
  for (const RuleCount& count : counts) {
    if (rules->rule(count.rule).stage == stage) sum += count.alerts;
  }
  return sum;
}

std::vector<std::pair<std::string, int64_t>> BacktestRun::days() const {
  std::map<std::string, int64_t> by_day;
  for (EventTime at = result.first_ms; at <= result.last_ms; at += kDayMs) {
    by_day[Day(at)];
  }
  if (result.first_ms <= result.last_ms) by_day[Day(result.last_ms)];
  for (const Detection& alert : result.alerts) {
    ++by_day[Day(alert.first_fire_ms)];
  }
  return {by_day.begin(), by_day.end()};
}

double BacktestRun::length_in_days() const {
  if (result.first_ms > result.last_ms) return 1;
  return std::max(
      1.0, static_cast<double>(result.last_ms - result.first_ms) / kDayMs);
}

BacktestRun MakeBacktestRun(std::shared_ptr<const RuleSet> rules,
                            RunResult result) {
  BacktestRun run;
  run.rules = std::move(rules);
  run.result = std::move(result);
  std::map<uint32_t, std::set<Group>> groups;
  std::map<uint32_t, int64_t> alerts;
  for (const Detection& alert : run.result.alerts) {
    groups[alert.rule].insert(alert.group);
    ++alerts[alert.rule];
  }
  for (uint32_t i = 0; i < run.rules->rules().size(); ++i) {
    if (!run.rules->rule(i).alerts) continue;
    run.counts.push_back({i, run.result.stats.matches[i], alerts[i],
                          static_cast<int64_t>(groups[i].size())});
  }
  std::sort(run.counts.begin(), run.counts.end(),
            [&run](const auto& a, const auto& b) {
              return run.rules->rule(a.rule).name <
                     run.rules->rule(b.rule).name;
            });
  return run;
}

BacktestDifference Compare(const BacktestRun& before,
                           const BacktestRun& after) {
  BacktestDifference out;
  using Identity = std::pair<std::string, Group>;
  std::map<Identity, std::vector<const Detection*>> known;
  for (const Detection& alert : before.result.alerts) {
    known[{before.rules->rule(alert.rule).id.str(), alert.group}].push_back(
        &alert);
  }
  for (const Detection& alert : after.result.alerts) {
    const Rule& rule = after.rules->rule(alert.rule);
    std::vector<const Detection*>& candidates =
        known[{rule.id.str(), alert.group}];
    const auto same = std::find_if(
        candidates.begin(), candidates.end(),
        [&](const Detection* other) { return Overlap(*other, alert); });
    if (same == candidates.end()) {
      out.gained.push_back(&alert);
      continue;
    }
    std::string what =
        Change(before.rules->rule((*same)->rule), **same, rule, alert);
    if (what.empty()) {
      ++out.same;
    } else {
      out.changed.push_back({*same, &alert, std::move(what)});
    }
    candidates.erase(same);
  }
  for (const auto& [identity, alerts] : known) {
    out.lost.insert(out.lost.end(), alerts.begin(), alerts.end());
  }
  std::sort(out.lost.begin(), out.lost.end(),
            [](const Detection* a, const Detection* b) {
              return std::tie(a->first_fire_ms, a->id) <
                     std::tie(b->first_fire_ms, b->id);
            });
  return out;
}

}  // namespace keywatch
