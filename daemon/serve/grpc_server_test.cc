#include "daemon/serve/grpc_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/serve/server_fixture.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

class GrpcServerTest : public ServerTest {
 protected:
  // The test's own directory has too long a name for a socket.
  GrpcServerTest() {
    char pattern[] = "/tmp/keywatchXXXXXX";
    socket_directory_ = mkdtemp(pattern);
    socket_ = socket_directory_ + "/keywatchd.sock";
  }
  ~GrpcServerTest() override {
    server_.reset();
    unlink(socket_.c_str());
    rmdir(socket_directory_.c_str());
  }

  // The built-in health service has no stub: its answer on the wire is field 1,
  // a varint: 1 SERVING, 2 NOT_SERVING.
  int Health() {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext call;
    grpc::CompletionQueue queue;
    const grpc::Slice nothing;
    auto rpc = stub.PrepareUnaryCall(&call, "/grpc.health.v1.Health/Check",
                                     grpc::ByteBuffer(&nothing, 1), &queue);
    rpc->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    rpc->Finish(&answer, &status, nullptr);
    void* tag;
    bool ok;
    queue.Next(&tag, &ok);
    if (!status.ok()) return -1;
    grpc::Slice slice;
    if (!answer.DumpToSingleSlice(&slice).ok() || slice.size() != 2) return -2;
    return slice.begin()[1];
  }

  grpc::Status GetStatus(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext call;
    v1::GetStatusResponse response;
    return v1::StatusService::NewStub(channel)->GetStatus(
        &call, v1::GetStatusRequest(), &response);
  }

  std::string socket_directory_;
  std::string socket_;
};

TEST_F(GrpcServerTest, ServesOnAUnixSocketForOwnerAndGroup) {
  options_.unix_socket = socket_;
  Start();
  struct stat found;
  ASSERT_EQ(stat(options_.unix_socket.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  EXPECT_TRUE(GetStatus(grpc::CreateChannel("unix:" + options_.unix_socket,
                                            grpc::InsecureChannelCredentials()))
                  .ok());
  EXPECT_TRUE(GetStatus(channel_).ok());
}

TEST_F(GrpcServerTest, SecondServerOnThePortIsRefused) {
  Start();
  GrpcServer::Options same = options_;
  same.tcp_address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = Create(same);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().message(), HasSubstr("running already?"));
}

TEST_F(GrpcServerTest, SecondServerOnTheSocketIsRefusedAndTheFirstServesOn) {
  options_.unix_socket = socket_;
  Start();
  GrpcServer::Options same = options_;
  same.tcp_address = "";
  EXPECT_EQ(Create(same).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(GetStatus(grpc::CreateChannel("unix:" + options_.unix_socket,
                                            grpc::InsecureChannelCredentials()))
                  .ok());
}

TEST_F(GrpcServerTest, SocketIsGoneAfterShutdownAndCanBeTakenAgain) {
  options_.unix_socket = socket_;
  Start();
  server_.reset();
  auto again = Create(options_);
  EXPECT_TRUE(again.ok()) << again.status();
}

TEST_F(GrpcServerTest, AddressesThatCannotBeServedAreRefused) {
  for (const auto& [address, code] :
       std::vector<std::pair<std::string, absl::StatusCode>>{
           {"0.0.0.0:0", absl::StatusCode::kFailedPrecondition},
           {"[::]:0", absl::StatusCode::kFailedPrecondition},
           {"9140", absl::StatusCode::kInvalidArgument},
           {"", absl::StatusCode::kInvalidArgument}}) {
    options_.tcp_address = address;
    EXPECT_EQ(Create(options_).status().code(), code) << address;
  }
  options_.unix_socket = "/nowhere/at/all.sock";
  EXPECT_FALSE(Create(options_).ok());
}

TEST_F(GrpcServerTest, HealthFollowsSetServing) {
  Start();
  EXPECT_EQ(Health(), 2);
  server_->SetServing(true);
  EXPECT_EQ(Health(), 1);
  server_->SetServing(false);
  EXPECT_EQ(Health(), 2);
}

TEST_F(GrpcServerTest, ShutdownEndsWatchesWithUnavailable) {
  Start();
  grpc::ClientContext call;
  auto reader = alerts_->WatchAlerts(&call, v1::WatchAlertsRequest());
  v1::WatchAlertsResponse message;
  ASSERT_TRUE(reader->Read(&message));
  std::thread stopper([this] { server_->Shutdown(absl::Seconds(10)); });
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stopper.join();
}

TEST_F(GrpcServerTest, WatcherBeyondTheLimitIsRefusedUntilOneLeaves) {
  options_.max_watchers = 1;
  Start();
  grpc::ClientContext first_call;
  auto first = alerts_->WatchAlerts(&first_call, v1::WatchAlertsRequest());
  v1::WatchAlertsResponse message;
  ASSERT_TRUE(first->Read(&message));
  {
    grpc::ClientContext call;
    auto second = alerts_->WatchAlerts(&call, v1::WatchAlertsRequest());
    EXPECT_FALSE(second->Read(&message));
    EXPECT_EQ(second->Finish().error_code(),
              grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  // Others are served meanwhile.
  EXPECT_TRUE(GetStatus(channel_).ok());

  first_call.TryCancel();
  first->Finish();
  bool served = false;
  for (int i = 0; i < 200 && !served; ++i) {
    grpc::ClientContext call;
    auto next = alerts_->WatchAlerts(&call, v1::WatchAlertsRequest());
    served = next->Read(&message);
    call.TryCancel();
    next->Finish();
    if (!served) usleep(20'000);
  }
  EXPECT_TRUE(served);
}

TEST_F(GrpcServerTest, RequestBeyondTheMessageLimitIsRefused) {
  options_.max_message_bytes = 64 * 1024;
  Start();
  v1::RaiseAlertRequest request;
  request.set_description(std::string(100 * 1024, 'x'));
  grpc::ClientContext call;
  v1::RaiseAlertResponse response;
  EXPECT_EQ(alerts_->RaiseAlert(&call, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcServerTest, CallsAreCountedByMethodAndCode) {
  Start();
  ASSERT_TRUE(GetStatus(channel_).ok());
  v1::GetKeyRequest request;
  request.set_id("mk_unknown");
  grpc::ClientContext call;
  v1::GetKeyResponse response;
  EXPECT_EQ(keys_->GetKey(&call, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  const std::string text = metrics_.Serialize();
  EXPECT_THAT(text, HasSubstr("grpc_method=\"GetStatus\""));
  EXPECT_THAT(text, HasSubstr("grpc_code=\"NotFound\""));
  EXPECT_THAT(text, HasSubstr("grpc_service=\"keywatch.v1.KeyService\""));
}

TEST_F(GrpcServerTest, ManyClientsAtOnceAreAllAnswered) {
  Start();
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this, &answered] {
      for (int j = 0; j < 20; ++j) {
        grpc::ClientContext call;
        v1::ListAlertsResponse response;
        if (alerts_->ListAlerts(&call, v1::ListAlertsRequest(), &response)
                .ok()) {
          ++answered;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 160);
}

}  // namespace
}  // namespace keywatch
