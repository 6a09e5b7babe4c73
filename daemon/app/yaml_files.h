#ifndef DAEMON_APP_YAML_FILES_H_
#define DAEMON_APP_YAML_FILES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// "*.tests.yml" or "*.tests.yaml".
bool IsScenarioFile(absl::string_view path);

// The YAML files that `paths` name, each once: files as they are, and those
// below directories in order of path, hidden ones left out; of the directories
// the names, too, when `directories` is given. What cannot be read is left
// out: whoever loads the files tells.
std::vector<std::string> FindYamlFiles(const std::vector<std::string>& paths,
                                       std::vector<std::string>* directories);

}  // namespace keywatch

#endif  // DAEMON_APP_YAML_FILES_H_
