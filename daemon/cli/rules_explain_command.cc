#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/app/enrichment.h"
#include "daemon/app/loading.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/event_log.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/rule_explainer.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/config/loader.h"
#include "daemon/engine/supports.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/inline_tests.h"

namespace keywatch {
namespace {

struct Options {
  std::vector<std::string> rules;
  std::string event;
  std::vector<std::string> logs;
  std::string format;
  std::string config;
  std::string rule;
  bool matching = false;

  // Events are records of a log, not fields by the names that rules use.
  bool records() const { return !format.empty() || !logs.empty(); }
};

// A record of a log holds less than an event: a format makes fields of it.
void HintAtFormat(const CommandContext& context, const std::string& line) {
  const std::string format = SniffFormat(line);
  if (format == "json") return;
  context.err() << "note: taken as an event by the names that rules use, so "
                   "that nothing is derived of it; as a record of a log: "
                   "--format "
                << format << "\n";
}

// Events by the names that rules use, one JSON object a line.
absl::StatusOr<std::vector<TestEvent>> ReadTestEvents(
    const CommandContext& context, const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::vector<TestEvent> events;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (absl::StripAsciiWhitespace(text).empty()) continue;
    if (events.empty()) HintAtFormat(context, text);
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
                      std::shared_ptr<const RuleSet> rules,
                      RuleExplainer* explainer) {
  absl::StatusOr<std::vector<TestEvent>> events =
      ReadTestEvents(context, options.event);
  if (!events.ok()) {
    return context.Fail(ExitCodeOf(events.status()), events.status().message());
  }
  EventBuilder builder(rules.get());
  builder.Restart();
  EventBatch batch;
  const std::unique_ptr<Matcher> matcher = NewMatcher(rules);
  int number = 0;
  for (const TestEvent& test : *events) {
    Event* event = builder.Build(test, &batch);
    std::vector<uint32_t> matches;
    matcher->Match(*event, &matches);
    event->matches = matches;
    explainer->Explain(++number, *event);
    event->matches = {};
  }
  return kExitOk;
}

// Records of a log, and the log before them.
int ExplainRecords(const CommandContext& context, const Options& options,
                   std::shared_ptr<const RuleSet> rules,
                   std::shared_ptr<const Format> format,
                   const Enricher* enricher, RuleExplainer* explainer) {
  EventLog shown(rules, format, enricher);
  EventLog history(rules, format, enricher);
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

  auto next = before.begin();
  absl::string_view last_id;
  int number = 0;
  for (const Event* event : events) {
    // The event itself may stand in the log, and a log may repeat itself.
    for (; next != before.end() && EventBefore(**next, *event); ++next) {
      if ((*next)->id != last_id) explainer->Observe(**next);
      last_id = (*next)->id;
    }
    explainer->Explain(++number, *event);
    while (next != before.end() && (*next)->id == event->id) ++next;
  }
  return events.empty() ? context.Fail(kExitRefused, "there is no event")
                        : kExitOk;
}

// The rule's nearest name, when none is what was asked for.
int NoSuchRule(const CommandContext& context, const RuleSet& rules,
               const std::string& asked) {
  std::vector<std::string> names;
  for (const Rule& rule : rules.rules()) names.push_back(rule.name);
  const std::string nearest = NearestWord(asked, names);
  return context.Fail(
      kExitRefused,
      absl::StrCat(
          "--rule: no rule has the id \"", asked, "\" or this in its name; ",
          nearest.empty() ? absl::StrCat(names.size(), " rules are loaded")
                          : absl::StrCat("did you mean \"", nearest, "\"?")));
}

int RunExplain(const CommandContext& context, const Options& options) {
  std::shared_ptr<const Format> format;
  if (options.records()) {
    absl::StatusOr<std::shared_ptr<const Format>> found = FindFormat(
        options.format, options.logs.empty() ? "" : options.logs.front());
    if (!found.ok()) {
      return context.Fail(ExitCodeOf(found.status()), found.status().message());
    }
    format = *std::move(found);
    if (options.format.empty()) {
      context.err() << "format " << format->name()
                    << ", as the log begins (--format names another)\n";
    }
  }
  CompileOptions compile;
  compile.ignore_logsource = !options.records();
  compile.now_ms = 0;
  compile.supports = EngineSupports;
  std::unique_ptr<Enricher> enricher;
  if (!options.config.empty()) {
    LoadedConfig loaded = LoadConfig(
        options.config, DaemonConfigOptions(ConfigOptions::Files::kIgnore));
    if (!loaded.ok()) {
      context.err() << FormatIssues(loaded.issues);
      return context.Fail(kExitRefused, "the configuration does not load");
    }
    compile.lists = loaded.config.rules.lists;
    absl::StatusOr<std::unique_ptr<Enricher>> made = NewEnricher(loaded.config);
    if (!made.ok()) {
      return context.Fail(kExitRefused, made.status().message());
    }
    enricher = *std::move(made);
  }
  const CompileResult compiled = CompileRules(options.rules, compile);
  if (compiled.rules == nullptr) {
    context.err() << FormatIssues(compiled.issues);
    return context.Fail(kExitRefused, "the rules do not load");
  }
  RuleExplainer explainer(&context, compiled.rules, options.rule,
                          options.matching);
  if (!explainer.HasRules()) {
    return NoSuchRule(context, *compiled.rules, options.rule);
  }
  if (options.records()) {
    return ExplainRecords(context, options, compiled.rules, format,
                          enricher.get(), &explainer);
  }
  return ExplainTestEvents(context, options, compiled.rules, &explainer);
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
      ->add_option("--config", options->config,
                   "The daemon's configuration: its lists; with --format or "
                   "--log what it declares of keys and its databases, too")
      ->type_name("FILE");
  command
      ->add_option("--rule", options->rule,
                   "Only rules of this id, or with this in their name, and "
                   "what they count")
      ->type_name("RULE");
  command->add_flag("--matching", options->matching, "Only rules that match");
  command->footer(
      "Each rule is shown as the tree of its conditions, with the values seen; "
      "then what\nthe event did to rules that count, before and after. Log "
      "sources are looked at\nwhen the format is known.\n\n"
      "Examples:\n"
      "  keywatch rules explain --rules rules/ --event event.json\n"
      "  keywatch rules explain --rules my.yml --event record.json --format "
      "keywatch\n"
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
