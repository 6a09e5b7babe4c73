#ifndef DAEMON_CLI_COMMANDS_H_
#define DAEMON_CLI_COMMANDS_H_

#include "CLI/App.hpp"
#include "daemon/cli/command_context.h"

namespace keywatch {

// Each adds its command below `parent`. When it is chosen, it sets
// `context->run`; both pointers outlive the parsing and the run.

void AddStatusCommand(CLI::App* parent, CommandContext* context);

void AddAlertsListCommand(CLI::App* parent, CommandContext* context);
void AddAlertsShowCommand(CLI::App* parent, CommandContext* context);
void AddAlertsWatchCommand(CLI::App* parent, CommandContext* context);
// ack and resolve.
void AddAlertsChangeCommands(CLI::App* parent, CommandContext* context);
void AddAlertsRaiseCommand(CLI::App* parent, CommandContext* context);

// list and show.
void AddKeysCommands(CLI::App* parent, CommandContext* context);

// start, confirm, status, list, close-follow-up, cancel.
void AddRollCommands(CLI::App* parent, CommandContext* context);

void AddRulesCheckCommand(CLI::App* parent, CommandContext* context);
void AddRulesTestCommand(CLI::App* parent, CommandContext* context);
void AddRulesExplainCommand(CLI::App* parent, CommandContext* context);
// list and reload: of the running daemon.
void AddRulesDaemonCommands(CLI::App* parent, CommandContext* context);

void AddCoverageCommand(CLI::App* parent, CommandContext* context);

// rejects and gaps.
void AddSourcesCommands(CLI::App* parent, CommandContext* context);

// backup, restore, and audit verify: of the files, without the daemon.
void AddBackupCommand(CLI::App* parent, CommandContext* context);
void AddRestoreCommand(CLI::App* parent, CommandContext* context);
void AddAuditVerifyCommand(CLI::App* parent, CommandContext* context);

void AddConfigCheckCommand(CLI::App* parent, CommandContext* context);
void AddReplayCommand(CLI::App* parent, CommandContext* context);
void AddCompletionCommand(CLI::App* root, CommandContext* context);

}  // namespace keywatch

#endif  // DAEMON_CLI_COMMANDS_H_
