#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "daemon/app/loading.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/config/report.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

struct Options {
  std::vector<std::string> files;
  bool json = false;
};

int RunCheck(const CommandContext& context, const Options& options) {
  const EventTime now = ToEventTime(context.now());
  int result = kExitOk;
  for (const std::string& file : options.files) {
    int code = kConfigOk;
    const bool json = options.json || context.json();
    const std::string report = CheckConfigReport(
        file, DaemonConfigOptions(ConfigOptions::Files::kRequireVisible), json,
        [now](const Config& config, IssueList* issues) {
          CheckDeeply(config, now, issues);
        },
        &code);
    (json || code == kConfigOk ? context.out() : context.err()) << report;
    if (code != kConfigOk) result = kExitRefused;
  }
  return result;
}

}  // namespace

void AddConfigCheckCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "check", "Check a configuration with its rules and formats");
  command->add_option("FILE", options->files, "Configuration files")
      ->required()
      ->type_name("");
  command->add_flag("--json", options->json, "A line of JSON for each file");
  command->footer(
      "Every mistake is shown with its place. Exit code 0 when all is well, 3 "
      "when not.\n\n"
      "Examples:\n"
      "  keywatch config check /etc/keywatch/keywatchd.yaml\n"
      "  keywatch config check keywatchd.yaml --json | jq .issues\n");
  command->callback([context, options] {
    context->run = [context, options] { return RunCheck(*context, *options); };
  });
}

}  // namespace keywatch
