#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/progress_bar.h"
#include "daemon/app/scenario_runner.h"
#include "daemon/app/yaml_files.h"
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

// Runs tests one after the other, shows them as it goes, and counts.
class TestRun {
 public:
  TestRun(const CommandContext& context, const Options& options)
      : context_(context), options_(options) {}

  // False when the rules do not load.
  bool RunInlineTests() {
    // A path that is a scenario has its rules itself.
    std::vector<std::string> paths;
    for (const std::string& path : options_.paths) {
      if (!IsScenarioFile(path)) paths.push_back(path);
    }
    if (paths.empty()) return true;
    CompileOptions compile;
    compile.ignore_logsource = true;
    const CompileResult compiled = CompileRules(paths, compile);
    if (compiled.rules == nullptr) {
      context_.err() << FormatIssues(compiled.issues);
      return false;
    }
    for (const InlineTest& test : InlineTests(*compiled.rules)) {
      if (Wanted(compiled.rules->rule(test.rule))) {
        Take(RunOne(compiled.rules, test));
      }
    }
    return true;
  }

  // False when a scenario is refused; the others run nevertheless.
  bool RunScenarios() {
    bool loaded = true;
    for (const std::string& path : FindYamlFiles(options_.paths, nullptr)) {
      if (!IsScenarioFile(path)) continue;
      IssueList issues;
      const absl::optional<Scenario> scenario = LoadScenario(path, &issues);
      context_.err() << FormatIssues(issues);
      if (!scenario) {
        loaded = false;
        continue;
      }
      for (const ScenarioTest& test : scenario->tests) {
        if (Wanted(*scenario, test)) Take(RunScenario(*scenario, test));
      }
    }
    return loaded;
  }

  bool any() const { return !reports_.empty(); }

  int FailWithoutTests() const {
    const std::string paths = absl::StrJoin(options_.paths, ", ");
    return context_.Fail(
        kExitFailure,
        options_.filter.empty()
            ? absl::StrCat("no test in ", paths,
                           ": write `tests:` into a rule, or a *.tests.yml "
                           "beside it (rules/README.md)")
            : absl::StrCat("no test of a rule \"", options_.filter, "\" in ",
                           paths, ": --rule takes an id or a part of names"));
  }

  int Finish() {
    if (!options_.junit.empty()) {
      std::ofstream file(options_.junit);
      file << JUnitXml(reports_);
      file.close();
      if (!file) {
        return context_.Fail(kExitFailure,
                             absl::StrCat("cannot write ", options_.junit));
      }
    }
    if (!context_.json()) {
      context_.out() << reports_.size() - failed_ << " passed, " << failed_
                     << " failed\n";
    }
    return failed_ == 0 ? kExitOk : kExitFailure;
  }

 private:
  bool Wanted(const Rule& rule) const {
    return options_.filter.empty() || rule.id.str() == options_.filter ||
           absl::StrContains(rule.name, options_.filter);
  }

  bool Wanted(const Scenario& scenario, const ScenarioTest& test) const {
    return std::any_of(test.expect.begin(), test.expect.end(),
                       [&](const ScenarioExpectation& expectation) {
                         return Wanted(scenario.rules->rule(expectation.rule));
                       });
  }

  RuleTestReport RunScenario(const Scenario& scenario,
                             const ScenarioTest& test) {
    RuleTestReport report;
    report.rule = scenario.file.substr(scenario.file.rfind('/') + 1);
    report.name = test.name;
    report.file = scenario.file;
    report.line = test.line;
    ProgressBar bar(context_.environment().terminal && !context_.json(),
                    context_.environment().clock, &context_.err());
    const absl::StatusOr<ScenarioOutcome> outcome =
        RunScenarioTest(scenario, test, [&bar](int64_t done, int64_t all) {
          bar.Show(static_cast<double>(done) / static_cast<double>(all), done,
                   "events");
        });
    bar.End();
    if (!outcome.ok()) {
      report.message = std::string(outcome.status().message());
      return report;
    }
    report.passed = outcome->failures.empty();
    report.message =
        absl::StrJoin(outcome->failures, "\n",
                      [](std::string* out, const ScenarioFailure& failure) {
                        out->append(failure.message);
                      });
    return report;
  }

  void Take(RuleTestReport report) {
    if (!report.passed) ++failed_;
    if (context_.json() || options_.verbose || !report.passed) {
      Print(context_, report);
    }
    reports_.push_back(std::move(report));
  }

  const CommandContext& context_;
  const Options& options_;
  std::vector<RuleTestReport> reports_;
  size_t failed_ = 0;
};

int RunTests(const CommandContext& context, const Options& options) {
  TestRun run(context, options);
  if (!run.RunInlineTests()) {
    return context.Fail(kExitRefused, "the rules do not load");
  }
  const bool scenarios = run.RunScenarios();
  if (!run.any() && scenarios) return run.FailWithoutTests();
  const int code = run.Finish();
  if (!scenarios) return context.Fail(kExitRefused, "a scenario is refused");
  return code;
}

}  // namespace

void AddRulesTestCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "test",
      "Run the tests that stand in rules, and scenarios, in virtual time");
  command
      ->add_option("PATH", options->paths,
                   "Rule files, scenario files (*.tests.yml), and directories "
                   "of them")
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
      "Exit code 0 when all pass, 1 when one fails or there is none, 3 when "
      "rules or\nscenarios do not load.\n\n"
      "Examples:\n"
      "  keywatch rules test rules/\n"
      "  keywatch rules test rules/stripe --rule key_probing -v\n"
      "  keywatch rules test rules/stripe/leak.tests.yml\n"
      "  keywatch rules test rules/ --junit report.xml\n");
  command->callback([context, options] {
    context->run = [context, options] { return RunTests(*context, *options); };
  });
}

}  // namespace keywatch
