#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "CLI/Validators.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/app/replay.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/log_arguments.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

// More than these have nothing to do: one of them does what must be done in
// order.
int DefaultThreads() {
  return std::max(1, std::min<int>(4, std::thread::hardware_concurrency()));
}

}  // namespace

void AddReplayCommand(CLI::App* parent, CommandContext* context) {
  struct Options {
    ReplayOptions replay;
    std::string lateness;
  };
  auto options = std::make_shared<Options>();
  options->lateness = keywatch::FormatDuration(options->replay.input.lateness);
  ReplayOptions* replay = &options->replay;
  replay->input.threads = DefaultThreads();

  CLI::App* command = parent->add_subcommand(
      "replay", "Run rules over log files, in the time of the log");
  command
      ->add_option("LOG", replay->input.logs,
                   "Log files; .gz and .zst are read as they are, - is "
                   "standard input")
      ->required()
      ->type_name("");
  command->add_option("--rules", replay->rules, "Rule files and directories")
      ->required()
      ->type_name("PATH");
  command
      ->add_option("--format", replay->input.format,
                   "A shipped format or a format file; found out when not "
                   "given")
      ->type_name("NAME|FILE");
  command
      ->add_option("--config", replay->config_file,
                   "The daemon's configuration: what it declares of keys, its "
                   "lists and databases")
      ->type_name("FILE");
  command
      ->add_option("--key", replay->input.key_field,
                   "The field that names the key")
      ->type_name("FIELD");
  command
      ->add_option("--time", replay->input.time_field,
                   "The field that holds the time")
      ->type_name("FIELD");
  command
      ->add_option("--dedup", replay->input.dedup_field,
                   "The field that identifies an event, or none")
      ->type_name("FIELD|none");
  command
      ->add_option("--lateness", options->lateness,
                   "How far out of order events may be")
      ->type_name("DURATION")
      ->capture_default_str();
  command
      ->add_option("--threads", replay->input.threads,
                   "Threads that read and match; the alerts are the same")
      ->type_name("N")
      ->check(CLI::Range(1, 64).description(""));
  command->add_flag("--ignore-logsource", replay->ignore_logsource,
                    "Every rule sees every event");
  command->add_flag("--matches", replay->matches,
                    "A line for every matching event and detection rule");
  command->add_flag("--strict", replay->strict,
                    "End when a rule is refused, instead of leaving it out");
  command
      ->add_option("--stats", replay->stats_file,
                   "Write counts as JSON to FILE")
      ->type_name("FILE");
  command->add_flag("--progress", replay->progress, "Show a bar on a terminal");
  command->footer(
      "Prints one JSON line per alert, in order of first fire; what was not "
      "understood is\ncounted on standard error. Exit code 0 also when alerts "
      "fire, 1 when a log or all\nof its records could not be read.\n\n"
      "Examples:\n"
      "  keywatch replay --rules rules/ access.jsonl.gz\n"
      "  keywatch replay --rules rules/cloudtrail --format cloudtrail --stats "
      "stats.json \\\n      trail.jsonl.gz\n"
      "  zcat old.gz | keywatch replay --rules my.yml --key client_id --time "
      "ts "
      "-\n");
  command->callback([context, options] {
    context->run = [context, options] {
      absl::StatusOr<absl::Duration> lateness =
          ParseDuration(options->lateness);
      if (!lateness.ok()) {
        return context->Fail(
            kExitUsage,
            absl::StrCat("--lateness: ", lateness.status().message()));
      }
      options->replay.input.lateness = *lateness;
      GiveLogsBack(&options->replay.rules, &options->replay.input.logs);
      return RunReplay(options->replay, context->environment().clock,
                       context->out(), context->err());
    };
  });
}

}  // namespace keywatch
