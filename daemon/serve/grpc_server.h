#ifndef DAEMON_SERVE_GRPC_SERVER_H_
#define DAEMON_SERVE_GRPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/core/clock.h"
#include "daemon/metrics/metrics.h"
#include "daemon/respond/roller.h"
#include "daemon/serve/ingest_service.h"
#include "daemon/serve/request_text.h"
#include "daemon/serve/status_provider.h"
#include "daemon/store/store.h"

namespace keywatch {

// GrpcServer serves the public API (proto/keywatch/v1) with health checking
// and reflection, on a unix socket and on TCP. Who may call what is Access's
// (access.h): on the socket the kernel says who calls, on TCP a bearer token
// does. Beyond loopback TCP is encrypted. Health and reflection answer
// everybody. Thread-safe.
class GrpcServer {
 public:
  struct Options {
    std::string unix_socket;  // a path; "" listens on none
    std::string tcp_address;  // "127.0.0.1:9140", port 0 for any; "" none
    // Bearer tokens (tokens.h); "" knows none.
    std::string token_file;
    // On loopback: whoever reaches the port may do everything.
    bool allow_unauthenticated = false;
    // PEM files of the TCP listener; "" serves it unencrypted. With `client_ca`
    // clients must show a certificate that it signed.
    std::string certificate;
    std::string key;
    std::string client_ca;
    int max_watchers = 64;
    int max_senders = 16;  // streams of records that are pushed
    int max_message_bytes = 16 << 20;
    // Notifiers there are, and those of an alert raised by hand.
    std::vector<std::string> notifiers;
    std::vector<std::string> default_notify;
  };
  // All must outlive the server.
  struct Dependencies {
    Store* store = nullptr;
    StatusProvider* status = nullptr;
    Roller* roller = nullptr;
    Metrics* metrics = nullptr;
    Clock* clock = nullptr;
    // Replaces key secrets in what people write; see RequestText.
    RequestText::Redact redact;
    IngestService::FindQueue find_queue;
  };

  // Binds and serves; health says NOT_SERVING until SetServing. ALREADY_EXISTS
  // when another process has the socket or the port; FAILED_PRECONDITION for a
  // TCP address without tokens, or one that other machines reach without
  // encryption; INVALID_ARGUMENT for a bad one, and for certificates that cannot
  // be read.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Create(
      Options options, Dependencies dependencies);

  // Stops at once.
  virtual ~GrpcServer() = default;

  // What health checks answer.
  virtual void SetServing(bool serving) = 0;

  // Wakes who watches: call it after a commit that changed alerts.
  virtual void NotifyAlertsChanged() = 0;

  // The TCP port, 0 when it listens on none.
  virtual int port() const = 0;

  // Ends watches, waits up to `grace` for calls that run, then cancels them.
  // A second call does nothing.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_GRPC_SERVER_H_
