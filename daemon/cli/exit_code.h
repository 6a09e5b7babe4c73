#ifndef DAEMON_CLI_EXIT_CODE_H_
#define DAEMON_CLI_EXIT_CODE_H_

namespace keywatch {

// What `keywatch` ends with; `keywatch --help` lists them. Scripts depend on
// the numbers.
constexpr int kExitOk = 0;
// It was tried and did not work: a test failed, a file could not be written.
constexpr int kExitFailure = 1;
// The command line is wrong.
constexpr int kExitUsage = 2;
// What was given was refused: rules, a configuration, an unknown id, a change
// that the state does not allow.
constexpr int kExitRefused = 3;
// keywatchd did not answer.
constexpr int kExitUnreachable = 4;

}  // namespace keywatch

#endif  // DAEMON_CLI_EXIT_CODE_H_
