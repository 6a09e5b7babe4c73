#ifndef DAEMON_SERVE_STATUS_SERVICE_H_
#define DAEMON_SERVE_STATUS_SERVICE_H_

#include "absl/status/status.h"
#include "daemon/serve/rpc.h"
#include "daemon/serve/status_provider.h"
#include "daemon/store/store.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// StatusService serves keywatch.v1.StatusService: what the store has counted
// and what the App knows, together. Thread-safe.
class StatusService final : public v1::StatusService::Service {
 public:
  // All pointers must outlive the service.
  StatusService(Store* store, StatusProvider* status, const RpcRunner* runner)
      : store_(store), status_(status), runner_(runner) {}

  grpc::Status GetStatus(grpc::ServerContext* context,
                         const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status ListRejects(grpc::ServerContext* context,
                           const v1::ListRejectsRequest* request,
                           v1::ListRejectsResponse* response) override;
  grpc::Status ListGaps(grpc::ServerContext* context,
                        const v1::ListGapsRequest* request,
                        v1::ListGapsResponse* response) override;
  grpc::Status GetCoverage(grpc::ServerContext* context,
                           const v1::GetCoverageRequest* request,
                           v1::GetCoverageResponse* response) override;

 private:
  absl::Status FillSources(const DaemonStatus& status,
                           v1::GetStatusResponse* response);
  absl::Status FillCounts(v1::GetStatusResponse* response);
  void FillEngine(const DaemonStatus& status, v1::GetStatusResponse* response);

  Store* const store_;
  StatusProvider* const status_;
  const RpcRunner* const runner_;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_STATUS_SERVICE_H_
