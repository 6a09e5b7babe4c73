#ifndef DAEMON_SERVE_UNIX_SOCKET_H_
#define DAEMON_SERVE_UNIX_SOCKET_H_

#include <string>

#include "absl/status/status.h"

namespace keywatch {

// Makes `path` free to be bound as a unix socket: removes a socket that nobody
// listens on any more. ALREADY_EXISTS when somebody does; FAILED_PRECONDITION
// when something that is no socket stands there; INVALID_ARGUMENT when the path
// is too long for a socket; others as the system says.
absl::Status PrepareUnixSocket(const std::string& path);

// Lets owner and group connect, nobody else.
absl::Status RestrictUnixSocket(const std::string& path);

}  // namespace keywatch

#endif  // DAEMON_SERVE_UNIX_SOCKET_H_
