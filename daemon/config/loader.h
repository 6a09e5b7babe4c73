#ifndef DAEMON_CONFIG_LOADER_H_
#define DAEMON_CONFIG_LOADER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/config/config.h"
#include "daemon/core/issue.h"

namespace keywatch {

// What a configuration is checked against besides itself.
struct ConfigOptions {
  // Names of the shipped formats; empty leaves format names unchecked.
  std::vector<std::string> formats;
  // The value of $CREDENTIALS_DIRECTORY, where systemd puts what a unit's
  // LoadCredential= names; "" when unset.
  std::string credentials_directory;
  // Files that the configuration names: rules, databases, secrets.
  enum class Files {
    kRequire,  // must be there, secrets with a mode that hides them
    // As kRequire, but what this user or process cannot see is a warning: for a
    // check beside the daemon.
    kRequireVisible,
    kIgnore,
  };
  Files files = Files::kRequire;
};

struct LoadedConfig {
  Config config;  // usable only when ok()
  IssueList issues;

  bool ok() const { return !issues.has_errors(); }
};

// Reads the configuration at `path`. Every mistake is an issue at its own line
// and column: unknown keys, wrong types, values out of bounds, references that
// lead nowhere, addresses that cannot be served. Relative paths in it count
// from the file's directory; `~` and variables are not expanded.
LoadedConfig LoadConfig(const std::string& path, const ConfigOptions& options);

// The same for a text; relative paths count from the directory of `name`.
LoadedConfig ParseConfig(const std::string& name, absl::string_view text,
                         const ConfigOptions& options);

// Every key that the loader knows, as dotted paths: "grpc.listen",
// "sources[].paths", ... In no order.
std::vector<std::string> ConfigKeys();

}  // namespace keywatch

#endif  // DAEMON_CONFIG_LOADER_H_
