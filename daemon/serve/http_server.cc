#include "daemon/serve/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "CivetServer.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "daemon/core/utf8.h"
#include "daemon/serve/loopback.h"

namespace keywatch {
namespace {

constexpr char kTextType[] = "text/plain; charset=utf-8";
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kHtmlType[] = "text/html; charset=utf-8";

constexpr char kIndex[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Keywatch</title>"
    "</head><body>\n"
    "<h1>Keywatch</h1>\n"
    "<ul>\n"
    "<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n"
    "<li><a href=\"/-/ready\">/-/ready</a>: whether everything works</li>\n"
    "<li><a href=\"/-/healthy\">/-/healthy</a>: whether the process "
    "answers</li>\n"
    "</ul>\n"
    "<p>Alerts, keys, rules and sources: <code>keywatch --help</code></p>\n"
    "</body></html>\n";

struct Response {
  int status = 200;
  const char* content_type = kTextType;
  std::string body;
};

const char* ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

// Answers every path: civetweb's own file serving is never reached.
class Handler final : public CivetHandler {
 public:
  Handler(Metrics* metrics, StatusProvider* status)
      : metrics_(metrics), status_(status) {}

  using CivetHandler::handleDelete;
  using CivetHandler::handleGet;
  using CivetHandler::handleHead;
  using CivetHandler::handleOptions;
  using CivetHandler::handlePatch;
  using CivetHandler::handlePost;
  using CivetHandler::handlePut;

  bool handleGet(CivetServer*, mg_connection* connection) override {
    Send(connection, Answer(connection), /*body=*/true);
    return true;
  }
  bool handleHead(CivetServer*, mg_connection* connection) override {
    Send(connection, Answer(connection), /*body=*/false);
    return true;
  }
  bool handlePost(CivetServer*, mg_connection* connection) override {
    return Refuse(connection);
  }
  bool handlePut(CivetServer*, mg_connection* connection) override {
    return Refuse(connection);
  }
  bool handleDelete(CivetServer*, mg_connection* connection) override {
    return Refuse(connection);
  }
  bool handleOptions(CivetServer*, mg_connection* connection) override {
    return Refuse(connection);
  }
  bool handlePatch(CivetServer*, mg_connection* connection) override {
    return Refuse(connection);
  }

 private:
  Response Answer(const mg_connection* connection) {
    const char* uri = mg_get_request_info(connection)->local_uri;
    const absl::string_view path = uri == nullptr ? "" : uri;
    if (path == "/metrics") return {200, kMetricsType, metrics_->Serialize()};
    if (path == "/-/healthy") return {200, kTextType, "Keywatch is alive.\n"};
    if (path == "/-/ready") return Ready();
    if (path == "/") return {200, kHtmlType, kIndex};
    return {404, kTextType, "There is nothing here; / lists what there is.\n"};
  }

  Response Ready() {
    const Health health = status_->GetHealth();
    if (health.ready) return {200, kTextType, "Keywatch is ready.\n"};
    return {503, kTextType,
            absl::StrCat("Keywatch is not ready.\n",
                         ToValidUtf8(absl::StrJoin(health.problems, "\n")),
                         health.problems.empty() ? "" : "\n")};
  }

  bool Refuse(mg_connection* connection) {
    Send(connection, {405, kTextType, "Only GET and HEAD are served.\n"}, true);
    return true;
  }

  static void Send(mg_connection* connection, const Response& response,
                   bool body) {
    const std::string head = absl::StrCat(
        "HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status),
        "\r\nContent-Type: ", response.content_type,
        "\r\nContent-Length: ", response.body.size(),
        response.status == 405 ? "\r\nAllow: GET, HEAD" : "",
        "\r\nCache-Control: no-store"
        "\r\nX-Content-Type-Options: nosniff"
        "\r\nContent-Security-Policy: default-src 'none'"
        "\r\nConnection: close\r\n\r\n");
    mg_write(connection, head.data(), head.size());
    if (body) mg_write(connection, response.body.data(), response.body.size());
  }

  Metrics* const metrics_;
  StatusProvider* const status_;
};

class HttpServerImpl final : public HttpServer {
 public:
  // Throws CivetException.
  HttpServerImpl(const std::string& host,
                 const std::vector<std::string>& options, Metrics* metrics,
                 StatusProvider* status)
      : host_(inet_addr(host.c_str())),
        handler_(metrics, status),
        server_(options) {
    server_.addHandler("/", handler_);
    const std::vector<int> ports = server_.getListeningPorts();
    port_ = ports.empty() ? 0 : ports[0];
  }

  // civetweb looks only every two seconds whether it should stop, unless a
  // connection comes.
  ~HttpServerImpl() override {
    std::atomic<bool> closed{false};
    std::thread waker([this, &closed] {
      while (!closed) {
        Connect();
        absl::SleepFor(absl::Milliseconds(10));
      }
    });
    server_.close();
    closed = true;
    waker.join();
  }
  int port() const override { return port_; }

 private:
  void Connect() const {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return;
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = host_;
    // Refused once the server is down, and that is as well.
    (void)!connect(probe, reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address));
    close(probe);
  }

  // Of the listener, in network order.
  const in_addr_t host_;
  // Requests that run use the handler, so it goes last.
  Handler handler_;
  CivetServer server_;
  int port_ = 0;
};

absl::Status CheckAddress(const HttpServer::Options& options) {
  const absl::string_view address = options.address;
  if (absl::StrContains(address, ",")) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\": one address, please"));
  }
  if (absl::EndsWith(address, "s") || absl::EndsWith(address, "r")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", address, "\": TLS ports are not served; listen on 127.0.0.1 ",
        "and put a proxy such as nginx before it"));
  }
  absl::StatusOr<HostPort> parsed = ParseHostPort(address);
  if (!parsed.ok()) return parsed.status();
  if (absl::StrContains(parsed->host, ":")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", address, "\": IPv6 is not served here; use 127.0.0.1"));
  }
  return CheckLoopback(*parsed, options.allow_remote, "http.allow_remote");
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(
    const Options& options, Metrics* metrics, StatusProvider* status) {
  const absl::Status checked = CheckAddress(options);
  if (!checked.ok()) return checked;
  absl::StatusOr<HostPort> address = ParseHostPort(options.address);
  if (!address.ok()) return address.status();
  if (address->host == "localhost") address->host = "127.0.0.1";
  const std::string listen = absl::StrCat(address->host, ":", address->port);
  const std::vector<std::string> civet = {
      "listening_ports",
      listen,
      "num_threads",
      absl::StrCat(options.threads),
      "request_timeout_ms",
      absl::StrCat(absl::ToInt64Milliseconds(options.request_timeout)),
      // An idle connection would hold a thread.
      "enable_keep_alive",
      "no",
  };
  try {
    return std::make_unique<HttpServerImpl>(address->host, civet, metrics,
                                            status);
  } catch (const std::exception& error) {
    // CivetException: the port is taken or cannot be bound; civetweb does not
    // tell which.
    return absl::AlreadyExistsError(
        absl::StrCat("cannot listen on http://", listen, " (", error.what(),
                     "): is keywatchd running already?"));
  }
}

}  // namespace keywatch
