#ifndef DAEMON_CLI_HISTORY_LOCATION_H_
#define DAEMON_CLI_HISTORY_LOCATION_H_

#include <string>

#include "CLI/App.hpp"
#include "absl/status/statusor.h"
#include "daemon/cli/command_context.h"
#include "daemon/config/config.h"
#include "daemon/core/event.h"

namespace keywatch {

// Where a command finds the daemon's request history: --history, else as the
// configuration says (--config). Thread-compatible.
struct HistoryLocation {
  std::string history;
  std::string config = "/etc/keywatch/keywatchd.yaml";

  void AddTo(CLI::App* command);
  // The directory; an error for people when the configuration cannot be read.
  absl::StatusOr<std::string> Directory() const;
  // The configuration, or the defaults when there is none at `config`.
  absl::StatusOr<Config> LoadedConfig() const;
};

// A time as --since and --until take it; `fallback` for "". INVALID_ARGUMENT
// names `option`.
absl::StatusOr<EventTime> TimeOption(const CommandContext& context,
                                     const char* option,
                                     const std::string& text,
                                     EventTime fallback);

}  // namespace keywatch

#endif  // DAEMON_CLI_HISTORY_LOCATION_H_
