#ifndef DAEMON_SERVE_RPC_H_
#define DAEMON_SERVE_RPC_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/clock.h"
#include "daemon/metrics/metrics.h"
#include "daemon/serve/access.h"
#include "grpcpp/grpcpp.h"

namespace keywatch {

// The one place where a Status becomes gRPC's.
grpc::Status ToGrpcStatus(const absl::Status& status);

// gRPC's own spelling of a code, as its metrics and logs use it: "NotFound".
absl::string_view GrpcCodeName(absl::StatusCode code);

// RpcRunner runs the body of every handler: asks whether the caller may call it,
// counts it, measures it, and turns its Status into gRPC's. Thread-safe.
class RpcRunner {
 public:
  // All must outlive the runner.
  RpcRunner(Clock* clock, Metrics* metrics, const Access* access)
      : clock_(clock), metrics_(metrics), access_(access) {}

  // Runs `body` unless the client has given up already, or may not call it.
  // `service` is the full name.
  grpc::Status Unary(grpc::ServerContext* context, absl::string_view service,
                     absl::string_view method,
                     const std::function<absl::Status()>& body) const {
    return Run(context, service, method, /*stream=*/false, body);
  }
  grpc::Status Stream(grpc::ServerContext* context, absl::string_view service,
                      absl::string_view method,
                      const std::function<absl::Status()>& body) const {
    return Run(context, service, method, /*stream=*/true, body);
  }

  // Who acts, for the record; see Access::Actor.
  std::string Actor(grpc::ServerContext* context,
                    absl::string_view claimed) const {
    return access_->Actor(*context, claimed);
  }

 private:
  grpc::Status Run(grpc::ServerContext* context, absl::string_view service,
                   absl::string_view method, bool stream,
                   const std::function<absl::Status()>& body) const;

  Clock* const clock_;
  Metrics* const metrics_;
  const Access* const access_;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_RPC_H_
