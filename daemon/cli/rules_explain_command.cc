#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/event_log.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/core/time.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/state_text.h"
#include "daemon/engine/supports.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"

namespace keywatch {
namespace {

struct Options {
  std::vector<std::string> rules;
  std::string event;
  std::vector<std::string> logs;
  std::string format;
  std::string rule;
  bool matching = false;
};

// What an event did to one stateful rule.
struct StatefulChange {
  uint32_t rule = 0;
  std::string group;
  std::string before;
  std::string after;
  std::string news;  // "opens an alert: ...", "is added to the open alert: ..."
};

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

// Explains events one after the other, with what came before them.
class Explainer {
 public:
  Explainer(const CommandContext& context, const Options& options,
            std::shared_ptr<const RuleSet> rules)
      : context_(context),
        options_(options),
        rules_(std::move(rules)),
        engine_(Engine::Create(rules_)) {}

  // An event of the history: seen, not shown.
  void Observe(const Event& event) {
    engine_->AdvanceTo(event.time_ms - 1);
    engine_->Observe(event);
  }

  void Explain(int number, const Event& event) {
    std::vector<ExplainedRule> explained = ExplainDetections(*rules_, event);
    // What matches is what somebody looks for first, then what was looked at.
    std::stable_sort(explained.begin(), explained.end(),
                     [](const ExplainedRule& a, const ExplainedRule& b) {
                       return a.matches * 2 + a.routed >
                              b.matches * 2 + b.routed;
                     });
    if (!context_.json()) PrintHead(number, event, explained);
    for (const ExplainedRule& one : explained) {
      if (options_.matching && !one.matches) continue;
      if (Wanted(rules_->rule(one.rule))) Print(number, one);
    }
    for (const StatefulChange& change : Step(event)) {
      if (Wanted(rules_->rule(change.rule))) PrintChange(number, change);
    }
  }

 private:
  bool Wanted(const Rule& rule) const {
    return options_.rule.empty() || rule.id.str() == options_.rule ||
           absl::StrContains(rule.name, options_.rule);
  }

  void PrintHead(int number, const Event& event,
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

  void Print(int number, const ExplainedRule& explained) {
    const Rule& rule = rules_->rule(explained.rule);
    const std::vector<std::string> filters = KeptOutBy(explained);
    if (context_.json()) {
      context_.out() << "{\"line\": " << number
                     << ", \"rule_id\": " << JsonString(rule.id.str())
                     << ", \"rule\": " << JsonString(rule.name)
                     << ", \"routed\": "
                     << (explained.routed ? "true" : "false")
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

  void PrintChange(int number, const StatefulChange& change) {
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

  static std::string StringsJson(const std::vector<std::string>& texts) {
    std::vector<std::string> quoted;
    for (const std::string& text : texts) quoted.push_back(JsonString(text));
    return absl::StrCat("[", absl::StrJoin(quoted, ", "), "]");
  }

  std::string Owner(const Rule& rule) const {
    return absl::StrCat(rule.id.view(), "@", rule.meaning);
  }

  // Gives the event to the engine; what it changed, by rule and group.
  std::vector<StatefulChange> Step(const Event& event) {
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
      news[detection.rule] =
          absl::StrCat(detection.kind == Detection::Kind::kOpen
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
        AddWithoutGroup(event, i, &changes);
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

  // A rule whose input matched but that took nothing: the event forms no group.
  void AddWithoutGroup(const Event& event, uint32_t index,
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
        return;
      }
    }
  }

  const CommandContext& context_;
  const Options& options_;
  const std::shared_ptr<const RuleSet> rules_;
  const std::unique_ptr<Engine> engine_;
};

// Events by the names that rules use, one JSON object a line.
absl::StatusOr<std::vector<TestEvent>> ReadTestEvents(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::vector<TestEvent> events;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (absl::StripAsciiWhitespace(text).empty()) continue;
    absl::StatusOr<TestEvent> event = ParseTestEvent(text);
    if (!event.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", line, ": ", event.status().message()));
    }
    events.push_back(*std::move(event));
  }
  return events;
}

int ExitCodeOf(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? kExitRefused : kExitFailure;
}

int ExplainTestEvents(const CommandContext& context, const Options& options,
                      std::shared_ptr<const RuleSet> rules) {
  absl::StatusOr<std::vector<TestEvent>> events = ReadTestEvents(options.event);
  if (!events.ok()) {
    return context.Fail(ExitCodeOf(events.status()), events.status().message());
  }
  EventBuilder builder(rules.get());
  builder.Restart();
  EventBatch batch;
  const std::unique_ptr<Matcher> matcher = NewMatcher(rules);
  Explainer explainer(context, options, rules);
  int number = 0;
  for (const TestEvent& test : *events) {
    Event* event = builder.Build(test, &batch);
    std::vector<uint32_t> matches;
    matcher->Match(*event, &matches);
    event->matches = matches;
    explainer.Explain(++number, *event);
    event->matches = {};
  }
  return kExitOk;
}

// Records of a log, and the log before them.
int ExplainRecords(const CommandContext& context, const Options& options,
                   std::shared_ptr<const RuleSet> rules,
                   std::shared_ptr<const Format> format) {
  EventLog shown(rules, format);
  EventLog history(rules, format);
  absl::Status status = shown.Read(options.event, /*only_matched=*/false);
  for (const std::string& path : options.logs) {
    if (status.ok()) status = history.Read(path, /*only_matched=*/true);
  }
  if (!status.ok()) return context.Fail(ExitCodeOf(status), status.message());
  for (const Reject& reject : shown.rejects()) {
    context.err() << options.event << ": no event: " << reject.reason << " "
                  << Sanitize(reject.detail) << "\n";
  }
  const auto earlier = [](const Event* a, const Event* b) {
    return EventBefore(*a, *b);
  };
  std::vector<const Event*> events = shown.events();
  std::stable_sort(events.begin(), events.end(), earlier);
  std::vector<const Event*> before = history.events();
  std::stable_sort(before.begin(), before.end(), earlier);

  Explainer explainer(context, options, rules);
  auto next = before.begin();
  absl::string_view last_id;
  int number = 0;
  for (const Event* event : events) {
    // The event itself may stand in the log, and a log may repeat itself.
    for (; next != before.end() && EventBefore(**next, *event); ++next) {
      if ((*next)->id != last_id) explainer.Observe(**next);
      last_id = (*next)->id;
    }
    explainer.Explain(++number, *event);
    while (next != before.end() && (*next)->id == event->id) ++next;
  }
  return events.empty() ? context.Fail(kExitRefused, "there is no event")
                        : kExitOk;
}

int RunExplain(const CommandContext& context, const Options& options) {
  const bool records = !options.format.empty() || !options.logs.empty();
  std::shared_ptr<const Format> format;
  if (records) {
    absl::StatusOr<std::shared_ptr<const Format>> found = FindFormat(
        options.format, options.logs.empty() ? "" : options.logs.front());
    if (!found.ok()) {
      return context.Fail(ExitCodeOf(found.status()), found.status().message());
    }
    format = *std::move(found);
  }
  CompileOptions compile;
  compile.ignore_logsource = !records;
  compile.now_ms = 0;
  compile.supports = EngineSupports;
  const CompileResult compiled = CompileRules(options.rules, compile);
  if (compiled.rules == nullptr) {
    context.err() << FormatIssues(compiled.issues);
    return context.Fail(kExitRefused, "the rules do not load");
  }
  return records ? ExplainRecords(context, options, compiled.rules, format)
                 : ExplainTestEvents(context, options, compiled.rules);
}

}  // namespace

void AddRulesExplainCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "explain", "Why an event matches rules, or why not");
  command->add_option("--rules", options->rules, "Rule files and directories")
      ->required()
      ->type_name("PATH");
  command
      ->add_option("--event", options->event,
                   "A file of events: one JSON object a line, with the names "
                   "that rules use; with --format or --log, records of the log")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--log", options->logs,
                   "Log files: what happened before, for rules that count")
      ->type_name("FILE");
  command
      ->add_option("--format", options->format,
                   "What the records are; found out from the log when not "
                   "given")
      ->type_name("NAME|FILE");
  command
      ->add_option("--rule", options->rule,
                   "Only rules of this id, or with this in their name")
      ->type_name("RULE");
  command->add_flag("--matching", options->matching, "Only rules that match");
  command->footer(
      "Each rule is shown as the tree of its conditions, with the values seen; "
      "then what\nthe event did to rules that count, before and after. Log "
      "sources are looked at\nwhen the format is known.\n\n"
      "Examples:\n"
      "  keywatch rules explain --rules rules/ --event event.json\n"
      "  keywatch rules explain --rules my.yml --event /dev/stdin < "
      "event.json\n"
      "  tail -n 1 access.jsonl > last.jsonl\n"
      "  keywatch rules explain --rules rules/ --event last.jsonl --log "
      "access.jsonl\n");
  command->callback([context, options] {
    context->run = [context, options] {
      return RunExplain(*context, *options);
    };
  });
}

}  // namespace keywatch
