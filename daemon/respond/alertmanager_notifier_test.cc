#include "daemon/respond/alertmanager_notifier.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/respond/fake_http_client.h"
#include "daemon/respond/sample_alert.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr absl::string_view kStarts =
    "\"startsAt\":\"2026-08-03T14:00:00.000Z\"";

class AlertmanagerNotifierTest : public testing::Test {
 protected:
  AlertmanagerNotifierTest() {
    config_.name = "oncall";
    config_.urls = {"http://am-1:9093/"};
    config_.console_url = "http://console:9444";
  }

  void Make() {
    absl::StatusOr<std::unique_ptr<AlertmanagerNotifier>> made =
        AlertmanagerNotifier::Create(config_, &client_);
    ASSERT_TRUE(made.ok()) << made.status();
    notifier_ = *std::move(made);
  }

  absl::Status Notify(NotificationEvent event, const Alert& alert) {
    Notification notification;
    notification.event = event;
    notification.alert = alert;
    notification.idempotency_key = "key";
    notification.created = now_;
    notification.now = now_;
    return notifier_->Notify(notification);
  }

  static HttpResponse Refusal(std::string why) {
    HttpResponse response;
    response.status = 400;
    response.body = std::move(why);
    return response;
  }

  // Refuses requests whose body holds `text`.
  void RefuseWhatHolds(std::string text) {
    client_.set_answer([text](const HttpRequest& request) {
      HttpResponse taken;
      taken.status = 200;
      return absl::StrContains(request.body, text) ? Refusal("bad " + text)
                                                   : taken;
    });
  }

  NotifierConfig config_;
  FakeHttpClient client_;
  std::unique_ptr<AlertmanagerNotifier> notifier_;
  absl::Time now_ = FromEventTime(kSampleTime + 10'000);
};

TEST_F(AlertmanagerNotifierTest, PostsAFiringAlertThatEndsInFourIntervals) {
  Make();
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  const std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].url, "http://am-1:9093/api/v2/alerts");
  EXPECT_EQ(HeaderOf(requests[0], "content-type"), "application/json");
  EXPECT_EQ(requests[0].body.front(), '[');
  EXPECT_TRUE(absl::StrContains(requests[0].body, kStarts));
  EXPECT_TRUE(absl::StrContains(requests[0].body,
                                "\"endsAt\":\"2026-08-03T14:04:10.000Z\""))
      << requests[0].body;
  EXPECT_TRUE(absl::StrContains(requests[0].body,
                                "\"generatorURL\":\"http://console:9444/alerts/"
                                "0123456789abcdef0123456789abcdef\""));
}

TEST_F(AlertmanagerNotifierTest, ResendsWithTheSameStartAfterARestart) {
  Make();
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  Make();
  now_ += absl::Hours(5);
  ASSERT_TRUE(notifier_->Refresh({SampleAlert()}, now_).ok());
  const std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_TRUE(absl::StrContains(requests[1].body, kStarts));
  EXPECT_TRUE(absl::StrContains(requests[1].body,
                                "\"endsAt\":\"2026-08-03T19:04:10.000Z\""));
}

TEST_F(AlertmanagerNotifierTest, ResolvesAndKeepsSayingSoForFifteenMinutes) {
  Make();
  Alert alert = SampleAlert();
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, alert).ok());
  alert.state = AlertState::kResolved;
  alert.state_at_ms = kSampleTime + 20'000;
  now_ += absl::Minutes(1);
  ASSERT_TRUE(Notify(NotificationEvent::kResolve, alert).ok());
  constexpr absl::string_view kEnds = "\"endsAt\":\"2026-08-03T14:00:20.000Z\"";
  EXPECT_TRUE(absl::StrContains(client_.Take().back().body, kEnds));

  now_ += absl::Minutes(14);
  ASSERT_TRUE(notifier_->Refresh({}, now_).ok());
  const std::vector<HttpRequest> again = client_.Take();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_TRUE(absl::StrContains(again[0].body, kEnds));
  EXPECT_TRUE(absl::StrContains(again[0].body, kStarts));

  now_ += absl::Minutes(1);
  ASSERT_TRUE(notifier_->Refresh({}, now_).ok());
  EXPECT_TRUE(client_.Take().empty());
}

TEST_F(AlertmanagerNotifierTest, ReopensWithoutRepeatingTheOldEnd) {
  Make();
  Alert alert = SampleAlert();
  ASSERT_TRUE(Notify(NotificationEvent::kResolve, alert).ok());
  Alert next = alert;
  next.id = AlertId("next episode");
  next.first_fire_ms += 5'000;
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, next).ok());
  client_.Take();
  ASSERT_TRUE(notifier_->Refresh({next}, now_).ok());
  const std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_FALSE(absl::StrContains(requests[0].body, kStarts))
      << "the end of the first episode would resolve the second";
}

TEST_F(AlertmanagerNotifierTest,
       AlertsWithEqualLabelsAreResolvedWhenTheLastOneIs) {
  Make();
  const Alert first = SampleAlert();
  Alert second = first;
  second.id = AlertId("second episode");
  second.first_fire_ms += 5'000;
  ASSERT_TRUE(notifier_->Refresh({first, second}, now_).ok());
  std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_TRUE(absl::StrContains(requests[0].body, kStarts));
  EXPECT_EQ(requests[0].body.find("startsAt"),
            requests[0].body.rfind("startsAt"))
      << "one alert for one set of labels";

  ASSERT_TRUE(Notify(NotificationEvent::kResolve, first).ok());
  EXPECT_TRUE(client_.Take().empty());
  ASSERT_TRUE(Notify(NotificationEvent::kResolve, second).ok());
  EXPECT_EQ(client_.Take().size(), 1u);
}

TEST_F(AlertmanagerNotifierTest, EscalationEndsTheAlertOfTheLowerLevel) {
  Make();
  Alert alert = SampleAlert();
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, alert).ok());
  client_.Take();
  alert.level = Level::kCritical;
  ASSERT_TRUE(Notify(NotificationEvent::kEscalate, alert).ok());
  const std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 1u);
  const std::string& body = requests[0].body;
  const size_t high = body.find("\"severity\":\"high\"");
  const size_t critical = body.find("\"severity\":\"critical\"");
  ASSERT_NE(high, std::string::npos);
  ASSERT_NE(critical, std::string::npos);
  EXPECT_LT(high, critical);
  EXPECT_LT(body.find("\"endsAt\":\"2026-08-03T14:00:10.000Z\""), critical);
}

TEST_F(AlertmanagerNotifierTest, ANotificationGoesToEveryInstance) {
  config_.urls = {"http://am-1:9093", "http://am-2:9093/prefix"};
  Make();
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  const std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].url, "http://am-1:9093/api/v2/alerts");
  EXPECT_EQ(requests[1].url, "http://am-2:9093/prefix/api/v2/alerts");
}

TEST_F(AlertmanagerNotifierTest, OneWorkingInstanceIsEnough) {
  config_.urls = {"http://am-1:9093", "http://am-2:9093"};
  Make();
  client_.set_answer(
      [](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
        if (absl::StrContains(request.url, "am-1")) {
          return absl::DeadlineExceededError("timed out");
        }
        HttpResponse response;
        response.status = 200;
        return response;
      });
  EXPECT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  EXPECT_EQ(notifier_->failing_targets(), 1);
  client_.Take();
  // The broken one costs no more timeouts for a while.
  EXPECT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  EXPECT_EQ(client_.Take().size(), 1u);
  now_ += absl::Minutes(2);
  EXPECT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  EXPECT_EQ(client_.Take().size(), 2u);
  client_.set_answer(FakeHttpClient::Status(200));
  now_ += absl::Minutes(2);
  EXPECT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  EXPECT_EQ(notifier_->failing_targets(), 0);
}

TEST_F(AlertmanagerNotifierTest, AnInstanceLeftOutIsAskedWhenTheOtherFails) {
  config_.urls = {"http://am-1:9093", "http://am-2:9093"};
  Make();
  std::string broken = "am-1";
  client_.set_answer(
      [&broken](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
        if (absl::StrContains(request.url, broken)) {
          return absl::UnavailableError("refused");
        }
        HttpResponse response;
        response.status = 200;
        return response;
      });
  EXPECT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  broken = "am-2";
  EXPECT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  broken = "am-";
  EXPECT_TRUE(
      absl::IsUnavailable(Notify(NotificationEvent::kOpen, SampleAlert())));
}

TEST_F(AlertmanagerNotifierTest, FailuresAreWorthAnotherAttempt) {
  Make();
  client_.set_answer(FakeHttpClient::Status(503));
  const absl::Status status = Notify(NotificationEvent::kOpen, SampleAlert());
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(IsPermanentFailure(status));
  EXPECT_EQ(notifier_->failing_targets(), 1);
}

TEST_F(AlertmanagerNotifierTest, ARefusedAlertIsRefusedForGood) {
  Make();
  RefuseWhatHolds("permission_probing");
  const absl::Status status = Notify(NotificationEvent::kOpen, SampleAlert());
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "bad permission_probing"));
  EXPECT_EQ(notifier_->failing_targets(), 0);
}

TEST_F(AlertmanagerNotifierTest, OneBadAlertDoesNotCostTheOthers) {
  Make();
  std::vector<Alert> alerts;
  for (int i = 0; i < 5; ++i) {
    Alert alert = SampleAlert();
    alert.id = AlertId(absl::StrCat("id", i));
    alert.key = KeyId(absl::StrCat("mk_", i));
    alerts.push_back(alert);
  }
  RefuseWhatHolds("mk_3");
  const absl::Status status = notifier_->Refresh(alerts, now_);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "1 of 5 alerts")) << status;
  // All together, then each alone.
  const std::vector<HttpRequest> requests = client_.Take();
  ASSERT_EQ(requests.size(), 6u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(
        absl::StrContains(requests[i + 1].body, absl::StrCat("mk_", i)));
  }
}

TEST_F(AlertmanagerNotifierTest, ManyAlertsGoInSeveralRequests) {
  Make();
  std::vector<Alert> alerts;
  for (int i = 0; i < 250; ++i) {
    Alert alert = SampleAlert();
    alert.id = AlertId(absl::StrCat("id", i));
    alert.fingerprint = absl::StrCat("f", i);
    alerts.push_back(alert);
  }
  ASSERT_TRUE(notifier_->Refresh(alerts, now_).ok());
  EXPECT_EQ(client_.Take().size(), 3u);
}

TEST_F(AlertmanagerNotifierTest, AStartInTheFutureDoesNotEndBeforeItBegins) {
  Make();
  Alert alert = SampleAlert();
  alert.first_fire_ms = kSampleTime + 3'600'000;
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, alert).ok());
  EXPECT_TRUE(absl::StrContains(client_.Take().back().body,
                                "\"startsAt\":\"2026-08-03T15:00:00.000Z\","
                                "\"endsAt\":\"2026-08-03T15:04:00.000Z\""));
  ASSERT_TRUE(Notify(NotificationEvent::kResolve, alert).ok());
  EXPECT_TRUE(absl::StrContains(client_.Take().back().body,
                                "\"startsAt\":\"2026-08-03T14:00:10.000Z\","
                                "\"endsAt\":\"2026-08-03T14:00:10.000Z\""));
}

TEST_F(AlertmanagerNotifierTest, SendsItsBearerAndHeaders) {
  config_.bearer_file = WriteTestFile("am_bearer", "token-1\n");
  config_.headers = {{"X-Scope-OrgID", "tenant"}};
  Make();
  ASSERT_TRUE(Notify(NotificationEvent::kOpen, SampleAlert()).ok());
  const HttpRequest request = client_.Take().back();
  EXPECT_FALSE(request.bearer.empty());
  EXPECT_EQ(HeaderOf(request, "x-scope-orgid"), "tenant");
  EXPECT_EQ(HeaderOf(request, "authorization"), "");
}

TEST_F(AlertmanagerNotifierTest, AMissingBearerIsMendedLater) {
  config_.bearer_file = testing::TempDir() + "/no_such_bearer";
  Make();
  const absl::Status status = Notify(NotificationEvent::kOpen, SampleAlert());
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_TRUE(client_.Take().empty());
}

TEST_F(AlertmanagerNotifierTest, RefusesSettingsThatCannotWork) {
  const NotifierConfig good = config_;
  const auto refused = [this](absl::string_view why) {
    const absl::Status status =
        AlertmanagerNotifier::Create(config_, &client_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << status;
  };
  config_.urls = {};
  refused("at least one URL");
  config_.urls = {"am:9093"};
  refused("http://");
  config_ = good;
  config_.labels = {{"key-id", "x"}};
  refused("key-id");
  config_.labels = {{"severity", "x"}};
  refused("severity");
  config_.labels = {{"env", "x"}, {"env", "y"}};
  refused("twice");
  config_ = good;
  config_.resend_interval = absl::Milliseconds(10);
  refused("resend interval");
  config_ = good;
  config_.headers = {{"Content-Type", "text/plain"}};
  refused("content-type");
}

}  // namespace
}  // namespace keywatch
