#ifndef DAEMON_SERVE_HTTP_SERVER_H_
#define DAEMON_SERVE_HTTP_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/metrics/metrics.h"
#include "daemon/serve/status_provider.h"

namespace keywatch {

// HttpServer answers plain HTTP for scrapers and health probes:
//
//   GET /metrics     Prometheus' text format 0.0.4
//   GET /-/healthy   200 as long as the process answers
//   GET /-/ready     200 when everything works, else 503 with the reasons
//   GET /            a page that lists these
//
// HEAD gives the same without a body; everything else is 404 or 405. No TLS:
// Debian's civetweb crashes with OpenSSL 3. Put a proxy before it for that.
// Thread-safe.
class HttpServer {
 public:
  struct Options {
    std::string address = "127.0.0.1:9141";  // IPv4; port 0 for any
    bool allow_remote = false;
    // Threads, and so connections served at a time; each may be held by a slow
    // client for at most `request_timeout`.
    int threads = 16;
    absl::Duration request_timeout = absl::Seconds(2);
  };

  // ALREADY_EXISTS when the port is taken; FAILED_PRECONDITION for an address
  // that other machines reach; INVALID_ARGUMENT for one that civetweb cannot
  // serve (TLS, IPv6, several), UNAVAILABLE otherwise. `metrics` and `status`
  // must outlive the server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(
      const Options& options, Metrics* metrics, StatusProvider* status);

  // Waits for requests that run, at most `request_timeout`.
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_HTTP_SERVER_H_
