#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/app/loading.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/issue_json.h"
#include "daemon/cli/json_output.h"
#include "daemon/config/loader.h"
#include "daemon/core/time.h"
#include "daemon/engine/supports.h"
#include "daemon/ingest/format.h"
#include "daemon/rules/check.h"

namespace keywatch {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string config;
  bool json = false;
  bool no_lint = false;
  bool require_tests = false;
  bool quiet = false;
};

// The normalised fields of the shipped formats whose events a rule of that log
// source sees.
std::vector<std::string> KnownFields(const LogSourceSpec& source) {
  std::vector<std::string> fields;
  const auto fits = [](const std::string& wanted, const std::string& given) {
    return wanted.empty() || wanted == given;
  };
  for (const std::string& name : Format::ShippedNames()) {
    const std::shared_ptr<const Format> format = Format::Shipped(name);
    const LogSourceSpec& given = format->logsource();
    if (!fits(source.product, given.product) ||
        !fits(source.category, given.category) ||
        !fits(source.service, given.service)) {
      continue;
    }
    for (std::string& field : format->field_names()) {
      fields.push_back(std::move(field));
    }
  }
  std::sort(fields.begin(), fields.end());
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  return fields;
}

std::string DocumentJson(const DocumentResult& document) {
  return absl::StrCat(
      "{\"file\": ", JsonString(document.file), ", \"line\": ", document.line,
      ", \"status\": ", document.loaded ? "\"loaded\"" : "\"refused\"",
      ", \"kind\": ", JsonString(document.kind),
      ", \"id\": ", JsonString(document.id),
      ", \"title\": ", JsonString(document.title),
      ", \"issues\": ", IssuesJson(document.issues), "}");
}

int CountWarnings(const CheckResult& result) {
  int warnings = 0;
  for (const DocumentResult& document : result.documents) {
    for (const Issue& issue : document.issues.issues()) {
      if (issue.severity != Issue::Severity::kError) ++warnings;
    }
  }
  return warnings;
}

int RunCheck(const CommandContext& context, const Options& options) {
  CheckOptions check;
  check.compile.now_ms = ToEventTime(context.now());
  // A rule that the engine cannot evaluate is refused as one that the compiler
  // cannot read: nothing is ever approximated.
  check.compile.supports = EngineSupports;
  check.compile.known_fields = KnownFields;
  check.lint = !options.no_lint;
  check.require_tests = options.require_tests;
  if (!options.config.empty()) {
    LoadedConfig loaded = LoadConfig(
        options.config, DaemonConfigOptions(ConfigOptions::Files::kIgnore));
    if (!loaded.ok()) {
      context.err() << FormatIssues(loaded.issues);
      return context.Fail(kExitRefused, "the configuration does not load");
    }
    check.compile.lists = std::move(loaded.config.rules.lists);
  }
  const CheckResult result = CheckRules(options.paths, check);
  const int code = result.ok() ? kExitOk : kExitRefused;

  std::ostream& out = context.out();
  if (options.json || context.json()) {
    for (const DocumentResult& document : result.documents) {
      out << DocumentJson(document) << "\n";
    }
    // What belongs to no document: paths that cannot be read.
    for (const Issue& issue : result.issues.issues()) {
      DocumentResult unreadable;
      unreadable.file = issue.where.file;
      unreadable.issues.Add(issue);
      out << DocumentJson(unreadable) << "\n";
    }
    return code;
  }
  if (!options.quiet) {
    for (const DocumentResult& document : result.documents) {
      out << FormatIssues(document.issues);
    }
  }
  out << FormatIssues(result.issues);
  const int warnings = CountWarnings(result);
  const Style style = context.style();
  out << (result.refused > 0
              ? style.Red(absl::StrCat(result.refused, " refused"))
              : style.Green("none refused"))
      << ", " << result.loaded << " loaded, " << warnings
      << (warnings == 1 ? " warning" : " warnings") << "\n";
  return code;
}

}  // namespace

void AddRulesCheckCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      parent->add_subcommand("check", "Check rules: what loads and what not");
  command
      ->add_option("PATH", options->paths,
                   "Rule files, and directories of them")
      ->required()
      ->type_name("");
  command
      ->add_option("--config", options->config,
                   "The configuration whose `lists` the rules use")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "A line of JSON for each rule");
  command->add_flag("--no-lint", options->no_lint,
                    "Only what is wrong, no advice");
  command->add_flag("--require-tests", options->require_tests,
                    "Warn of rules that alert and have no tests");
  command->add_flag("--quiet", options->quiet, "Only the totals");
  command->footer(
      "Exit code 0 when everything loads, 3 when not.\n\n"
      "Examples:\n"
      "  keywatch rules check rules/\n"
      "  keywatch rules check sigma/ --json | jq 'select(.status == "
      "\"refused\")'\n");
  command->callback([context, options] {
    context->run = [context, options] { return RunCheck(*context, *options); };
  });
}

}  // namespace keywatch
