#ifndef DAEMON_CLI_COMMAND_CONTEXT_H_
#define DAEMON_CLI_COMMAND_CONTEXT_H_

#include <cstddef>
#include <functional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/cli/environment.h"
#include "daemon/cli/style.h"

namespace keywatch {

// CommandContext is what the commands share: the surroundings, the options that
// stand before the command, and what was chosen. Thread-compatible.
class CommandContext {
 public:
  explicit CommandContext(const CliEnvironment* environment)
      : environment_(environment) {}

  // --- Options of `keywatch` itself.
  std::string address;           // "" as the environment or the default says
  std::string output = "table";  // or "json"
  std::string color = "auto";    // or "always", "never"
  std::string actor;             // "" from the environment
  std::string timeout = "10s";
  // How it shows who calls, and knows the daemon; "" from the environment.
  std::string token_file;
  std::string ca;
  std::string certificate;
  std::string key;

  // What the chosen command does; gives the exit code. Set while the command
  // line is read.
  std::function<int()> run;

  // --- For the commands.
  const CliEnvironment& environment() const { return *environment_; }
  std::ostream& out() const { return *environment_->out; }
  std::ostream& err() const { return *environment_->err; }
  absl::Time now() const { return environment_->clock->Now(); }
  bool json() const { return output == "json"; }
  Style style() const;
  // Columns of the terminal; 0 when `out` is none.
  size_t width() const {
    return environment_->terminal ? static_cast<size_t>(environment_->width)
                                  : 0;
  }
  // For running text: at most 100 columns.
  size_t text_width() const;
  std::string Variable(absl::string_view name) const;
  // An option's value, or that of an environment variable.
  std::string OptionOr(const std::string& option,
                       absl::string_view variable) const {
    return option.empty() ? Variable(variable) : option;
  }
  // Who acts: --as, else who called sudo, else the user.
  std::string Actor() const;

  // Prints "error: ..." and gives `exit_code` back.
  int Fail(int exit_code, absl::string_view message) const;

 private:
  const CliEnvironment* const environment_;
};

}  // namespace keywatch

#endif  // DAEMON_CLI_COMMAND_CONTEXT_H_
