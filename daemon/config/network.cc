#include "daemon/config/network.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

bool ParseAddress(absl::string_view text, Network* network) {
  const std::string copy(text);
  network->address.fill(0);
  network->ipv6 = copy.find(':') != std::string::npos;
  return inet_pton(network->ipv6 ? AF_INET6 : AF_INET, copy.c_str(),
                   network->address.data()) == 1;
}

// The address with every bit beyond the prefix cleared.
std::array<uint8_t, 16> Masked(const Network& network, int prefix) {
  std::array<uint8_t, 16> result = network.address;
  for (int byte = 0; byte < 16; ++byte) {
    const int bits = std::min(8, std::max(0, prefix - byte * 8));
    result[byte] &= static_cast<uint8_t>(0xff00 >> bits);
  }
  return result;
}

}  // namespace

bool Network::Contains(absl::string_view ip) const {
  Network other;
  if (!ParseAddress(ip, &other)) return false;
  // An IPv4 address as IPv6 sockets show it: ::ffff:203.0.113.9.
  static constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                      0, 0, 0, 0, 0xff, 0xff};
  if (other.ipv6 && !ipv6 &&
      std::equal(kMapped.begin(), kMapped.end(), other.address.begin())) {
    std::copy(other.address.begin() + 12, other.address.end(),
              other.address.begin());
    std::fill(other.address.begin() + 4, other.address.end(), uint8_t{0});
    other.ipv6 = false;
  }
  return other.ipv6 == ipv6 && Masked(other, prefix) == address;
}

std::string Network::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(ipv6 ? AF_INET6 : AF_INET, address.data(), text, sizeof(text));
  return absl::StrCat(text, "/", prefix);
}

absl::StatusOr<Network> ParseNetwork(absl::string_view text) {
  Network network;
  const size_t slash = text.find('/');
  if (!ParseAddress(text.substr(0, slash), &network)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is no network; write an address, or address/prefix "
                     "like 203.0.113.0/24"));
  }
  const int bits = network.ipv6 ? 128 : 32;
  network.prefix = bits;
  const absl::string_view prefix =
      slash == absl::string_view::npos ? "" : text.substr(slash + 1);
  // SimpleAtoi would take blanks and signs.
  const bool digits =
      std::all_of(prefix.begin(), prefix.end(), absl::ascii_isdigit);
  if (slash != absl::string_view::npos &&
      (!digits || !absl::SimpleAtoi(prefix, &network.prefix) ||
       network.prefix > bits)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", prefix, "\" is no prefix length; it is 0 to ", bits));
  }
  Network masked = network;
  masked.address = Masked(network, network.prefix);
  if (!(masked == network)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" has bits beyond its prefix; the network is ",
        masked.ToString()));
  }
  return network;
}

}  // namespace keywatch
