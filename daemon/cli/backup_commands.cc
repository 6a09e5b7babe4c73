// What is done with the state's files, beside the daemon: backup, restore, and
// the proof of the audit log.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"
#include "daemon/core/time.h"
#include "daemon/store/backup.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

constexpr size_t kHashDigits = 64;

struct Options {
  std::string state = "/var/lib/keywatch";
  std::string backup;
  std::string head;
};

// What the state does not allow is refused; the rest failed.
int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
      return kExitRefused;
    default:
      return kExitFailure;
  }
}

std::string HeadText(const AuditHead& head) {
  return absl::StrCat(head.entries, ":", head.hash);
}

nlohmann::ordered_json ToJsonValue(const BackupSummary& summary,
                                   const std::string& directory) {
  nlohmann::ordered_json json;
  json["directory"] = Sanitize(directory);
  json["bytes"] = summary.bytes;
  json["database_version"] = summary.version;
  json["commits"] = summary.commits;
  if (summary.watermark_ms != kMinEventTime) {
    json["watermark_time"] = FormatTime(summary.watermark_ms);
  }
  json["alerts"] = summary.alerts;
  json["pending_messages"] = summary.pending_messages;
  json["audit_head"] = HeadText(summary.audit);
  return json;
}

int Print(const CommandContext& context, const char* what,
          const std::string& directory,
          const absl::StatusOr<BackupSummary>& summary) {
  if (!summary.ok()) {
    return context.Fail(ExitCodeOf(summary.status()),
                        summary.status().message());
  }
  if (context.json()) {
    context.out() << ToJsonValue(*summary, directory).dump(2) << "\n";
    return kExitOk;
  }
  context.out() << what << " " << Sanitize(directory) << ": "
                << summary->bytes / 1024 << " KiB, " << summary->alerts
                << " alerts, " << summary->pending_messages
                << " messages waiting, watermark "
                << (summary->watermark_ms == kMinEventTime
                        ? "none"
                        : FormatTime(summary->watermark_ms))
                << "\naudit log " << HeadText(summary->audit) << "\n";
  return kExitOk;
}

int RunAuditVerify(const CommandContext& context, const Options& options) {
  AuditHead known;
  if (!options.head.empty()) {
    const std::vector<std::string> parts = absl::StrSplit(options.head, ':');
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &known.entries) ||
        known.entries < 1 || parts[1].size() != kHashDigits) {
      return context.Fail(
          kExitUsage, "--head wants what an earlier run printed: NUMBER:HASH");
    }
    known.hash = parts[1];
  }
  const absl::StatusOr<AuditHead> head = VerifyAuditOf(options.state, known);
  if (!head.ok()) {
    return context.Fail(ExitCodeOf(head.status()), head.status().message());
  }
  if (context.json()) {
    nlohmann::ordered_json json;
    json["entries"] = head->entries;
    json["head"] = HeadText(*head);
    json["contains_known_head"] = known.entries > 0;
    context.out() << json.dump(2) << "\n";
    return kExitOk;
  }
  context.out() << "audit log: " << head->entries
                << " entries, none changed or missing";
  if (known.entries > 0) {
    context.out() << "; entry " << known.entries << " is the known one";
  }
  context.out() << "\n" << HeadText(*head) << "\n";
  return kExitOk;
}

void AddStateOption(CLI::App* command, Options* options) {
  command
      ->add_option("--state", options->state,
                   "The state directory (state_directory of the configuration)")
      ->type_name("DIRECTORY")
      ->capture_default_str();
}

}  // namespace

void AddBackupCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "backup", "Copy the state, while the daemon runs or not");
  command
      ->add_option("DIRECTORY", options->backup,
                   "The new directory that the backup becomes")
      ->required()
      ->type_name("");
  AddStateOption(command, options.get());
  command->footer(
      "The copy is of one commit, and is read as a whole before it gets its "
      "name.\nIt holds what the state holds: keep it as closed.\n\n"
      "Examples:\n"
      "  keywatch backup /var/backups/keywatch-$(date +%F)\n"
      "  keywatch backup ./copy --state ./state --output json\n");
  command->callback([context, options] {
    context->run = [context, options] {
      return Print(*context, "backup", options->backup,
                   BackUp(options->state, options->backup));
    };
  });
}

void AddRestoreCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "restore", "Put a backup into an empty state directory");
  command->add_option("BACKUP", options->backup, "The directory of a backup")
      ->required()
      ->type_name("");
  AddStateOption(command, options.get());
  command->footer(
      "The daemon must be stopped. It then reads its sources again from where "
      "the\nbackup stands: the alerts since then come again, with the same "
      "ids. "
      "What people\ndid since then is lost.\n\n"
      "Examples:\n"
      "  systemctl stop keywatchd && mv /var/lib/keywatch /var/lib/keywatch.old"
      "\n  keywatch restore /var/backups/keywatch-2026-08-17\n"
      "  systemctl start keywatchd\n");
  command->callback([context, options] {
    context->run = [context, options] {
      return Print(*context, "restored", options->state,
                   Restore(options->backup, options->state));
    };
  });
}

void AddAuditVerifyCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "verify", "Prove that no entry was changed or removed");
  AddStateOption(command, options.get());
  command
      ->add_option("--head", options->head,
                   "What an earlier run printed; it must still be in the log")
      ->type_name("NUMBER:HASH");
  command->footer(
      "Prints the number of entries and the hash of the last. Keep that in "
      "another\nplace: with it a later run also sees that the end was cut off, "
      "or that all was\nwritten anew. Works on a running daemon's state and on "
      "backups. Exit code 1 when\nthe log was tampered with.\n\n"
      "Examples:\n"
      "  keywatch audit verify\n"
      "  keywatch audit verify --state /var/backups/keywatch-2026-08-17\n");
  command->callback([context, options] {
    context->run = [context, options] {
      return RunAuditVerify(*context, *options);
    };
  });
}

}  // namespace keywatch
