#include "daemon/cli/daemon_client.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/exit_code.h"
#include "daemon/core/time.h"
#include "grpc/support/log.h"
#include "grpc/support/time.h"

namespace keywatch {
namespace {

constexpr char kDefaultAddress[] = "unix:/run/keywatch/keywatchd.sock";
// Room for an alert with all its evidence.
constexpr int kMaxMessageBytes = 16 << 20;
constexpr size_t kMaxFileBytes = 1 << 20;

std::string ChooseAddress(const CommandContext& context) {
  const std::string address =
      context.OptionOr(context.address, "KEYWATCH_ADDRESS");
  return address.empty() ? kDefaultAddress : address;
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes, '\0');
  file.read(&text[0], static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  if (text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " cannot be read, or is empty"));
  }
  return text;
}

absl::StatusOr<std::string> ReadToken(const CommandContext& context) {
  const std::string path =
      context.OptionOr(context.token_file, "KEYWATCH_TOKEN_FILE");
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text;
  const std::string token(absl::StripAsciiWhitespace(*text));
  if (token.empty() ||
      !std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " holds no token: one word expected, without name and role"));
  }
  return token;
}

// Whether what goes there stays on this machine.
bool IsLocal(absl::string_view address) {
  for (absl::string_view prefix : {"unix:", "unix-abstract:", "127.", "[::1]",
                                   "localhost:", "ipv4:127.", "ipv6:[::1]"}) {
    if (absl::StartsWith(address, prefix)) return true;
  }
  return false;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const CommandContext& context) {
  grpc::SslCredentialsOptions tls;
  for (const auto& [path, text] :
       {std::pair<std::string, std::string*>{
            context.OptionOr(context.ca, "KEYWATCH_CA"), &tls.pem_root_certs},
        {context.OptionOr(context.certificate, "KEYWATCH_CERT"),
         &tls.pem_cert_chain},
        {context.OptionOr(context.key, "KEYWATCH_KEY"),
         &tls.pem_private_key}}) {
    if (path.empty()) continue;
    absl::StatusOr<std::string> read = ReadText(path);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  if (tls.pem_cert_chain.empty() != tls.pem_private_key.empty()) {
    return absl::InvalidArgumentError("--cert and --key go together");
  }
  if (tls.pem_root_certs.empty()) {
    if (!tls.pem_cert_chain.empty()) {
      return absl::InvalidArgumentError(
          "--cert is for an encrypted connection: give --ca, too");
    }
    return grpc::InsecureChannelCredentials();
  }
  return grpc::SslCredentials(tls);
}

std::shared_ptr<grpc::Channel> Connect(
    const std::string& address,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A proxy of the environment is for the world outside, not for the daemon.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

DaemonClient::DaemonClient(const CommandContext* context)
    : context_(context), address_(ChooseAddress(*context)) {
  // What goes wrong comes back as a status and is explained; gRPC's own log
  // would only stand beside it.
  gpr_set_log_function([](gpr_log_func_args*) {});
  const bool encrypted = !context->OptionOr(context->ca, "KEYWATCH_CA").empty();
  absl::StatusOr<std::string> token = ReadToken(*context);
  auto credentials = Credentials(*context);
  prepared_ = token.status();
  prepared_.Update(credentials.status());
  if (prepared_.ok() && !token->empty() && !encrypted && !IsLocal(address_)) {
    prepared_ = absl::InvalidArgumentError(
        absl::StrCat("your token would go to ", address_,
                     " unencrypted: give --ca with the certificate that signed "
                     "the daemon's"));
  }
  if (token.ok()) token_ = *std::move(token);
  const std::shared_ptr<grpc::Channel> channel =
      Connect(address_, prepared_.ok() ? *credentials
                                       : grpc::InsecureChannelCredentials());
  alerts_ = v1::AlertService::NewStub(channel);
  keys_ = v1::KeyService::NewStub(channel);
  rolls_ = v1::RollService::NewStub(channel);
  rules_ = v1::RuleService::NewStub(channel);
  status_ = v1::StatusService::NewStub(channel);
}

void DaemonClient::Authenticate(grpc::ClientContext* call) const {
  if (token_.empty()) return;
  call->AddMetadata("authorization", absl::StrCat("Bearer ", token_));
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
              "keywatch (id -nG shows your groups)"
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
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::OUT_OF_RANGE:
      return context_->Fail(kExitRefused, status.error_message());
    default:
      return context_->Fail(kExitFailure, absl::StrCat("keywatchd failed: ",
                                                       status.error_message()));
  }
}

}  // namespace keywatch
