#include "daemon/rules/ip_range.h"

#include <arpa/inet.h>

#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace keywatch {

absl::StatusOr<IpRange> IpRange::Parse(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  const auto address = ParseIp(parts.first);
  if (!address) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is no network", " like 10.0.0.0/8 or 2001:db8::/32"));
  }
  const bool v4 = parts.first.find(':') == absl::string_view::npos;
  const int width = v4 ? 32 : 128;
  int bits = width;
  if (text.find('/') != absl::string_view::npos &&
      (!absl::SimpleAtoi(parts.second, &bits) || bits < 0 || bits > width ||
       parts.second.find_first_not_of("0123456789") !=
           absl::string_view::npos)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prefix length of an IPv", v4 ? 4 : 6, " network is 0 to ", width));
  }
  IpRange range;
  range.prefix_bits = bits + (128 - width);
  range.address = *address;
  for (int bit = range.prefix_bits; bit < 128; ++bit) {
    const uint8_t mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    if (range.address[bit / 8] & mask) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" has host bits set"));
    }
  }
  return range;
}

bool IpRange::Contains(const std::array<uint8_t, 16>& other) const {
  const int bytes = prefix_bits / 8;
  if (std::memcmp(address.data(), other.data(), bytes) != 0) return false;
  const int bits = prefix_bits % 8;
  if (bits == 0) return true;
  const uint8_t mask = static_cast<uint8_t>(0xff << (8 - bits));
  return ((address[bytes] ^ other[bytes]) & mask) == 0;
}

std::string IpRange::ToString() const {
  char text[INET6_ADDRSTRLEN];
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff};
  if (prefix_bits >= 96 && std::memcmp(address.data(), kMapped, 12) == 0) {
    inet_ntop(AF_INET, address.data() + 12, text, sizeof(text));
    return absl::StrCat(text, "/", prefix_bits - 96);
  }
  inet_ntop(AF_INET6, address.data(), text, sizeof(text));
  return absl::StrCat(text, "/", prefix_bits);
}

absl::optional<std::array<uint8_t, 16>> ParseIp(absl::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() < 2 || text.size() >= sizeof(buffer)) return absl::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  if (std::memchr(buffer, '\0', text.size()) != nullptr) return absl::nullopt;
  std::array<uint8_t, 16> address{};
  address[10] = address[11] = 0xff;
  if (inet_pton(AF_INET, buffer, address.data() + 12) == 1) return address;
  if (inet_pton(AF_INET6, buffer, address.data()) == 1) return address;
  return absl::nullopt;
}

}  // namespace keywatch
