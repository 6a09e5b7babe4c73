#include "daemon/serve/loopback.h"

#include <arpa/inet.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keywatch {

absl::StatusOr<HostPort> ParseHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  HostPort out;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &out.port) || out.port < 0 ||
      out.port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not an address; write host:port, for example ",
        "127.0.0.1:9140"));
  }
  absl::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ":")) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": an IPv6 host stands in brackets: [", host,
                     "]:", out.port));
  }
  out.host = std::string(host);
  if (out.host.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" names no host"));
  }
  return out;
}

bool IsLoopback(absl::string_view host) {
  const std::string text(host);
  if (text == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::Status CheckLoopback(const HostPort& address, bool allow_remote,
                           absl::string_view setting) {
  if (allow_remote || IsLoopback(address.host)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      address.host, ":", address.port,
      " can be reached from other machines, and this listener neither encrypts "
      "nor authenticates. Listen on 127.0.0.1 and put a TLS proxy before it, "
      "or set ",
      setting, ": true"));
}

}  // namespace keywatch
