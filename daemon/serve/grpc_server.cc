#include "daemon/serve/grpc_server.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/serve/access.h"
#include "daemon/serve/alert_feed.h"
#include "daemon/serve/alert_service.h"
#include "daemon/serve/key_service.h"
#include "daemon/serve/loopback.h"
#include "daemon/serve/roll_service.h"
#include "daemon/serve/rpc.h"
#include "daemon/serve/rule_service.h"
#include "daemon/serve/status_service.h"
#include "daemon/serve/unix_listener.h"
#include "grpc/support/log.h"
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

absl::Status CheckTcp(const GrpcServer::Options& options) {
  absl::StatusOr<HostPort> address = ParseHostPort(options.tcp_address);
  if (!address.ok()) return address.status();
  const bool loopback = IsLoopback(address->host);
  if (options.certificate.empty() && !loopback) {
    return absl::FailedPreconditionError(absl::StrCat(
        "other machines reach ", options.tcp_address,
        ": it needs grpc.tls with a certificate and a key, and grpc.tokens"));
  }
  if (options.token_file.empty() &&
      !(options.allow_unauthenticated && loopback)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "everybody who reaches ", options.tcp_address,
        " could do everything: it needs grpc.tokens (a loopback address may "
        "have grpc.allow_unauthenticated: true instead)"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || text.str().find("-----BEGIN ") == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " cannot be read, or is no PEM file"));
  }
  return text.str();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Credentials(
    const GrpcServer::Options& options) {
  if (options.certificate.empty()) return grpc::InsecureServerCredentials();
  absl::StatusOr<std::string> certificate = ReadPem(options.certificate);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadPem(options.key);
  if (!key.ok()) return key.status();
  grpc::SslServerCredentialsOptions tls(
      options.client_ca.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  if (!options.client_ca.empty()) {
    absl::StatusOr<std::string> ca = ReadPem(options.client_ca);
    if (!ca.ok()) return ca.status();
    tls.pem_root_certs = *std::move(ca);
  }
  tls.pem_key_cert_pairs.push_back({*std::move(key), *std::move(certificate)});
  return grpc::SslServerCredentials(tls);
}

class GrpcServerImpl final : public GrpcServer {
 public:
  GrpcServerImpl(const Options& options, Dependencies dependencies)
      : text_(std::move(dependencies.redact)),
        access_(options.token_file, options.allow_unauthenticated,
                [this](absl::string_view peer) {
                  return listener_ == nullptr ? absl::nullopt
                                              : listener_->UserOf(peer);
                }),
        runner_(dependencies.clock, dependencies.metrics, &access_),
        alerts_(AlertOptions(options), dependencies.store, &feed_,
                dependencies.clock, &text_, &runner_),
        keys_(dependencies.store, dependencies.clock, &text_, &runner_),
        rolls_(dependencies.roller, dependencies.store, dependencies.clock,
               &runner_),
        rules_(dependencies.status, &text_, &runner_),
        status_(dependencies.store, dependencies.status, &runner_),
        ingest_(std::move(dependencies.find_queue), options.max_senders,
                &runner_) {}

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
  std::unique_ptr<UnixListener> listener_;  // may be null
  const Access access_;
  const RpcRunner runner_;
  AlertFeed feed_;
  AlertService alerts_;
  KeyService keys_;
  RollService rolls_;
  RuleService rules_;
  StatusService status_;
  IngestService ingest_;
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
  // What goes wrong is said here; its own lines would stand beside it.
  gpr_set_log_function([](gpr_log_func_args*) {});
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  // Else a second daemon binds the same port and takes half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  // Threads that wait for calls are kept, not made anew for each.
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 2);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 4);
  grpc::ResourceQuota quota("keywatchd");
  quota.SetMaxThreads(options.max_watchers + options.max_senders +
                      kCallThreads);
  builder.SetResourceQuota(quota);

  if (!options.tcp_address.empty()) {
    const absl::Status fenced = CheckTcp(options);
    if (!fenced.ok()) return fenced;
    auto credentials = Credentials(options);
    if (!credentials.ok()) return credentials.status();
    builder.AddListeningPort(options.tcp_address, *credentials, &port_);
  }
  if (!options.unix_socket.empty()) {
    auto listener = UnixListener::Create(options.unix_socket);
    if (!listener.ok()) return listener.status();
    listener_ = *std::move(listener);
  }
  builder.RegisterService(&alerts_);
  builder.RegisterService(&keys_);
  builder.RegisterService(&rolls_);
  builder.RegisterService(&rules_);
  builder.RegisterService(&status_);
  builder.RegisterService(&ingest_);
  server_ = builder.BuildAndStart();

  // gRPC names the cause in its own log only.
  if (!options.tcp_address.empty() && port_ == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("cannot listen on ", options.tcp_address,
                     ": is keywatchd running already?"));
  }
  if (server_ == nullptr) {
    return absl::InternalError("gRPC could not start its server");
  }
  SetServing(false);
  if (listener_ == nullptr) return absl::OkStatus();
  return listener_->Start(server_.get());
}

void GrpcServerImpl::Shutdown(absl::Duration grace) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  stopped_ = true;
  if (server_ == nullptr) return;
  SetServing(false);
  if (listener_ != nullptr) listener_->Stop();
  feed_.Stop();
  ingest_.Stop();
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
