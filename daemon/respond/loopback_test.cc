// The notifiers over real connections: what the receiver sees, and what a
// broken one means.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/core/time.h"
#include "daemon/http/test_http_server.h"
#include "daemon/respond/new_notifier.h"
#include "daemon/respond/sample_alert.h"
#include "daemon/respond/standard_webhooks.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

class LoopbackTest : public testing::Test {
 protected:
  void Make(NotifierType type, std::vector<std::string> urls) {
    config_.name = "receiver";
    config_.type = type;
    config_.urls = std::move(urls);
    absl::StatusOr<std::unique_ptr<Notifier>> made =
        NewNotifier(config_, client_.get());
    ASSERT_TRUE(made.ok()) << made.status();
    notifier_ = *std::move(made);
  }

  absl::Status Notify() {
    Notification notification;
    notification.alert = SampleAlert();
    notification.idempotency_key = "0123_receiver_open";
    notification.created = FromEventTime(kSampleTime);
    notification.now = FromEventTime(kSampleTime + 5'000);
    return notifier_->Notify(notification);
  }

  static TestHttpServer::Response Answer(int status) {
    TestHttpServer::Response response;
    response.status = status;
    return response;
  }

  NotifierConfig config_;
  const std::unique_ptr<HttpClient> client_ = NewCurlHttpClient();
  std::unique_ptr<Notifier> notifier_;
};

TEST_F(LoopbackTest, AWebhookReceiverCanVerifyWhatItGets) {
  TestHttpServer server(
      [](const TestHttpServer::Request&) { return Answer(202); });
  config_.secret_files = {WriteTestFile(
      "loopback_secret",
      absl::StrCat("whsec_", absl::Base64Escape(std::string(32, 'k'))))};
  config_.bearer_file = WriteTestFile("loopback_bearer", "token-1");
  Make(NotifierType::kWebhook, {server.url("/hook?team=identity")});
  const absl::Status status = Notify();
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(server.requests().size(), 1u);
  const TestHttpServer::Request request = server.requests()[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/hook?team=identity");
  EXPECT_EQ(request.header("content-type"), "application/json");
  EXPECT_EQ(request.header("authorization"), "Bearer token-1");
  int64_t timestamp = 0;
  ASSERT_TRUE(
      absl::SimpleAtoi(request.header("webhook-timestamp"), &timestamp));
  EXPECT_EQ(
      request.header("webhook-signature"),
      WebhookSignature({Secret(std::string(32, 'k'))},
                       request.header("webhook-id"), timestamp, request.body));
}

TEST_F(LoopbackTest, AnAlertmanagerGetsAListOfAlerts) {
  TestHttpServer server(
      [](const TestHttpServer::Request&) { return Answer(200); });
  Make(NotifierType::kAlertmanager, {server.url("")});
  const absl::Status status = Notify();
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].target, "/api/v2/alerts");
  EXPECT_EQ(server.requests()[0].header("content-type"), "application/json");
  EXPECT_TRUE(absl::StartsWith(server.requests()[0].body, "[{\"labels\":{"));
}

TEST_F(LoopbackTest, ABrokenReceiverIsWorthAnotherAttempt) {
  absl::Mutex mu;
  std::string mode;
  TestHttpServer server([&](const TestHttpServer::Request&) {
    absl::MutexLock lock(&mu);
    TestHttpServer::Response response = Answer(200);
    response.drop = mode == "drop";
    response.cut_off = mode == "cut off";
    if (mode == "redirect") {
      response.status = 302;
      response.headers = {{"Location", "/elsewhere"}};
    }
    if (mode == "large") response.body = std::string(1 << 20, 'x');
    return response;
  });
  Make(NotifierType::kWebhook, {server.url("/s3cret")});
  for (const char* broken : {"drop", "cut off", "redirect", "large"}) {
    {
      absl::MutexLock lock(&mu);
      mode = broken;
    }
    const absl::Status status = Notify();
    EXPECT_FALSE(status.ok()) << broken;
    EXPECT_FALSE(IsPermanentFailure(status)) << broken << ": " << status;
    EXPECT_FALSE(absl::StrContains(status.ToString(), "s3cret")) << status;
  }
  // One request for each, no redirect followed.
  EXPECT_EQ(server.requests().size(), 4u);
  {
    absl::MutexLock lock(&mu);
    mode = "";
  }
  EXPECT_TRUE(Notify().ok());
}

TEST_F(LoopbackTest, NobodyListening) {
  int port = 0;
  {
    TestHttpServer server(
        [](const TestHttpServer::Request&) { return Answer(200); });
    port = server.port();
  }
  Make(NotifierType::kWebhook,
       {absl::StrCat("http://127.0.0.1:", port, "/s3cret")});
  const absl::Status status = Notify();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(
      absl::StrContains(status.message(), absl::StrCat("127.0.0.1:", port)))
      << status;
  EXPECT_FALSE(absl::StrContains(status.ToString(), "s3cret")) << status;
}

TEST_F(LoopbackTest, TheHealthyHalfOfAPairIsEnough) {
  TestHttpServer good(
      [](const TestHttpServer::Request&) { return Answer(200); });
  TestHttpServer bad(
      [](const TestHttpServer::Request&) { return Answer(503); });
  Make(NotifierType::kAlertmanager, {bad.url(""), good.url("")});
  EXPECT_TRUE(Notify().ok());
  EXPECT_EQ(good.requests().size(), 1u);
  EXPECT_EQ(notifier_->failing_targets(), 1);
}

}  // namespace
}  // namespace keywatch
