#ifndef DAEMON_CLI_OPTION_CHECKS_H_
#define DAEMON_CLI_OPTION_CHECKS_H_

#include <string>
#include <vector>

#include "CLI/Validators.hpp"

namespace keywatch {

// Checks of option values that say nothing in --help: the option's own text
// does.

inline CLI::Validator OneOf(const std::vector<std::string>& words) {
  return CLI::IsMember(words).description("");
}

inline CLI::Validator Between(int least, int most) {
  return CLI::Range(least, most).description("");
}

}  // namespace keywatch

#endif  // DAEMON_CLI_OPTION_CHECKS_H_
