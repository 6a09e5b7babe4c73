#ifndef DAEMON_CLI_ALERT_FILTER_OPTIONS_H_
#define DAEMON_CLI_ALERT_FILTER_OPTIONS_H_

#include <string>

#include "CLI/App.hpp"
#include "daemon/cli/command_context.h"
#include "proto/keywatch/v1/keywatch.pb.h"

namespace keywatch {

// The options that say which alerts a command is about.
struct AlertFilterOptions {
  std::string state;
  bool all = false;
  std::string key;
  std::string rule;
  std::string level;
  std::string since;

  // Adds the options to `command`; it must not outlive this object.
  void AddTo(CLI::App* command, const std::string& default_state);

  // 0, or the exit code after the mistake was printed.
  int Fill(const CommandContext& context, v1::AlertFilter* filter) const;
};

// The level of a name; LEVEL_UNSPECIFIED for another text.
v1::Level ParseLevelName(const std::string& name);

}  // namespace keywatch

#endif  // DAEMON_CLI_ALERT_FILTER_OPTIONS_H_
