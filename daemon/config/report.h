#ifndef DAEMON_CONFIG_REPORT_H_
#define DAEMON_CONFIG_REPORT_H_

#include <functional>
#include <string>

#include "daemon/config/loader.h"

namespace keywatch {

// Exit codes of `keywatchd --check` and `keywatch config check`.
constexpr int kConfigOk = 0;
constexpr int kConfigRefused = 3;

// Checks that the configuration library cannot make: rules compile, formats
// load. Called only when the file itself has no errors.
using DeepCheck = std::function<void(const Config&, IssueList*)>;

// Loads and checks the configuration at `path` and says so, for people:
//
//   config.yaml:7:3: error: unknown key "lisen"
//   ...
//   config.yaml: refused: 1 error
//
// or as one line of JSON: {"file", "status": "ok" | "refused", "issues":
// [{"severity", "code", "file", "line", "column", "length", "message",
// "hint"}]}. The text ends with a newline.
std::string CheckConfigReport(const std::string& path,
                              const ConfigOptions& options, bool json,
                              const DeepCheck& deep_check, int* exit_code);

}  // namespace keywatch

#endif  // DAEMON_CONFIG_REPORT_H_
