#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/core/time.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"

namespace keywatch {
namespace {

struct Options {
  std::vector<std::string> rules;
  std::string event;
  std::string rule;
  bool matching = false;
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

void Print(const CommandContext& context, const RuleSet& rules, int line,
           const ExplainedRule& explained) {
  const Rule& rule = rules.rule(explained.rule);
  if (context.json()) {
    context.out() << "{\"line\": " << line
                  << ", \"rule_id\": " << JsonString(rule.id.str())
                  << ", \"rule\": " << JsonString(rule.name)
                  << ", \"matches\": " << (explained.matches ? "true" : "false")
                  << ", \"tree\": " << NodeJson(explained.tree) << "}\n";
    return;
  }
  const Style style = context.style();
  context.out() << "\n"
                << (explained.matches ? style.Green("matches")
                                      : style.Dim("does not match"))
                << "  " << style.Bold(Sanitize(rule.name)) << "  "
                << Sanitize(rule.title) << "\n"
                << SanitizeLines(FormatExplanation(explained));
  if (!explained.matches) return;
  for (const uint32_t consumer : rule.consumers) {
    const Rule& stateful = rules.rule(consumer);
    context.out() << "     counts for " << Sanitize(stateful.name) << " ("
                  << RuleTypeName(stateful.type) << ")\n";
  }
}

void ExplainEvent(const CommandContext& context, const Options& options,
                  const RuleSet& rules, int line, const Event& event) {
  std::vector<ExplainedRule> explained = ExplainDetections(rules, event);
  // What matches is what somebody looks for first.
  std::stable_partition(explained.begin(), explained.end(),
                        [](const ExplainedRule& rule) { return rule.matches; });
  int64_t matching = 0;
  for (const ExplainedRule& one : explained) {
    if (one.matches) ++matching;
  }
  if (!context.json()) {
    context.out() << context.style().Bold(absl::StrCat("event ", line)) << ", "
                  << Sanitize(event.id) << " at " << FormatTime(event.time_ms)
                  << ": " << matching << " of " << explained.size()
                  << " detections match\n";
  }
  for (const ExplainedRule& one : explained) {
    const Rule& rule = rules.rule(one.rule);
    if (options.matching && !one.matches) continue;
    if (!options.rule.empty() && rule.id.str() != options.rule &&
        !absl::StrContains(rule.name, options.rule)) {
      continue;
    }
    Print(context, rules, line, one);
  }
}

int RunExplain(const CommandContext& context, const Options& options) {
  CompileOptions compile;
  compile.ignore_logsource = true;
  const CompileResult compiled = CompileRules(options.rules, compile);
  if (compiled.rules == nullptr) {
    context.err() << FormatIssues(compiled.issues);
    return context.Fail(kExitRefused, "the rules do not load");
  }
  std::ifstream file(options.event);
  if (!file) {
    return context.Fail(kExitFailure,
                        absl::StrCat("cannot read ", options.event));
  }
  EventBuilder builder(compiled.rules.get());
  builder.Restart();
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (absl::StripAsciiWhitespace(text).empty()) continue;
    absl::StatusOr<TestEvent> event = ParseTestEvent(text);
    if (!event.ok()) {
      return context.Fail(kExitRefused,
                          absl::StrCat(options.event, ":", line, ": ",
                                       event.status().message()));
    }
    EventBatch batch;
    ExplainEvent(context, options, *compiled.rules, line,
                 *builder.Build(*event, &batch));
  }
  return kExitOk;
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
                   "that rules use")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--rule", options->rule,
                   "Only rules of this id, or with this in their name")
      ->type_name("RULE");
  command->add_flag("--matching", options->matching, "Only rules that match");
  command->footer(
      "Each rule is shown as the tree of its conditions, with the values seen. "
      "Log\nsources are not looked at.\n\n"
      "Examples:\n"
      "  keywatch rules explain --rules rules/ --event event.json\n"
      "  keywatch rules explain --rules my.yml --event /dev/stdin < "
      "event.json\n");
  command->callback([context, options] {
    context->run = [context, options] {
      return RunExplain(*context, *options);
    };
  });
}

}  // namespace keywatch
