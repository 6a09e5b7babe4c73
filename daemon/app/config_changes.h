#ifndef DAEMON_APP_CONFIG_CHANGES_H_
#define DAEMON_APP_CONFIG_CHANGES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// The top-level sections in which two texts of a configuration differ, sorted;
// comments and blank lines are no difference. A text that does not begin its
// sections in the first column is one section, "the configuration". Pure.
std::vector<std::string> ChangedSections(absl::string_view before,
                                         absl::string_view after);

}  // namespace keywatch

#endif  // DAEMON_APP_CONFIG_CHANGES_H_
