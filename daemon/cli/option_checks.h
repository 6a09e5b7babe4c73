#ifndef DAEMON_CLI_OPTION_CHECKS_H_
#define DAEMON_CLI_OPTION_CHECKS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "CLI/Validators.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/core/issue.h"

namespace keywatch {

// Checks of option values that say nothing in --help: the option's own text
// does.

inline CLI::Validator OneOf(const std::vector<std::string>& words) {
  return CLI::Validator(
      [words](std::string& word) {
        return std::find(words.begin(), words.end(), word) != words.end()
                   ? std::string()
                   : absl::StrCat("\"", word, "\" is not known here; ",
                                  SuggestionHint(word, words));
      },
      "");
}

inline CLI::Validator Between(int least, int most) {
  return CLI::Range(least, most).description("");
}

}  // namespace keywatch

#endif  // DAEMON_CLI_OPTION_CHECKS_H_
