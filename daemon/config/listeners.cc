#include "absl/strings/str_cat.h"
#include "daemon/config/section.h"

namespace keywatch {
namespace {

// sun_path, less its final NUL.
constexpr size_t kMaxSocketPath = 107;

// The address at `listen`; `none` is none.
absl::optional<ListenAddress> ReadListen(
    Section* section, const absl::optional<ListenAddress>& fallback) {
  yaml::MapReader& reader = section->reader();
  const bool allow_remote = reader.Bool("allow_remote", false);
  const std::string text = reader.String("listen", "");
  if (text.empty()) {
    if (reader.Has("listen") && reader.Get("listen")->is_scalar() &&
        !reader.Get("listen")->is_null()) {
      reader.Error("listen", "bad-address", "the address is empty",
                   "none turns the listener off");
    }
    return fallback;
  }
  if (text == "none") return absl::nullopt;
  absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (!address.ok()) {
    section->StatusError(*reader.Get("listen"), "bad-address",
                         address.status());
    return fallback;
  }
  if (!address->loopback() && !allow_remote) {
    reader.Error("listen", "not-loopback",
                 absl::StrCat(address->host,
                              " can be reached from other machines, without "
                              "encryption or a password"),
                 "use 127.0.0.1, or say allow_remote: true");
  }
  return *address;
}

}  // namespace

void ReadListeners(Section* root, Config* config) {
  Section grpc = root->Child("grpc");
  config->grpc.listen = ReadListen(&grpc, config->grpc.listen);
  // '' says that there is none, as its absence does.
  if (!grpc.reader().String("unix_socket").empty()) {
    config->grpc.unix_socket = grpc.Path("unix_socket", Section::Kind::kAny);
  }
  if (config->grpc.unix_socket.size() > kMaxSocketPath) {
    grpc.reader().Error(
        "unix_socket", "bad-path",
        absl::StrCat("the path of a socket has at most ", kMaxSocketPath,
                     " bytes, this one ", config->grpc.unix_socket.size()),
        "/run/keywatch/keywatch.sock");
  }

  Section http = root->Child("http");
  config->http.listen = ReadListen(&http, config->http.listen);
  if (config->http.listen.has_value() && config->http.listen->ipv6()) {
    http.reader().Error("listen", "bad-address",
                        "HTTP is served on IPv4 addresses only",
                        "use 127.0.0.1");
  }
  if (config->grpc.listen.has_value() && config->http.listen.has_value() &&
      config->grpc.listen->Collides(*config->http.listen)) {
    http.reader().Error("listen", "port-taken",
                        absl::StrCat("port ", config->http.listen->port,
                                     " is that of grpc.listen already"),
                        "give each its own port");
  }
  grpc.Finish();
  http.Finish();
}

}  // namespace keywatch
