#ifndef DAEMON_CLI_HISTORY_COMMANDS_H_
#define DAEMON_CLI_HISTORY_COMMANDS_H_

#include "CLI/App.hpp"
#include "daemon/cli/command_context.h"

namespace keywatch {

// Commands that look at the past; as those of commands.h.

void AddBacktestCommand(CLI::App* parent, CommandContext* context);
void AddRequestsCommand(CLI::App* parent, CommandContext* context);

}  // namespace keywatch

#endif  // DAEMON_CLI_HISTORY_COMMANDS_H_
