#ifndef DAEMON_APP_INSTALLATION_H_
#define DAEMON_APP_INSTALLATION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/core/secret.h"

namespace keywatch {

// What is random about an installation, made at its first start and kept in
// the state directory as `pepper` (mode 0600).
struct Installation {
  // Under it secrets become fingerprints: with another pepper the same key
  // would have another name.
  Secret pepper;
  // Hashes of event ids start from it; they are in the database.
  uint64_t seen_seed = 0;
};

// Reads the file, or makes it when there is none. DATA_LOSS for a file that is
// not what was written, or is missing beside a database that `has_data`;
// PERMISSION_DENIED when others may read it.
absl::StatusOr<Installation> OpenInstallation(
    const std::string& state_directory, bool has_data);

}  // namespace keywatch

#endif  // DAEMON_APP_INSTALLATION_H_
