#include "daemon/serve/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/serve/fake_status_provider.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A TCP connection to the port on loopback.
class Connection {
 public:
  explicit Connection(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval timeout = {10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address),
                         sizeof(address)) == 0;
  }
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_; }
  void Send(const std::string& text) {
    EXPECT_EQ(send(socket_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string ReadAll() {
    std::string all;
    char buffer[4096];
    ssize_t read;
    while ((read = recv(socket_, buffer, sizeof(buffer), 0)) > 0) {
      all.append(buffer, static_cast<size_t>(read));
    }
    return all;
  }

 private:
  int socket_;
  bool connected_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() : metrics_({"1.2.3", "abc"}, absl::UnixEpoch()) {
    options_.address = "127.0.0.1:0";
  }
  void Start() {
    auto server = HttpServer::Create(options_, &metrics_, &status_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string Ask(const std::string& method, const std::string& path) {
    Connection connection(server_->port());
    EXPECT_TRUE(connection.connected());
    connection.Send(absl::StrCat(method, " ", path,
                                 " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
    return connection.ReadAll();
  }

  HttpServer::Options options_;
  Metrics metrics_;
  FakeStatusProvider status_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, MetricsSayWhichFormatTheyAre) {
  Start();
  const std::string answer = Ask("GET", "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(
      answer,
      HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("keywatch_build_info{"));
  EXPECT_THAT(answer, HasSubstr("version=\"1.2.3\""));
}

TEST_F(HttpServerTest, HeadGivesTheHeadersOfGetAndNoBody) {
  Start();
  const std::string answer = Ask("HEAD", "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("version=0.0.4"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("keywatch_build_info")));
}

TEST_F(HttpServerTest, ReadyFollowsHealthAndGivesTheReasons) {
  Start();
  status_.SetHealth({false, {"the disk is full", "rules refused"}});
  std::string answer = Ask("GET", "/-/ready");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("the disk is full\nrules refused\n"));
  EXPECT_THAT(Ask("GET", "/-/healthy"), StartsWith("HTTP/1.1 200 "));

  status_.SetHealth({true, {}});
  EXPECT_THAT(Ask("GET", "/-/ready"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, EverythingElseIsNotFound) {
  Start();
  for (const char* path : {"/nothing", "/metrics/x", "/../../etc/passwd",
                           "/%2e%2e/etc/passwd", "/-/ready/../../etc/passwd"}) {
    EXPECT_THAT(Ask("GET", path), Not(StartsWith("HTTP/1.1 200"))) << path;
    EXPECT_THAT(Ask("GET", path), Not(HasSubstr("root:"))) << path;
  }
  EXPECT_THAT(Ask("GET", "/nothing"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpServerTest, NothingCanBeChangedOverHttp) {
  Start();
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    EXPECT_THAT(Ask(method, "/metrics"), StartsWith("HTTP/1.1 405 ")) << method;
  }
}

TEST_F(HttpServerTest, TheIndexListsWhatThereIs) {
  Start();
  const std::string answer = Ask("GET", "/");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("text/html; charset=utf-8"));
  EXPECT_THAT(answer, HasSubstr("href=\"/metrics\""));
}

TEST_F(HttpServerTest, SilentAndSlowClientsDoNotHoldUpAScrape) {
  options_.threads = 4;
  options_.request_timeout = absl::Milliseconds(300);
  Start();
  // More of them than threads: some say nothing, some half a request.
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 12; ++i) {
    slow.push_back(std::make_unique<Connection>(server_->port()));
    if (i % 2 == 0) slow.back()->Send("GET /metrics HT");
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Ask("GET", "/metrics"), StartsWith("HTTP/1.1 200 "));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
}

TEST_F(HttpServerTest, SecondServerOnThePortIsRefused) {
  Start();
  HttpServer::Options same = options_;
  same.address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = HttpServer::Create(same, &metrics_, &status_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().message(), HasSubstr("running already?"));
  EXPECT_THAT(Ask("GET", "/-/healthy"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AddressesThatCannotBeServedAreRefusedWithAReason) {
  struct Case {
    const char* address;
    absl::StatusCode code;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"127.0.0.1:9141s", absl::StatusCode::kInvalidArgument, "TLS"},
           {"0.0.0.0:9141", absl::StatusCode::kFailedPrecondition,
            "other machines"},
           {"192.0.2.1:9141", absl::StatusCode::kFailedPrecondition,
            "other machines"},
           {"[::1]:9141", absl::StatusCode::kInvalidArgument, "IPv6"},
           {"127.0.0.1:1,127.0.0.1:2", absl::StatusCode::kInvalidArgument,
            "one address"},
           {"9141", absl::StatusCode::kInvalidArgument, "host:port"},
           {"127.0.0.1:99999", absl::StatusCode::kInvalidArgument,
            "host:port"}}) {
    options_.address = c.address;
    const auto server = HttpServer::Create(options_, &metrics_, &status_);
    EXPECT_EQ(server.status().code(), c.code) << c.address;
    EXPECT_THAT(server.status().message(), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace keywatch
