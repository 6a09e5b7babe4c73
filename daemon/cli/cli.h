#ifndef DAEMON_CLI_CLI_H_
#define DAEMON_CLI_CLI_H_

#include <string>
#include <vector>

#include "daemon/cli/environment.h"

namespace keywatch {

// Runs `keywatch` with the arguments after the program's name; gives its exit
// code (exit_code.h). Reads and writes only through `environment` and, for
// commands that work on files, the files named. Does not throw.
int RunCli(const std::vector<std::string>& arguments,
           const CliEnvironment& environment);

}  // namespace keywatch

#endif  // DAEMON_CLI_CLI_H_
