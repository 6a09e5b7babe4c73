#ifndef DAEMON_SERVE_KEY_SERVICE_H_
#define DAEMON_SERVE_KEY_SERVICE_H_

#include "daemon/core/clock.h"
#include "daemon/serve/request_text.h"
#include "daemon/serve/rpc.h"
#include "daemon/store/store.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// KeyService serves keywatch.v1.KeyService from the store. Thread-safe.
class KeyService final : public v1::KeyService::Service {
 public:
  // All pointers must outlive the service.
  KeyService(Store* store, Clock* clock, const RequestText* text,
             const RpcRunner* runner)
      : store_(store), clock_(clock), text_(text), runner_(runner) {}

  grpc::Status ListKeys(grpc::ServerContext* context,
                        const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override;
  grpc::Status GetKey(grpc::ServerContext* context,
                      const v1::GetKeyRequest* request,
                      v1::GetKeyResponse* response) override;

 private:
  Store* const store_;
  Clock* const clock_;
  const RequestText* const text_;
  const RpcRunner* const runner_;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_KEY_SERVICE_H_
