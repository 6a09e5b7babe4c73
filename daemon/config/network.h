#ifndef DAEMON_CONFIG_NETWORK_H_
#define DAEMON_CONFIG_NETWORK_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// An IPv4 or IPv6 network. Immutable.
struct Network {
  bool ipv6 = false;
  std::array<uint8_t, 16> address{};  // of IPv4 the first four
  int prefix = 0;

  // Whether `ip` (text of either family) is in it; false for what is no
  // address.
  bool Contains(absl::string_view ip) const;
  // "203.0.113.0/24".
  std::string ToString() const;

  friend bool operator==(const Network& a, const Network& b) {
    return a.ipv6 == b.ipv6 && a.address == b.address && a.prefix == b.prefix;
  }
};

// Reads an address (a network of one) or address/prefix. INVALID_ARGUMENT, with
// a message "what is wrong; what to do", also when bits beyond the prefix are
// set.
absl::StatusOr<Network> ParseNetwork(absl::string_view text);

}  // namespace keywatch

#endif  // DAEMON_CONFIG_NETWORK_H_
