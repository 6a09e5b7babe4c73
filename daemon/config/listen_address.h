#ifndef DAEMON_CONFIG_LISTEN_ADDRESS_H_
#define DAEMON_CONFIG_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// A TCP address to listen on.
struct ListenAddress {
  std::string host;  // an IPv4 or IPv6 address, without brackets
  int port = 0;      // 0: one that is free

  // 127.0.0.0/8 or ::1.
  bool loopback() const;
  bool ipv6() const { return host.find(':') != std::string::npos; }
  // Whether both cannot be listened on at once.
  bool Collides(const ListenAddress& other) const;
  // "127.0.0.1:9140", "[::1]:9140".
  std::string ToString() const;

  friend bool operator==(const ListenAddress& a, const ListenAddress& b) {
    return a.host == b.host && a.port == b.port;
  }
};

// Reads `host:port`; `localhost` is 127.0.0.1. INVALID_ARGUMENT, with a message
// "what is wrong; what to do", for host names, for ports out of range and for TLS ports
// (`9141s`, `https://...`): Keywatch serves no TLS itself.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

}  // namespace keywatch

#endif  // DAEMON_CONFIG_LISTEN_ADDRESS_H_
