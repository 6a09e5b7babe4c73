#include "daemon/respond/webhook_notifier.h"

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/respond/fake_http_client.h"
#include "daemon/respond/sample_alert.h"
#include "daemon/respond/standard_webhooks.h"
#include "daemon/respond/webhook_body.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

std::string SecretText(char c) {
  return absl::StrCat("whsec_", absl::Base64Escape(std::string(32, c)));
}

class WebhookNotifierTest : public testing::Test {
 protected:
  WebhookNotifierTest() {
    config_.name = "hook";
    config_.type = NotifierType::kWebhook;
    config_.urls = {"https://hooks.example.org/services/s3cret?t=s3cret"};
  }

  void Make() {
    absl::StatusOr<std::unique_ptr<WebhookNotifier>> made =
        WebhookNotifier::Create(config_, &client_);
    ASSERT_TRUE(made.ok()) << made.status();
    notifier_ = *std::move(made);
  }

  Notification SampleNotification() const {
    Notification notification;
    notification.event = NotificationEvent::kOpen;
    notification.alert = SampleAlert();
    notification.idempotency_key = "0123.hook.open";
    notification.created = FromEventTime(kSampleTime);
    notification.now = now_;
    return notification;
  }

  // The signature that a receiver with this secret computes.
  static std::string Expected(char secret, const HttpRequest& request) {
    int64_t timestamp = 0;
    EXPECT_TRUE(
        absl::SimpleAtoi(HeaderOf(request, "webhook-timestamp"), &timestamp));
    return WebhookSignature({Secret(std::string(32, secret))},
                            HeaderOf(request, "webhook-id"), timestamp,
                            request.body);
  }

  NotifierConfig config_;
  FakeHttpClient client_;
  std::unique_ptr<WebhookNotifier> notifier_;
  absl::Time now_ = FromEventTime(kSampleTime + 10'000);
};

TEST_F(WebhookNotifierTest, RepeatsTheIdButNotTheTimestamp) {
  config_.secret_files = {WriteTestFile("hook_secret", SecretText('a'))};
  Make();
  ASSERT_TRUE(notifier_->Notify(SampleNotification()).ok());
  now_ += absl::Minutes(10);
  ASSERT_TRUE(notifier_->Notify(SampleNotification()).ok());
  const std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].url, config_.urls[0]);
  EXPECT_EQ(requests[0].body, WebhookBody(SampleNotification()));
  EXPECT_EQ(requests[0].body, requests[1].body);
  EXPECT_EQ(HeaderOf(requests[0], "content-type"), "application/json");
  EXPECT_EQ(HeaderOf(requests[0], "webhook-id"), "0123_hook_open");
  EXPECT_EQ(HeaderOf(requests[1], "webhook-id"), "0123_hook_open");
  EXPECT_EQ(HeaderOf(requests[0], "webhook-timestamp"), "1785765610");
  EXPECT_EQ(HeaderOf(requests[1], "webhook-timestamp"), "1785766210");
  for (const HttpRequest& request : requests) {
    EXPECT_EQ(HeaderOf(request, "webhook-signature"), Expected('a', request));
  }
}

TEST_F(WebhookNotifierTest, SignsWithAllSecretsOfARotation) {
  config_.secret_files = {WriteTestFile("hook_new", SecretText('b')),
                          WriteTestFile("hook_old", SecretText('a'))};
  Make();
  ASSERT_TRUE(notifier_->Notify(SampleNotification()).ok());
  const HttpRequest request = client_.Take().back();
  EXPECT_EQ(HeaderOf(request, "webhook-signature"),
            absl::StrCat(Expected('b', request), " ", Expected('a', request)));
}

TEST_F(WebhookNotifierTest, TakesANewSecretWithoutARestart) {
  config_.secret_files = {WriteTestFile("hook_changing", SecretText('a'))};
  Make();
  WriteTestFile("hook_changing", SecretText('c'));
  ASSERT_TRUE(notifier_->Notify(SampleNotification()).ok());
  HttpRequest request = client_.Take().back();
  EXPECT_EQ(HeaderOf(request, "webhook-signature"), Expected('c', request));
  // Caught in the middle of being written.
  WriteTestFile("hook_changing", "");
  ASSERT_TRUE(notifier_->Notify(SampleNotification()).ok());
  request = client_.Take().back();
  EXPECT_EQ(HeaderOf(request, "webhook-signature"), Expected('c', request));
}

TEST_F(WebhookNotifierTest, SendsNoSignatureWithoutASecret) {
  Make();
  ASSERT_TRUE(notifier_->Notify(SampleNotification()).ok());
  EXPECT_EQ(HeaderOf(client_.Take().back(), "webhook-signature"), "");
}

// One answer of 410 switched it off until a restart, and dropped all messages.
TEST_F(WebhookNotifierTest, GoneIsAFailureThatMayPass) {
  Make();
  client_.set_answer(FakeHttpClient::Status(410));
  const absl::Status status = notifier_->Notify(SampleNotification());
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_FALSE(IsPermanentFailure(status));
  EXPECT_EQ(RetryAfterOf(status), kGoneWait);
  client_.set_answer(FakeHttpClient::Status(200));
  EXPECT_TRUE(notifier_->Notify(SampleNotification()).ok());
}

TEST_F(WebhookNotifierTest, HonoursRetryAfter) {
  Make();
  client_.set_answer([](const HttpRequest&) {
    HttpResponse response;
    response.status = 429;
    response.headers = {{"retry-after", "90"}};
    return response;
  });
  const absl::Status status = notifier_->Notify(SampleNotification());
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(RetryAfterOf(status), absl::Seconds(90));
}

TEST_F(WebhookNotifierTest, ErrorsShowNothingOfTheUrlButItsOrigin) {
  Make();
  for (const absl::Status& failure :
       {absl::UnavailableError(absl::StrCat("no route to ", config_.urls[0])),
        absl::InvalidArgumentError("bad path /services/s3cret?t=s3cret"),
        absl::UnauthenticatedError("certificate of hooks.example.org")}) {
    client_.set_answer([failure](const HttpRequest&) { return failure; });
    const absl::Status status = notifier_->Notify(SampleNotification());
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(IsPermanentFailure(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "hooks.example.org"));
    EXPECT_FALSE(absl::StrContains(status.ToString(), "s3cret")) << status;
  }
  client_.set_answer(FakeHttpClient::Status(500));
  EXPECT_FALSE(absl::StrContains(
      notifier_->Notify(SampleNotification()).ToString(), "s3cret"));
}

TEST_F(WebhookNotifierTest, RefusesSettingsThatCannotWork) {
  const auto status = [this] {
    return WebhookNotifier::Create(config_, &client_).status();
  };
  config_.secret_files = {WriteTestFile("hook_bad", "whsec_short")};
  EXPECT_TRUE(absl::IsInvalidArgument(status())) << status();
  EXPECT_TRUE(absl::StrContains(status().message(), "hook_bad"));
  EXPECT_FALSE(absl::StrContains(status().message(), "whsec_short"));
  config_.secret_files = {"/nonexistent/secret"};
  EXPECT_TRUE(absl::IsNotFound(status())) << status();
  config_.secret_files = {};
  config_.headers = {{"Webhook-Id", "mine"}};
  EXPECT_TRUE(absl::IsInvalidArgument(status())) << status();
  config_.headers = {};
  config_.urls.push_back("https://second.example.org");
  EXPECT_TRUE(absl::IsInvalidArgument(status())) << status();
}

}  // namespace
}  // namespace keywatch
