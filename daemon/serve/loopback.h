#ifndef DAEMON_SERVE_LOOPBACK_H_
#define DAEMON_SERVE_LOOPBACK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// "host:port" of a listener.
struct HostPort {
  std::string host;  // "127.0.0.1", "::1", "localhost", ...; never empty
  int port = 0;      // 0: any free one
};

// INVALID_ARGUMENT when `text` is not host:port. An IPv6 host stands in
// brackets.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

// Whether only this machine can reach the host.
bool IsLoopback(absl::string_view host);

// OK for a loopback host, or when `allow_remote`; else FAILED_PRECONDITION that
// says what to do. `setting` is the name of the setting that allows it.
absl::Status CheckLoopback(const HostPort& address, bool allow_remote,
                           absl::string_view setting);

}  // namespace keywatch

#endif  // DAEMON_SERVE_LOOPBACK_H_
