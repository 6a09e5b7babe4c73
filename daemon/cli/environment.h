#ifndef DAEMON_CLI_ENVIRONMENT_H_
#define DAEMON_CLI_ENVIRONMENT_H_

#include <functional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/clock.h"

namespace keywatch {

// CliEnvironment is all that a command sees of the world around it; ctl_main
// makes the real one, tests make their own. Everything outlives the commands.
struct CliEnvironment {
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  Clock* clock = nullptr;
  std::string version;
  // An environment variable's value; nullopt when it is not set.
  std::function<absl::optional<std::string>(absl::string_view)> variable;
  // `out` is a terminal, so many columns wide. Otherwise tables are as wide as
  // they need.
  bool terminal = false;
  int width = 80;
  // From the first call on, Ctrl-C does not end the program: it makes this
  // give true. May be empty.
  std::function<bool()> interrupted;
};

}  // namespace keywatch

#endif  // DAEMON_CLI_ENVIRONMENT_H_
