#ifndef DAEMON_SERVE_ROLL_SERVICE_H_
#define DAEMON_SERVE_ROLL_SERVICE_H_

#include "daemon/core/clock.h"
#include "daemon/respond/roller.h"
#include "daemon/serve/rpc.h"
#include "daemon/store/store.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// RollService serves keywatch.v1.RollService: the roller acts and refuses, the
// store is read. Thread-safe.
class RollService final : public v1::RollService::Service {
 public:
  // All pointers must outlive the service.
  RollService(Roller* roller, Store* store, Clock* clock,
              const RpcRunner* runner)
      : roller_(roller), store_(store), clock_(clock), runner_(runner) {}

  grpc::Status StartRoll(grpc::ServerContext* context,
                         const v1::StartRollRequest* request,
                         v1::StartRollResponse* response) override;
  grpc::Status ConfirmRoll(grpc::ServerContext* context,
                           const v1::ConfirmRollRequest* request,
                           v1::ConfirmRollResponse* response) override;
  grpc::Status GetRoll(grpc::ServerContext* context,
                       const v1::GetRollRequest* request,
                       v1::GetRollResponse* response) override;
  grpc::Status ListRolls(grpc::ServerContext* context,
                         const v1::ListRollsRequest* request,
                         v1::ListRollsResponse* response) override;
  grpc::Status CloseFollowUp(grpc::ServerContext* context,
                             const v1::CloseFollowUpRequest* request,
                             v1::CloseFollowUpResponse* response) override;
  grpc::Status CancelRoll(grpc::ServerContext* context,
                          const v1::CancelRollRequest* request,
                          v1::CancelRollResponse* response) override;

 private:
  Roller* const roller_;
  Store* const store_;
  Clock* const clock_;
  const RpcRunner* const runner_;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_ROLL_SERVICE_H_
