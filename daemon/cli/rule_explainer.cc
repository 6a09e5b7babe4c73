#include "daemon/cli/rule_explainer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/core/time.h"
#include "daemon/engine/state_text.h"

namespace keywatch {
namespace {

std::string NodeJson(const ExplainedNode& node) {
  std::string out = absl::StrCat("{\"text\": ", JsonString(node.text),
                                 ", \"label\": ", JsonString(node.label),
                                 ", \"holds\": ", node.holds ? "true" : "false",
                                 ", \"children\": [");
  for (size_t i = 0; i < node.children.size(); ++i) {
    absl::StrAppend(&out, i > 0 ? ", " : "", NodeJson(node.children[i]));
  }
  return out + "]}";
}

// Filters that alone keep the event out of a rule that it satisfies otherwise.
std::vector<std::string> KeptOutBy(const ExplainedRule& explained) {
  std::vector<std::string> filters;
  if (explained.tree.holds || explained.tree.text != "and") return filters;
  for (const ExplainedNode& child : explained.tree.children) {
    if (child.holds) continue;
    if (!absl::StartsWith(child.label, "filter ")) return {};
    filters.push_back(child.label);
  }
  return filters;
}

std::string StringsJson(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(JsonString(text));
  return absl::StrCat("[", absl::StrJoin(quoted, ", "), "]");
}

}  // namespace

RuleExplainer::RuleExplainer(const CommandContext* context,
                             std::shared_ptr<const RuleSet> rules,
                             const std::string& rule, bool matching)
    : context_(*context),
      rules_(std::move(rules)),
      matching_(matching),
      engine_(Engine::Create(rules_)) {
  const size_t count = rules_->rules().size();
  asked_.resize(count, false);
  wanted_.resize(count, rule.empty());
  if (rule.empty()) return;
  // Inputs stand before the rules that take them.
  for (size_t i = count; i-- > 0;) {
    const Rule& one = rules_->rule(static_cast<uint32_t>(i));
    asked_[i] = one.id.str() == rule || absl::StrContains(one.name, rule);
    wanted_[i] = wanted_[i] || asked_[i];
    if (!wanted_[i]) continue;
    for (const uint32_t input : one.inputs) wanted_[input] = true;
  }
}

bool RuleExplainer::HasRules() const {
  return std::find(wanted_.begin(), wanted_.end(), true) != wanted_.end();
}

void RuleExplainer::Observe(const Event& event) {
  engine_->AdvanceTo(event.time_ms - 1);
  engine_->Observe(event);
}

void RuleExplainer::Explain(int number, const Event& event) {
  std::vector<ExplainedRule> explained = ExplainDetections(*rules_, event);
  // What matches is what somebody looks for first, then what was looked at.
  std::stable_sort(explained.begin(), explained.end(),
                   [](const ExplainedRule& a, const ExplainedRule& b) {
                     return a.matches * 2 + a.routed > b.matches * 2 + b.routed;
                   });
  if (!context_.json()) PrintHead(number, event, explained);
  for (const ExplainedRule& one : explained) {
    if (matching_ && !one.matches) continue;
    if (wanted_[one.rule]) Print(number, one);
  }
  for (const StatefulChange& change : Step(event)) {
    if (wanted_[change.rule]) PrintChange(number, change);
  }
}

void RuleExplainer::PrintHead(int number, const Event& event,
                              const std::vector<ExplainedRule>& explained) {
  int64_t matching = 0;
  int64_t routed = 0;
  for (const ExplainedRule& one : explained) {
    matching += one.matches;
    routed += one.routed;
  }
  context_.out() << context_.style().Bold(absl::StrCat("event ", number))
                 << ", " << Sanitize(event.id) << " at "
                 << FormatTime(event.time_ms) << ": " << matching << " of "
                 << explained.size() << " detections match";
  const int64_t others = static_cast<int64_t>(explained.size()) - routed;
  if (others > 0) {
    context_.out() << "; " << others << (others == 1 ? " is" : " are")
                   << " of another log source";
  }
  context_.out() << "\n";
}

void RuleExplainer::Print(int number, const ExplainedRule& explained) {
  const Rule& rule = rules_->rule(explained.rule);
  const std::vector<std::string> filters = KeptOutBy(explained);
  if (context_.json()) {
    context_.out() << "{\"line\": " << number
                   << ", \"rule_id\": " << JsonString(rule.id.str())
                   << ", \"rule\": " << JsonString(rule.name)
                   << ", \"routed\": " << (explained.routed ? "true" : "false")
                   << ", \"matches\": "
                   << (explained.matches ? "true" : "false")
                   << ", \"kept_out_by\": " << StringsJson(filters)
                   << ", \"tree\": " << NodeJson(explained.tree) << "}\n";
    return;
  }
  const Style style = context_.style();
  context_.out() << "\n"
                 << (explained.matches  ? style.Green("matches")
                     : explained.routed ? style.Dim("does not match")
                                        : style.Dim("is not looked at"))
                 << "  " << style.Bold(Sanitize(rule.name)) << "  "
                 << Sanitize(rule.title) << "\n"
                 << SanitizeLines(FormatExplanation(explained));
  for (const std::string& filter : filters) {
    context_.out() << "     kept out by " << Sanitize(filter) << "\n";
  }
  if (!explained.matches) return;
  for (const uint32_t consumer : rule.consumers) {
    const Rule& stateful = rules_->rule(consumer);
    context_.out() << "     counts for " << Sanitize(stateful.name) << " ("
                   << RuleTypeName(stateful.type) << ")\n";
  }
}

void RuleExplainer::PrintChange(int number, const StatefulChange& change) {
  const Rule& rule = rules_->rule(change.rule);
  if (context_.json()) {
    context_.out() << "{\"line\": " << number
                   << ", \"rule_id\": " << JsonString(rule.id.str())
                   << ", \"rule\": " << JsonString(rule.name)
                   << ", \"group\": " << JsonString(change.group)
                   << ", \"before\": " << JsonString(change.before)
                   << ", \"after\": " << JsonString(change.after)
                   << ", \"news\": " << JsonString(change.news) << "}\n";
    return;
  }
  context_.out() << "\n"
                 << context_.style().Bold(Sanitize(rule.name)) << "  "
                 << RuleTypeName(rule.type) << "  " << Sanitize(change.group)
                 << "\n"
                 << (change.after.empty() ? "     " : "     before  ")
                 << Sanitize(change.before) << "\n";
  if (!change.after.empty()) {
    context_.out() << "     after   " << Sanitize(change.after) << "\n";
  }
  if (!change.news.empty()) {
    context_.out() << "     " << context_.style().Red(Sanitize(change.news))
                   << "\n";
  }
}

std::string RuleExplainer::Owner(const Rule& rule) const {
  return absl::StrCat(rule.id.view(), "@", rule.meaning);
}

std::vector<RuleExplainer::StatefulChange> RuleExplainer::Step(
    const Event& event) {
  engine_->AdvanceTo(event.time_ms - 1);
  engine_->TakeDetections();
  engine_->TakeDirtyState();
  std::map<std::pair<std::string, std::string>, std::string> before;
  for (const StateChange& row : engine_->AllState()) {
    before[{row.owner, row.group}] = row.blob;
  }
  engine_->Observe(event);
  std::map<uint32_t, std::string> news;
  for (const Detection& detection : engine_->TakeDetections()) {
    news[detection.rule] = absl::StrCat(detection.kind == Detection::Kind::kOpen
                                            ? "opens an alert: "
                                            : "is added to the open alert: ",
                                        detection.explanation);
  }
  std::map<std::string, std::vector<StateChange>> after;
  for (StateChange& row : engine_->TakeDirtyState()) {
    std::string owner = row.owner;
    after[owner].push_back(std::move(row));
  }
  std::vector<StatefulChange> changes;
  for (uint32_t i = 0; i < rules_->rules().size(); ++i) {
    const Rule& rule = rules_->rule(i);
    if (!rule.stateful()) continue;
    const auto rows = after.find(Owner(rule));
    if (rows == after.end()) {
      if (!AddWithoutGroup(event, i, &changes) && asked_[i]) {
        AddUntouched(i, &changes);
      }
      continue;
    }
    for (const StateChange& row : rows->second) {
      const std::string group = StateGroupText(rule, row.group);
      if (group.empty() || row.erased) continue;
      const auto old = before.find({row.owner, row.group});
      StatefulChange change;
      change.rule = i;
      change.group = group;
      change.before =
          old == before.end()
              ? "nothing"
              : StateText(*rules_, rule, old->second, event.time_ms);
      change.after = StateText(*rules_, rule, row.blob, event.time_ms);
      change.news = news[i];
      changes.push_back(std::move(change));
    }
  }
  return changes;
}

bool RuleExplainer::AddWithoutGroup(const Event& event, uint32_t index,
                                    std::vector<StatefulChange>* changes) {
  const Rule& rule = rules_->rule(index);
  for (size_t input = 0; input < rule.inputs.size(); ++input) {
    if (std::find(event.matches.begin(), event.matches.end(),
                  rule.inputs[input]) == event.matches.end()) {
      continue;
    }
    for (size_t i = 0; i < rule.group_by.size(); ++i) {
      const Slot slot = rule.group_refs[input][i].slot;
      if (slot == kNoSlot || !ValueText(event.at(slot)).empty()) continue;
      const std::string none = absl::StrCat(
          "the event has no ", rule.group_by[i], " and forms no group");
      changes->push_back({index, "no group", none, "", ""});
      return true;
    }
  }
  return false;
}

void RuleExplainer::AddUntouched(uint32_t index,
                                 std::vector<StatefulChange>* changes) {
  std::vector<std::string> inputs;
  for (const uint32_t input : rules_->rule(index).inputs) {
    inputs.push_back(rules_->rule(input).name);
  }
  changes->push_back({index, "not touched",
                      absl::StrCat("the event is nothing that it takes: ",
                                   absl::StrJoin(inputs, ", ")),
                      "", ""});
}

}  // namespace keywatch
