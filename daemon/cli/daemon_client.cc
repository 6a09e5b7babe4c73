#include "daemon/cli/daemon_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/exit_code.h"
#include "daemon/core/time.h"
#include "grpc/support/log.h"
#include "grpc/support/time.h"

namespace keywatch {
namespace {

constexpr char kServiceSocket[] = "/run/keywatch/keywatchd.sock";
constexpr char kLoopback[] = "127.0.0.1:9140";
// Room for an alert with all its evidence.
constexpr int kMaxMessageBytes = 16 << 20;

bool SomebodyListensOn(const char* path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool connected =
      connect(probe, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0;
  close(probe);
  return connected;
}

std::string ChooseAddress(const CommandContext& context) {
  if (!context.address.empty()) return context.address;
  const std::string variable = context.Variable("KEYWATCH_ADDRESS");
  if (!variable.empty()) return variable;
  if (SomebodyListensOn(kServiceSocket)) {
    return absl::StrCat("unix:", kServiceSocket);
  }
  return kLoopback;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A proxy of the environment is for the world outside, not for the daemon.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

DaemonClient::DaemonClient(const CommandContext* context)
    : context_(context), address_(ChooseAddress(*context)) {
  // What goes wrong comes back as a status and is explained; gRPC's own log
  // would only stand beside it.
  gpr_set_log_function([](gpr_log_func_args*) {});
  const std::shared_ptr<grpc::Channel> channel = Connect(address_);
  alerts_ = v1::AlertService::NewStub(channel);
  keys_ = v1::KeyService::NewStub(channel);
  rolls_ = v1::RollService::NewStub(channel);
  rules_ = v1::RuleService::NewStub(channel);
  status_ = v1::StatusService::NewStub(channel);
}

void DaemonClient::SetDeadline(grpc::ClientContext* call) const {
  // The option was checked when the command line was read.
  const absl::Duration timeout =
      ParseDuration(context_->timeout).value_or(absl::Seconds(10));
  call->set_deadline(gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_millis(absl::ToInt64Milliseconds(timeout), GPR_TIMESPAN)));
}

int DaemonClient::Explain(const grpc::Status& status) const {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return kExitOk;
    case grpc::StatusCode::UNAVAILABLE:
      return context_->Fail(
          kExitUnreachable,
          absl::StrCat(
              "keywatchd does not answer at ", address_, "\n  ",
              status.error_message(),
              "\n  Is it running?       systemctl status keywatchd"
              "\n  May you reach it?    the socket is for root and the group "
              "keywatch"
              "\n  Is it elsewhere?     keywatch --address HOST:PORT ... (or "
              "unix:PATH), or KEYWATCH_ADDRESS"));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return context_->Fail(
          kExitUnreachable,
          absl::StrCat("keywatchd at ", address_, " did not answer within ",
                       context_->timeout,
                       "\n  Give it more time:   keywatch --timeout 60s ..."));
    case grpc::StatusCode::UNIMPLEMENTED:
      return context_->Fail(kExitUnreachable,
                            absl::StrCat("what listens at ", address_,
                                         " is no keywatchd of this version: ",
                                         status.error_message()));
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
      return context_->Fail(kExitRefused, status.error_message());
    default:
      return context_->Fail(kExitFailure, absl::StrCat("keywatchd failed: ",
                                                       status.error_message()));
  }
}

}  // namespace keywatch
