#include "daemon/cli/cli.h"

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/cli/command_context.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/history_commands.h"
#include "daemon/cli/option_checks.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/core/issue.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

constexpr char kFooter[] =
    "Examples:\n"
    "  keywatch status                               is all well?\n"
    "  keywatch alerts list                          what is unresolved\n"
    "  keywatch alerts show 4f1c09aa                 what, since when, what to "
    "do\n"
    "  keywatch keys show mk_1SdeyA                  what that key did\n"
    "  keywatch requests --key mk_1SdeyA --since 2h  request by request\n"
    "  keywatch roll start mk_1SdeyA --reason leaked replace it, step by step\n"
    "  keywatch rules check rules/                   before you deploy them\n"
    "  keywatch replay --rules rules/ old.jsonl.gz   what they would have "
    "said\n"
    "  keywatch backup DIRECTORY                     the state, while the "
    "daemon runs\n"
    "  keywatch backtest --rules rules/ --since 30d  alerts a day, pages a "
    "week\n"
    "\n"
    "The daemon is found at --address, else $KEYWATCH_ADDRESS, else\n"
    "unix:/run/keywatch/keywatchd.sock. $KEYWATCH_TOKEN_FILE, $KEYWATCH_CA,\n"
    "$KEYWATCH_CERT and $KEYWATCH_KEY stand for the options of these names.\n"
    "\n"
    "Exit codes: 0 done; 1 it was tried and failed; 2 wrong command line; 3\n"
    "refused (rules, configuration, an unknown id, a change that the state "
    "does\n"
    "not allow); 4 keywatchd does not answer.\n";

CLI::App* AddGroup(CLI::App* root, const char* name, const char* help) {
  CLI::App* group = root->add_subcommand(name, help);
  group->require_subcommand(1);
  return group;
}

void AddGlobalOptions(CLI::App* root, CommandContext* context) {
  root->add_option("--address", context->address,
                   "Where the daemon listens: unix:PATH or HOST:PORT")
      ->type_name("ADDRESS");
  root->add_option("--token-file", context->token_file,
                   "A file with your token, for a daemon that wants one")
      ->type_name("FILE");
  root->add_option("--ca", context->ca,
                   "Encrypted, with a certificate that this one signed (PEM)")
      ->type_name("FILE");
  root->add_option("--cert", context->certificate,
                   "Your certificate, for a daemon that wants one")
      ->type_name("FILE");
  root->add_option("--key", context->key, "The key of --cert")
      ->type_name("FILE");
  root->add_option("--output", context->output, "table, or json for scripts")
      ->check(OneOf({"table", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  root->add_option("--color", context->color,
                   "auto, always or never; auto honours NO_COLOR")
      ->check(OneOf({"auto", "always", "never"}))
      ->type_name("WHEN")
      ->capture_default_str();
  root->add_option("--as", context->actor,
                   "Who acts, for the record; your user name when not given")
      ->type_name("NAME");
  root->add_option("--timeout", context->timeout,
                   "How long to wait for the daemon")
      ->check([](const std::string& text) {
        return ParseDuration(text).ok()
                   ? std::string()
                   : absl::StrCat("\"", text, "\" is no duration such as 10s");
      })
      ->type_name("DURATION")
      ->capture_default_str();
}

void AddCommands(CLI::App* root, CommandContext* context) {
  AddStatusCommand(root, context);

  CLI::App* alerts = AddGroup(root, "alerts", "See and handle alerts");
  AddAlertsListCommand(alerts, context);
  AddAlertsShowCommand(alerts, context);
  AddAlertsWatchCommand(alerts, context);
  AddAlertsChangeCommands(alerts, context);
  AddAlertsRaiseCommand(alerts, context);

  AddKeysCommands(AddGroup(root, "keys", "See what keys did"), context);
  AddRollCommands(AddGroup(root, "roll", "Replace a key, step by step"),
                  context);

  CLI::App* rules = AddGroup(root, "rules", "Check, test and list rules");
  AddRulesCheckCommand(rules, context);
  AddRulesTestCommand(rules, context);
  AddRulesExplainCommand(rules, context);
  AddRulesDaemonCommands(rules, context);

  AddCoverageCommand(root, context);
  AddSourcesCommands(
      AddGroup(root, "sources", "See what sources could not give"), context);
  AddConfigCheckCommand(AddGroup(root, "config", "Check configurations"),
                        context);
  AddReplayCommand(root, context);
  AddBackupCommand(root, context);
  AddRestoreCommand(root, context);
  AddAuditVerifyCommand(AddGroup(root, "audit", "Verify the record of acts"),
                        context);
  AddBacktestCommand(root, context);
  AddRequestsCommand(root, context);
  AddCompletionCommand(root, context);
}

// What to say when a word stands where a command must and is none; else "".
// CLI11 itself would only say that one is missing.
std::string UnknownCommand(const CLI::App* at,
                           const std::vector<std::string>& arguments) {
  std::string path = "keywatch";
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!word.empty() && word[0] == '-') {
      const CLI::Option* option = nullptr;
      for (const CLI::App* app = at; app != nullptr && option == nullptr;
           app = app->get_parent()) {
        option = app->get_option_no_throw(word);
      }
      if (option == nullptr) return "";
      if (option->get_items_expected_max() > 0) ++i;
      continue;
    }
    std::vector<std::string> commands;
    const CLI::App* next = nullptr;
    for (const CLI::App* sub : at->get_subcommands({})) {
      commands.push_back(sub->get_name());
      if (sub->get_name() == word) next = sub;
    }
    if (commands.empty()) return "";  // the command's own arguments begin
    if (next == nullptr) {
      return absl::StrCat("\"", path, "\" has no command \"", word, "\"; ",
                          SuggestionHint(word, commands));
    }
    at = next;
    absl::StrAppend(&path, " ", word);
  }
  return "";
}

// Options of `keywatch` itself may stand after the command, too.
void FallThrough(CLI::App* command) {
  command->fallthrough();
  for (CLI::App* sub : command->get_subcommands({})) FallThrough(sub);
}

}  // namespace

int RunCli(const std::vector<std::string>& arguments,
           const CliEnvironment& environment) {
  try {
    CommandContext context(&environment);
    CLI::App root("Watches how API keys are used", "keywatch");
    root.require_subcommand(1);
    root.set_help_flag("-h,--help", "Print this help and exit");
    root.set_version_flag("--version", environment.version,
                          "Print the version and exit");
    root.footer(kFooter);
    root.get_formatter()->column_width(34);
    AddGlobalOptions(&root, &context);
    AddCommands(&root, &context);
    FallThrough(&root);

    if (arguments.empty()) {
      *environment.err << root.help();
      return kExitUsage;
    }
    const std::string unknown = UnknownCommand(&root, arguments);
    if (!unknown.empty()) {
      *environment.err << "error: " << Sanitize(unknown) << "\n";
      return kExitUsage;
    }
    // CLI11 wants them last first.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      root.parse(reversed);
    } catch (const CLI::ParseError& error) {
      if (root.exit(error, *environment.out, *environment.err) != 0) {
        return kExitUsage;
      }
      context.run = [] { return kExitOk; };  // help, or the version
    }
    const int code = context.run ? context.run() : kExitUsage;
    // A disk that is full shows only now.
    environment.out->flush();
    if (*environment.out || code != kExitOk) return code;
    return context.Fail(kExitFailure, "the output cannot be written");
  } catch (const std::exception& error) {
    *environment.err << "error: " << error.what() << "\n";
    return kExitFailure;
  }
}

}  // namespace keywatch
