#ifndef DAEMON_CLI_DAEMON_CLIENT_H_
#define DAEMON_CLI_DAEMON_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/cli/command_context.h"
#include "daemon/cli/exit_code.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// DaemonClient calls the daemon for a command and explains failures to people.
//
//   DaemonClient client(context);
//   v1::ListKeysResponse response;
//   const int failed = client.Call(client.keys(), &KeyStub::ListKeys, request,
//                                  &response);
//   if (failed) return failed;
//
// Thread-compatible.
class DaemonClient {
 public:
  using AlertStub = v1::AlertService::Stub;
  using KeyStub = v1::KeyService::Stub;
  using RollStub = v1::RollService::Stub;
  using RuleStub = v1::RuleService::Stub;
  using StatusStub = v1::StatusService::Stub;

  // Where it calls: --address, else $KEYWATCH_ADDRESS, else the socket that a
  // daemon has whose configuration names none. A token or a certificate that
  // cannot be used is what every call fails with.
  explicit DaemonClient(const CommandContext* context);

  AlertStub* alerts() { return alerts_.get(); }
  KeyStub* keys() { return keys_.get(); }
  RollStub* rolls() { return rolls_.get(); }
  RuleStub* rules() { return rules_.get(); }
  StatusStub* status() { return status_.get(); }

  // One call within --timeout. 0, or the exit code after the failure was
  // printed.
  template <typename Stub, typename Request, typename Response>
  int Call(Stub* stub,
           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                        Response*),
           const Request& request, Response* response) {
    if (!prepared_.ok()) return context_->Fail(kExitUsage, prepared_.message());
    grpc::ClientContext call;
    Prepare(&call);
    return Explain((stub->*method)(&call, request, response));
  }

  // The exit code for a status, after printing what it means; 0 when OK.
  int Explain(const grpc::Status& status) const;

  // For calls that are made without Call: shows who calls; and the deadline,
  // too.
  void Authenticate(grpc::ClientContext* call) const;
  void Prepare(grpc::ClientContext* call) const {
    SetDeadline(call);
    Authenticate(call);
  }
  const absl::Status& prepared() const { return prepared_; }

  const std::string& address() const { return address_; }

 private:
  void SetDeadline(grpc::ClientContext* call) const;

  const CommandContext* const context_;
  const std::string address_;
  std::string token_;
  absl::Status prepared_;
  std::unique_ptr<AlertStub> alerts_;
  std::unique_ptr<KeyStub> keys_;
  std::unique_ptr<RollStub> rolls_;
  std::unique_ptr<RuleStub> rules_;
  std::unique_ptr<StatusStub> status_;
};

}  // namespace keywatch

#endif  // DAEMON_CLI_DAEMON_CLIENT_H_
