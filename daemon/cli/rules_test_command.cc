#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/rule_test_runner.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/core/time.h"
#include "daemon/engine/supports.h"
#include "daemon/rules/compiler.h"

namespace keywatch {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string junit;
  std::string filter;
  bool verbose = false;
};

std::string Count(const Rule& rule, int64_t count) {
  const char* one = rule.stateful() ? " alert" : " match";
  const char* many = rule.stateful() ? " alerts" : " matches";
  return absl::StrCat(count, count == 1 ? one : many);
}

RuleTestReport RunOne(const std::shared_ptr<const RuleSet>& rules,
                      const InlineTest& test) {
  const Rule& rule = rules->rule(test.rule);
  RuleTestReport report;
  report.rule = rule.name;
  report.name = test.name;
  report.file = test.file;
  report.line = test.line;
  std::string why;
  if (!EngineSupports(rule, &why)) {
    report.message = why;
    return report;
  }
  absl::StatusOr<RuleTestOutcome> outcome = RunRuleTest(rules, test);
  if (!outcome.ok()) {
    report.message = std::string(outcome.status().message());
    return report;
  }
  report.passed = outcome->count == test.match;
  if (report.passed) return report;
  report.message = absl::StrCat("expected ", Count(rule, test.match), ", got ",
                                outcome->count);
  for (const Detection& alert : outcome->alerts) {
    absl::StrAppend(&report.message, "\n", FormatTime(alert.first_fire_ms), " ",
                    alert.explanation);
  }
  return report;
}

void Print(const CommandContext& context, const RuleTestReport& report) {
  if (context.json()) {
    context.out() << "{\"rule\": " << JsonString(report.rule)
                  << ", \"test\": " << JsonString(report.name)
                  << ", \"file\": " << JsonString(report.file)
                  << ", \"line\": " << report.line
                  << ", \"passed\": " << (report.passed ? "true" : "false")
                  << ", \"message\": " << JsonString(report.message) << "}\n";
    return;
  }
  const Style style = context.style();
  context.out() << (report.passed ? style.Green("pass") : style.Red("FAIL"))
                << "  " << Sanitize(report.rule) << ": "
                << Sanitize(report.name) << "\n";
  if (report.passed) return;
  context.out() << "      " << Sanitize(report.file) << ":" << report.line
                << "\n";
  for (const std::string& line :
       Wrap(SanitizeLines(report.message), context.text_width())) {
    context.out() << "      " << line << "\n";
  }
}

int RunTests(const CommandContext& context, const Options& options) {
  CompileOptions compile;
  compile.ignore_logsource = true;
  const CompileResult compiled = CompileRules(options.paths, compile);
  if (compiled.rules == nullptr) {
    context.err() << FormatIssues(compiled.issues);
    return context.Fail(kExitRefused, "the rules do not load");
  }
  std::vector<RuleTestReport> reports;
  size_t failed = 0;
  for (const InlineTest& test : InlineTests(*compiled.rules)) {
    const Rule& rule = compiled.rules->rule(test.rule);
    if (!options.filter.empty() && rule.id.str() != options.filter &&
        !absl::StrContains(rule.name, options.filter)) {
      continue;
    }
    reports.push_back(RunOne(compiled.rules, test));
    if (!reports.back().passed) ++failed;
    if (context.json() || options.verbose || !reports.back().passed) {
      Print(context, reports.back());
    }
  }
  if (!options.junit.empty()) {
    std::ofstream file(options.junit);
    file << JUnitXml(reports);
    file.close();
    if (!file) {
      return context.Fail(kExitFailure,
                          absl::StrCat("cannot write ", options.junit));
    }
  }
  if (!context.json()) {
    context.out() << reports.size() - failed << " passed, " << failed
                  << " failed\n";
  }
  return failed == 0 ? kExitOk : kExitFailure;
}

}  // namespace

void AddRulesTestCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "test", "Run the tests that stand in rules, in virtual time");
  command
      ->add_option("PATH", options->paths,
                   "Rule files, and directories of them")
      ->required()
      ->type_name("");
  command->add_option("--junit", options->junit, "Write a JUnit report, too")
      ->type_name("FILE");
  command
      ->add_option("--rule", options->filter,
                   "Only rules of this id, or with this in their name")
      ->type_name("RULE");
  command->add_flag("-v,--verbose", options->verbose,
                    "Name the tests that pass, too");
  command->footer(
      "Exit code 0 when all pass, 1 when one fails, 3 when the rules do not "
      "load.\n\n"
      "Examples:\n"
      "  keywatch rules test rules/\n"
      "  keywatch rules test rules/stripe --rule key_probing -v\n"
      "  keywatch rules test rules/ --junit report.xml\n");
  command->callback([context, options] {
    context->run = [context, options] { return RunTests(*context, *options); };
  });
}

}  // namespace keywatch
