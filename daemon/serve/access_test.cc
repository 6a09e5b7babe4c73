// Who may call what, as clients see it: over the unix socket, over TCP with
// tokens, over TLS.

#include "daemon/serve/access.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "daemon/serve/server_fixture.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

class AccessTest : public ServerTest {
 protected:
  AccessTest() {
    // The test's own directory has too long a name for a socket.
    char pattern[] = "/tmp/keywatchXXXXXX";
    socket_directory_ = mkdtemp(pattern);
    socket_ = socket_directory_ + "/keywatchd.sock";
    tokens_ = directory_ + "/tokens";
    std::ofstream(tokens_) << "reader read " << Token('r') << "\n"
                           << "ada operate " << Token('o') << "\n"
                           << "root admin " << Token('a') << "\n";
    chmod(tokens_.c_str(), 0600);
    options_.token_file = tokens_;
    options_.allow_unauthenticated = false;
  }
  ~AccessTest() override {
    server_.reset();
    rmdir(socket_directory_.c_str());
  }

  static std::string Token(char c) { return std::string(40, c); }

  void CommitAlert() { CommitAlerts({MakeAlert('a', 5)}); }

  // Acknowledges the alert; the history's last actor comes into `actor`.
  grpc::Status Acknowledge(const std::shared_ptr<grpc::Channel>& channel,
                           const std::string& token, const std::string& claimed,
                           std::string* actor) {
    auto stub = v1::AlertService::NewStub(channel);
    grpc::ClientContext call;
    if (!token.empty()) call.AddMetadata("authorization", "Bearer " + token);
    v1::AcknowledgeAlertRequest request;
    request.set_id(std::string(32, 'a'));
    request.set_actor(claimed);
    v1::AcknowledgeAlertResponse response;
    const grpc::Status status =
        stub->AcknowledgeAlert(&call, request, &response);
    *actor = response.alert().state_by();
    return status;
  }
  grpc::Status Acknowledge(const std::string& token) {
    std::string actor;
    return Acknowledge(channel_, token, "eve", &actor);
  }
  grpc::Status List(const std::string& token) {
    grpc::ClientContext call;
    if (!token.empty()) call.AddMetadata("authorization", "Bearer " + token);
    v1::ListAlertsResponse response;
    return alerts_->ListAlerts(&call, v1::ListAlertsRequest(), &response);
  }
  grpc::Status Reload(const std::string& token) {
    grpc::ClientContext call;
    if (!token.empty()) call.AddMetadata("authorization", "Bearer " + token);
    v1::ReloadRulesResponse response;
    return rules_->ReloadRules(&call, v1::ReloadRulesRequest(), &response);
  }
  std::shared_ptr<grpc::Channel> Socket() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        "unix:" + socket_, grpc::InsecureChannelCredentials(), arguments);
  }

  std::string socket_directory_;
  std::string socket_;
  std::string tokens_;
};

// Everybody on the machine resolved alerts, and the history said "root".
TEST_F(AccessTest, TcpWantsATokenAndTheRoleIsKept) {
  CommitAlert();
  Start();
  EXPECT_EQ(List("").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(List("").error_message(), HasSubstr("--token-file"));
  EXPECT_EQ(List(Token('x')).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(List(Token('r')).ok());
  EXPECT_EQ(Acknowledge("").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  const grpc::Status reader = Acknowledge(Token('r'));
  EXPECT_EQ(reader.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(reader.error_message(),
              HasSubstr("needs the role operate; reader has read"));
  EXPECT_EQ(Reload(Token('o')).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Reload("").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  std::string actor;
  EXPECT_TRUE(Acknowledge(channel_, Token('o'), "root", &actor).ok());
  EXPECT_EQ(actor, "root (ada)");
}

TEST_F(AccessTest, TheSocketTellsTheUserAndTheRecordHasIt) {
  CommitAlert();
  options_.tcp_address = "";
  options_.token_file = "";
  options_.unix_socket = socket_;
  Start();
  std::string actor;
  ASSERT_TRUE(Acknowledge(Socket(), "", "", &actor).ok());
  const std::string me = actor;
  if (getuid() == 0) {
    EXPECT_EQ(me, "root");
  }
  EXPECT_FALSE(me.empty());
  ASSERT_TRUE(Acknowledge(Socket(), "", "eve", &actor).ok());
  EXPECT_EQ(actor, "eve (" + me + ")");
}

// A call must never be taken for one of a connection that had its number.
TEST_F(AccessTest, ManyConnectionsAtOnceAllHaveTheirUser) {
  CommitAlert();
  options_.tcp_address = "";
  options_.unix_socket = socket_;
  Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 25; ++i) {
        std::string actor;
        const grpc::Status status = Acknowledge(Socket(), "", "eve", &actor);
        EXPECT_TRUE(status.ok()) << status.error_message();
        EXPECT_THAT(actor, ::testing::StartsWith("eve ("));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(AccessTest, AnAddressThatNothingFencesIsRefused) {
  options_.token_file = "";
  EXPECT_THAT(Create(options_).status().message(),
              HasSubstr("it needs grpc.tokens"));
  options_.token_file = tokens_;
  options_.tcp_address = "0.0.0.0:0";
  EXPECT_THAT(Create(options_).status().message(),
              HasSubstr("grpc.tls with a certificate"));
  options_.tcp_address = "127.0.0.1:0";
  options_.certificate = tokens_;
  options_.key = tokens_;
  EXPECT_EQ(Create(options_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AccessTest, TlsWantsTheClientsCertificateAndItsToken) {
  const auto make = [this](const std::string& name) {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost "
        "-keyout " +
        directory_ + "/" + name + ".key -out " + directory_ + "/" + name +
        ".crt 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
  };
  make("server");
  make("client");
  const auto text = [this](const std::string& name) {
    std::ifstream file(directory_ + "/" + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  options_.certificate = directory_ + "/server.crt";
  options_.key = directory_ + "/server.key";
  options_.client_ca = directory_ + "/client.crt";
  Start();
  const auto connect = [&](bool with_certificate) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = text("server.crt");
    if (with_certificate) {
      tls.pem_cert_chain = text("client.crt");
      tls.pem_private_key = text("client.key");
    }
    channel_ = grpc::CreateChannel(absl::StrCat("localhost:", server_->port()),
                                   grpc::SslCredentials(tls));
    alerts_ = v1::AlertService::NewStub(channel_);
  };
  EXPECT_EQ(List(Token('r')).error_code(), grpc::StatusCode::UNAVAILABLE)
      << "not encrypted";
  connect(false);
  EXPECT_EQ(List(Token('r')).error_code(), grpc::StatusCode::UNAVAILABLE);
  connect(true);
  EXPECT_EQ(List("").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  const grpc::Status called = List(Token('r'));
  EXPECT_TRUE(called.ok()) << called.error_message();
}

// A method that is added and forgotten there must not be open.
TEST(AccessRolesTest, EveryMethodOfTheApiHasTheRoleItNeeds) {
  std::map<Role, std::set<std::string>> methods;
  for (const char* service :
       {"AlertService", "KeyService", "RollService", "RuleService",
        "StatusService", "IngestService"}) {
    const google::protobuf::ServiceDescriptor* found =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            std::string("keywatch.v1.") + service);
    ASSERT_NE(found, nullptr) << service;
    for (int i = 0; i < found->method_count(); ++i) {
      const std::string& name = found->method(i)->name();
      methods[Access::Needs(name)].insert(name);
    }
  }
  EXPECT_EQ(methods[Role::kOperate],
            (std::set<std::string>{"AcknowledgeAlert", "CancelRoll",
                                   "CloseFollowUp", "ConfirmRoll", "RaiseAlert",
                                   "ResolveAlert", "StartRoll"}));
  EXPECT_EQ(methods[Role::kAdmin], std::set<std::string>{"ReloadRules"});
  EXPECT_EQ(methods[Role::kPush], std::set<std::string>{"PushRecords"});
  EXPECT_EQ(Access::Needs("DeleteEverything"), Role::kAdmin);
}

}  // namespace
}  // namespace keywatch
