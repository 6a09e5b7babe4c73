#include "daemon/serve/grpc_server.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/serve/alert_feed.h"
#include "daemon/serve/alert_service.h"
#include "daemon/serve/key_service.h"
#include "daemon/serve/loopback.h"
#include "daemon/serve/roll_service.h"
#include "daemon/serve/rpc.h"
#include "daemon/serve/rule_service.h"
#include "daemon/serve/status_service.h"
#include "daemon/serve/unix_socket.h"
#include "grpc/support/time.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"

namespace keywatch {
namespace {

// Threads for calls that are no watch.
constexpr int kCallThreads = 32;

AlertService::Options AlertOptions(const GrpcServer::Options& options) {
  AlertService::Options out;
  out.max_watchers = options.max_watchers;
  out.notifiers = options.notifiers;
  out.default_notify = options.default_notify;
  return out;
}

class GrpcServerImpl final : public GrpcServer {
 public:
  GrpcServerImpl(const Options& options, Dependencies dependencies)
      : text_(std::move(dependencies.redact)),
        runner_(dependencies.clock, dependencies.metrics),
        alerts_(AlertOptions(options), dependencies.store, &feed_,
                dependencies.clock, &text_, &runner_),
        keys_(dependencies.store, dependencies.clock, &text_, &runner_),
        rolls_(dependencies.roller, dependencies.store, dependencies.clock,
               &runner_),
        rules_(dependencies.status, &text_, &runner_),
        status_(dependencies.store, dependencies.status, &runner_) {}

  ~GrpcServerImpl() override { Shutdown(absl::ZeroDuration()); }

  absl::Status Start(const Options& options);

  void SetServing(bool serving) override {
    server_->GetHealthCheckService()->SetServingStatus(serving);
  }
  void NotifyAlertsChanged() override { feed_.NotifyChanged(); }
  int port() const override { return port_; }
  void Shutdown(absl::Duration grace) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Constant after Start; each synchronises itself.
  const RequestText text_;
  const RpcRunner runner_;
  AlertFeed feed_;
  AlertService alerts_;
  KeyService keys_;
  RollService rolls_;
  RuleService rules_;
  StatusService status_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;

  absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

absl::Status GrpcServerImpl::Start(const Options& options) {
  if (options.unix_socket.empty() && options.tcp_address.empty()) {
    return absl::InvalidArgumentError(
        "the API listens nowhere: give it a unix socket or a TCP address");
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  // Else a second daemon binds the same port and takes half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  grpc::ResourceQuota quota("keywatchd");
  quota.SetMaxThreads(options.max_watchers + kCallThreads);
  builder.SetResourceQuota(quota);

  if (!options.tcp_address.empty()) {
    absl::StatusOr<HostPort> address = ParseHostPort(options.tcp_address);
    if (!address.ok()) return address.status();
    const absl::Status loopback =
        CheckLoopback(*address, options.allow_remote, "grpc.allow_remote");
    if (!loopback.ok()) return loopback;
    builder.AddListeningPort(options.tcp_address,
                             grpc::InsecureServerCredentials(), &port_);
  }
  int unix_bound = 0;
  if (!options.unix_socket.empty()) {
    const absl::Status free = PrepareUnixSocket(options.unix_socket);
    if (!free.ok()) return free;
    builder.AddListeningPort(absl::StrCat("unix:", options.unix_socket),
                             grpc::InsecureServerCredentials(), &unix_bound);
  }
  builder.RegisterService(&alerts_);
  builder.RegisterService(&keys_);
  builder.RegisterService(&rolls_);
  builder.RegisterService(&rules_);
  builder.RegisterService(&status_);
  server_ = builder.BuildAndStart();

  // gRPC names the cause in its own log only.
  if (!options.tcp_address.empty() && port_ == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("cannot listen on ", options.tcp_address,
                     ": is keywatchd running already?"));
  }
  if (!options.unix_socket.empty() && unix_bound == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on unix:", options.unix_socket,
                     ": is its directory there and writable?"));
  }
  if (server_ == nullptr) {
    return absl::InternalError("gRPC could not start its server");
  }
  SetServing(false);
  if (options.unix_socket.empty()) return absl::OkStatus();
  return RestrictUnixSocket(options.unix_socket);
}

void GrpcServerImpl::Shutdown(absl::Duration grace) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  stopped_ = true;
  if (server_ == nullptr) return;
  SetServing(false);
  feed_.Stop();
  server_->Shutdown(gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_millis(absl::ToInt64Milliseconds(grace), GPR_TIMESPAN)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Create(
    Options options, Dependencies dependencies) {
  auto server =
      std::make_unique<GrpcServerImpl>(options, std::move(dependencies));
  const absl::Status started = server->Start(options);
  if (!started.ok()) return started;
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace keywatch
