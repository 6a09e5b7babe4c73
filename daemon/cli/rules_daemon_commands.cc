#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/table.h"
#include "daemon/cli/terminal_text.h"

namespace keywatch {
namespace {

int RunList(const CommandContext& context) {
  DaemonClient client(&context);
  v1::ListRulesResponse response;
  const int failed =
      client.Call(client.rules(), &DaemonClient::RuleStub::ListRules,
                  v1::ListRulesRequest(), &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  Table table({{"RULE", Table::Align::kLeft, true},
               {"TYPE"},
               {"LEVEL"},
               {"STAGE"},
               {"MATCHES", Table::Align::kRight},
               {"ALERTS", Table::Align::kRight},
               {"GROUPS", Table::Align::kRight},
               {"EVICTED", Table::Align::kRight},
               {"FILE", Table::Align::kLeft, true}});
  const Style style = context.style();
  for (const v1::Rule& rule : response.rules()) {
    const v1::Level level = rule.level();
    table.Add({Sanitize(rule.name()), Sanitize(rule.type()),
               Table::Cell(rule.alerts() ? Word(level) : "-",
                           [style, level](const std::string& text) {
                             return style.OfLevel(level, text);
                           }),
               rule.alerts() ? Word(rule.stage()) : "input",
               absl::StrCat(rule.matches()), absl::StrCat(rule.alerts_opened()),
               absl::StrCat(rule.groups()), absl::StrCat(rule.evictions()),
               absl::StrCat(Sanitize(rule.file()), ":", rule.line())});
  }
  table.Print(context.out(), style, context.width());
  context.out() << response.rules_size() << " rules, " << response.hash()
                << "; counted since the daemon started\n";
  return kExitOk;
}

int RunReload(const CommandContext& context) {
  DaemonClient client(&context);
  v1::ReloadRulesRequest request;
  request.set_actor(context.Actor());
  v1::ReloadRulesResponse response;
  const int failed = client.Call(
      client.rules(), &DaemonClient::RuleStub::ReloadRules, request, &response);
  if (failed != kExitOk) return failed;
  const int result = response.applied() ? kExitOk : kExitRefused;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
    return result;
  }
  for (const v1::Issue& issue : response.issues()) {
    context.err() << SanitizeLines(issue.text()) << "\n";
  }
  if (response.applied()) {
    context.out() << response.rules() << " rules in force ("
                  << Sanitize(response.hash()) << ")\n";
  } else {
    context.err() << "error: refused; the rules before it stay in force ("
                  << response.rules() << " rules, " << Sanitize(response.hash())
                  << ")\n";
  }
  return result;
}

}  // namespace

void AddRulesDaemonCommands(CLI::App* parent, CommandContext* context) {
  CLI::App* command = parent->add_subcommand(
      "list", "The rules in force in the daemon, and what they did");
  command->footer(
      "Examples:\n"
      "  keywatch rules list\n"
      "  keywatch rules list --output json | jq '.rules[] | {name, "
      "matches}'\n");
  command->callback(
      [context] { context->run = [context] { return RunList(*context); }; });

  command = parent->add_subcommand(
      "reload", "Make the daemon read configuration and rules again");
  command->footer(
      "With any error the rules before it stay in force; exit code 3 then.\n\n"
      "Examples:\n"
      "  keywatch rules check /etc/keywatch/rules.d && keywatch rules "
      "reload\n");
  command->callback(
      [context] { context->run = [context] { return RunReload(*context); }; });
}

}  // namespace keywatch
