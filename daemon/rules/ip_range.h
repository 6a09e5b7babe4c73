#ifndef DAEMON_RULES_IP_RANGE_H_
#define DAEMON_RULES_IP_RANGE_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace keywatch {

// A range of IP addresses. IPv4 stands as IPv4-mapped IPv6, so that
// ::ffff:10.0.0.1 lies in 10.0.0.0/8.
struct IpRange {
  std::array<uint8_t, 16> address{};
  int prefix_bits = 0;  // of 128

  // "10.0.0.0/8", "2001:db8::/32", or an address alone, which is a range of
  // one. INVALID_ARGUMENT for anything else and when host bits are set.
  static absl::StatusOr<IpRange> Parse(absl::string_view text);

  bool Contains(const std::array<uint8_t, 16>& other) const;
  // As Parse takes it.
  std::string ToString() const;
};

// The address in `text`, "10.0.0.1" or "2001:db8::1"; nothing else.
absl::optional<std::array<uint8_t, 16>> ParseIp(absl::string_view text);

}  // namespace keywatch

#endif  // DAEMON_RULES_IP_RANGE_H_
