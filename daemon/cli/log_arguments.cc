#include "daemon/cli/log_arguments.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/match.h"

namespace keywatch {

void GiveLogsBack(std::vector<std::string>* rules,
                  std::vector<std::string>* logs) {
  std::vector<std::string> kept;
  std::vector<std::string> given;
  for (std::string& path : *rules) {
    struct stat found;
    const bool is_rules =
        kept.empty() || absl::EndsWith(path, ".yml") ||
        absl::EndsWith(path, ".yaml") ||
        (stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode));
    (is_rules ? kept : given).push_back(std::move(path));
  }
  *rules = std::move(kept);
  logs->insert(logs->begin(), given.begin(), given.end());
}

}  // namespace keywatch
