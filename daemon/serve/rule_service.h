#ifndef DAEMON_SERVE_RULE_SERVICE_H_
#define DAEMON_SERVE_RULE_SERVICE_H_

#include "daemon/serve/request_text.h"
#include "daemon/serve/rpc.h"
#include "daemon/serve/status_provider.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// RuleService serves keywatch.v1.RuleService from the running rule set.
// Thread-safe.
class RuleService final : public v1::RuleService::Service {
 public:
  // All pointers must outlive the service.
  RuleService(StatusProvider* status, const RequestText* text,
              const RpcRunner* runner)
      : status_(status), text_(text), runner_(runner) {}

  grpc::Status ListRules(grpc::ServerContext* context,
                         const v1::ListRulesRequest* request,
                         v1::ListRulesResponse* response) override;
  grpc::Status ReloadRules(grpc::ServerContext* context,
                           const v1::ReloadRulesRequest* request,
                           v1::ReloadRulesResponse* response) override;

 private:
  StatusProvider* const status_;
  const RequestText* const text_;
  const RpcRunner* const runner_;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_RULE_SERVICE_H_
