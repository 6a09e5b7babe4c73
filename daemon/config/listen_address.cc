#include "daemon/config/listen_address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

bool IsAddress(int family, const std::string& text) {
  in6_addr address;  // large enough for both families
  return inet_pton(family, text.c_str(), &address) == 1;
}

constexpr char kForm[] =
    "this is no address to listen on; write an address and a port, like "
    "127.0.0.1:9140";
constexpr char kNoTls[] =
    "TLS is not served here; listen on loopback and put a proxy before it";

absl::Status Bad(absl::string_view message) {
  return absl::InvalidArgumentError(message);
}

}  // namespace

bool ListenAddress::loopback() const {
  if (!ipv6()) return absl::StartsWith(host, "127.");
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&address);
}

bool ListenAddress::Collides(const ListenAddress& other) const {
  if (port == 0 || port != other.port) return false;
  const auto any = [](const ListenAddress& a) {
    return a.host == "0.0.0.0" || a.host == "::";
  };
  // [::] takes the IPv4 addresses too.
  return host == other.host || any(*this) || any(other);
}

std::string ListenAddress::ToString() const {
  return ipv6() ? absl::StrCat("[", host, "]:", port)
                : absl::StrCat(host, ":", port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  if (absl::StrContains(text, "://")) {
    return Bad(absl::StartsWith(text, "https") ? kNoTls : kForm);
  }
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return Bad(kForm);
  }
  absl::string_view host = text.substr(0, colon);
  absl::string_view port = text.substr(colon + 1);
  ListenAddress address;
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    address.host = std::string(host.substr(1, host.size() - 2));
    if (!IsAddress(AF_INET6, address.host)) {
      return Bad(
          absl::StrCat("\"", address.host,
                       "\" is no IPv6 address; write it like [::1]:9140"));
    }
  } else if (host == "localhost") {
    address.host = "127.0.0.1";
  } else if (IsAddress(AF_INET, std::string(host))) {
    address.host = std::string(host);
  } else if (absl::StrContains(host, ":")) {
    return Bad("an IPv6 address stands in brackets; write it like [::1]:9140");
  } else if (host.empty()) {
    return Bad("the address is missing; 127.0.0.1 is this machine only");
  } else {
    return Bad(absl::StrCat("\"", host,
                            "\" is no IP address; names are not looked up "
                            "here, write the address"));
  }
  if (absl::EndsWith(port, "s")) {
    return Bad(kNoTls);
  }
  // SimpleAtoi would take blanks and signs.
  const bool digits =
      std::all_of(port.begin(), port.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(port, &address.port) ||
      address.port > 65535) {
    return Bad(absl::StrCat(
        "\"", port,
        "\" is no port; it is 0 to 65535, and 0 is any that is free"));
  }
  return address;
}

}  // namespace keywatch
