#ifndef DAEMON_RESPOND_CREDENTIAL_FILE_H_
#define DAEMON_RESPOND_CREDENTIAL_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/core/secret.h"

namespace keywatch {

// Reads a credential from a file of at most 64 KiB: its text without blanks and
// newlines around it. NOT_FOUND or PERMISSION_DENIED when the file cannot be
// read, INVALID_ARGUMENT when it is empty or holds control characters. Errors
// name the file, never its content. Thread-safe.
absl::StatusOr<Secret> ReadCredentialFile(const std::string& path);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_CREDENTIAL_FILE_H_
