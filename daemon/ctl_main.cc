// keywatch: the command line. All of it is in daemon/cli; here is what only a
// program has: its arguments, its terminal, its clock and its signals.

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "daemon/app/real_clock.h"
#include "daemon/app/version.h"
#include "daemon/cli/cli.h"

namespace {

volatile std::sig_atomic_t interrupted = 0;

void Interrupt(int signal) {
  interrupted = 1;
  // A second Ctrl-C ends the program where it stands.
  std::signal(signal, SIG_DFL);
}

int TerminalWidth() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

}  // namespace

int main(int argc, char** argv) {
  // `keywatch ... | head` ends quietly when head has enough.
  std::signal(SIGPIPE, SIG_DFL);
  std::ios::sync_with_stdio(false);

  keywatch::RealClock clock;
  keywatch::CliEnvironment environment;
  environment.out = &std::cout;
  environment.err = &std::cerr;
  environment.clock = &clock;
  environment.version = keywatch::kVersion;
  environment.variable =
      [](absl::string_view name) -> absl::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return absl::nullopt;
    return std::string(value);
  };
  environment.terminal = isatty(STDOUT_FILENO) == 1;
  environment.width = TerminalWidth();
  environment.interrupted = [] {
    static const bool caught = [] {
      std::signal(SIGINT, Interrupt);
      std::signal(SIGTERM, Interrupt);
      return true;
    }();
    return caught && interrupted != 0;
  };

  return keywatch::RunCli(std::vector<std::string>(argv + 1, argv + argc),
                          environment);
}
