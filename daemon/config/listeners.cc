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
  return *address;
}

void ReadSocket(Section* grpc, GrpcConfig* config) {
  yaml::MapReader& reader = grpc->reader();
  const std::string text = reader.String("unix_socket");
  if (!reader.Has("unix_socket")) {
    if (config->listen.has_value()) config->unix_socket.clear();
    return;
  }
  // '' says that there is none, too.
  config->unix_socket = text.empty() || text == "none"
                            ? ""
                            : grpc->Path("unix_socket", Section::Kind::kAny);
  if (config->unix_socket.size() > kMaxSocketPath) {
    reader.Error(
        "unix_socket", "bad-path",
        absl::StrCat("the path of a socket has at most ", kMaxSocketPath,
                     " bytes, this one ", config->unix_socket.size()),
        GrpcConfig().unix_socket);
  }
}

void ReadTls(Section* grpc, GrpcConfig* config) {
  Section tls = grpc->Child("tls");
  yaml::MapReader& reader = tls.reader();
  config->tls_certificate = tls.Path("certificate", Section::Kind::kFile);
  config->tls_key = tls.SecretFile("key", Section::SecretForm::kAny);
  config->tls_client_ca = tls.Path("client_ca", Section::Kind::kFile);
  if (reader.Has("certificate") != reader.Has("key") ||
      (reader.Has("client_ca") && !reader.Has("certificate"))) {
    reader.Error(reader.Has("certificate") ? "key" : "certificate",
                 "missing-key", "tls needs a certificate and its key",
                 "certificate: PATH, key: {file: PATH}");
  }
  tls.Finish();
}

// Who may call: nobody who has not said who they are.
void CheckFence(Section* grpc, const GrpcConfig& config) {
  yaml::MapReader& reader = grpc->reader();
  const bool open = config.allow_unauthenticated;
  if (!config.listen.has_value()) {
    if (open) {
      reader.Error("allow_unauthenticated", "no-listener",
                   "there is no TCP listener that it could be about",
                   "remove it, or set listen");
    }
    return;
  }
  const std::string address = config.listen->ToString();
  const bool loopback = config.listen->loopback();
  if (!loopback && !grpc->reader().Has("tls")) {
    reader.Error("listen", "not-loopback",
                 absl::StrCat(address,
                              " can be reached from other machines: it needs "
                              "tls and tokens"),
                 "use 127.0.0.1, or set tls: {certificate: PATH, key: {file: "
                 "PATH}} and tokens: {file: PATH}");
    return;
  }
  if (open && (!loopback || reader.Has("tokens"))) {
    reader.Error("allow_unauthenticated", "not-loopback",
                 loopback ? "with tokens nobody calls without one"
                          : "other machines reach the address",
                 "remove it");
  } else if (!open && !reader.Has("tokens")) {
    reader.Error(
        "listen", "no-tokens",
        absl::StrCat("everybody who reaches ", address, " could do everything"),
        loopback ? "set tokens: {file: PATH}, or "
                   "allow_unauthenticated: true, or use unix_socket "
                   "instead"
                 : "set tokens: {file: PATH}");
  }
}

}  // namespace

void ReadListeners(Section* root, Config* config) {
  Section grpc = root->Child("grpc");
  config->grpc.listen = ReadListen(&grpc, config->grpc.listen);
  ReadSocket(&grpc, &config->grpc);
  config->grpc.token_file =
      grpc.SecretFile("tokens", Section::SecretForm::kAny);
  config->grpc.allow_unauthenticated =
      grpc.reader().Bool("allow_unauthenticated", false);
  ReadTls(&grpc, &config->grpc);
  CheckFence(&grpc, config->grpc);

  Section http = root->Child("http");
  config->http.listen = ReadListen(&http, config->http.listen);
  const bool allow_remote = http.reader().Bool("allow_remote", false);
  if (config->http.listen.has_value() && !config->http.listen->loopback() &&
      !allow_remote) {
    http.reader().Error(
        "listen", "not-loopback",
        absl::StrCat(config->http.listen->host,
                     " can be reached from other machines, without "
                     "encryption or a password"),
        "use 127.0.0.1, or say allow_remote: true");
  }
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
  if (!config->grpc.listen.has_value() && config->grpc.unix_socket.empty()) {
    grpc.reader().Warning("unix_socket", "no-listener",
                          "keywatch cannot reach this daemon: it listens on "
                          "no socket and no address",
                          "remove this, or set listen");
  }
  grpc.Finish();
  http.Finish();
}

}  // namespace keywatch
