// keywatch.v1.AlertService as a client sees it.

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/serve/server_fixture.h"
#include "gmock/gmock.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AlertServiceTest : public ServerTest {
 protected:
  AlertServiceTest() { Start(); }

  std::vector<std::string> List(const v1::ListAlertsRequest& request) {
    grpc::ClientContext call;
    v1::ListAlertsResponse response;
    const grpc::Status status = alerts_->ListAlerts(&call, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    last_list_ = response;
    std::vector<std::string> digits;
    for (const v1::Alert& alert : response.alerts()) {
      digits.push_back(alert.id().substr(0, 1));
    }
    return digits;
  }
  grpc::Status Acknowledge(const std::string& id, const std::string& actor,
                           const std::string& note = "", int64_t version = 0) {
    v1::AcknowledgeAlertRequest request;
    request.set_id(id);
    request.set_actor(actor);
    request.set_note(note);
    request.set_version(version);
    grpc::ClientContext call;
    return alerts_->AcknowledgeAlert(&call, request, &acknowledged_);
  }
  grpc::Status Resolve(const std::string& id) {
    v1::ResolveAlertRequest request;
    request.set_id(id);
    request.set_actor("alice");
    grpc::ClientContext call;
    v1::ResolveAlertResponse response;
    return alerts_->ResolveAlert(&call, request, &response);
  }
  v1::RaiseAlertRequest RaiseRequest() {
    v1::RaiseAlertRequest request;
    request.set_title("key found on a laptop");
    request.set_key_id("mk_A");
    request.set_actor("alice");
    request.set_request_id("request-1");
    return request;
  }
  grpc::Status Raise(const v1::RaiseAlertRequest& request) {
    grpc::ClientContext call;
    raised_.Clear();
    return alerts_->RaiseAlert(&call, request, &raised_);
  }

  v1::ListAlertsResponse last_list_;
  v1::AcknowledgeAlertResponse acknowledged_;
  v1::RaiseAlertResponse raised_;
};

TEST_F(AlertServiceTest, ListsNewestFirstWithoutEvidence) {
  CommitAlerts({MakeAlert('a', 30), MakeAlert('b', 10), MakeAlert('c', 20)});
  EXPECT_THAT(List(v1::ListAlertsRequest()), ElementsAre("b", "c", "a"));
  EXPECT_EQ(last_list_.alerts(0).evidence_size(), 0);
  EXPECT_EQ(last_list_.alerts(0).title(), "Key is probed b");
}

TEST_F(AlertServiceTest, PagesGoOnWhereThePageBeforeEnded) {
  CommitAlerts({MakeAlert('a', 30), MakeAlert('b', 10), MakeAlert('c', 20)});
  v1::ListAlertsRequest request;
  request.set_page_size(2);
  EXPECT_THAT(List(request), ElementsAre("b", "c"));
  ASSERT_FALSE(last_list_.next_page_token().empty());
  request.set_page_token(last_list_.next_page_token());
  EXPECT_THAT(List(request), ElementsAre("a"));
  EXPECT_TRUE(last_list_.next_page_token().empty());
}

TEST_F(AlertServiceTest, ForgedPageTokenIsRefused) {
  v1::ListAlertsRequest request;
  request.set_page_token("nonsense");
  grpc::ClientContext call;
  v1::ListAlertsResponse response;
  EXPECT_EQ(alerts_->ListAlerts(&call, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AlertServiceTest, FilterLimitsTheList) {
  CommitAlerts({MakeAlert('a', 30, Level::kLow),
                MakeAlert('b', 10, Level::kCritical),
                MakeAlert('c', 20, Level::kHigh)});
  ASSERT_TRUE(Resolve(std::string(32, 'c')).ok());
  v1::ListAlertsRequest request;
  request.mutable_filter()->set_min_level(v1::LEVEL_HIGH);
  EXPECT_THAT(List(request), ElementsAre("b", "c"));
  request.mutable_filter()->set_unresolved_only(true);
  EXPECT_THAT(List(request), ElementsAre("b"));
  request.mutable_filter()->set_key_id("mk_other");
  EXPECT_THAT(List(request), IsEmpty());
}

TEST_F(AlertServiceTest, GetGivesEvidenceAndHistory) {
  CommitAlerts({MakeAlert('a', 30)});
  ASSERT_TRUE(Acknowledge(std::string(32, 'a'), "alice", "looking").ok());
  v1::GetAlertRequest request;
  request.set_id("aaaa");
  grpc::ClientContext call;
  v1::GetAlertResponse response;
  ASSERT_TRUE(alerts_->GetAlert(&call, request, &response).ok());
  EXPECT_EQ(response.alert().evidence(0).fields(0).value(), "/v1/x");
  ASSERT_EQ(response.history_size(), 1);
  EXPECT_EQ(response.history(0).actor(), "alice");
  EXPECT_EQ(response.history(0).detail(), "looking");
}

TEST_F(AlertServiceTest, ShortIdMustBeUnambiguousAndLongEnough) {
  Alert first = MakeAlert('a', 30);
  Alert second = MakeAlert('a', 20);
  second.id = AlertId(std::string(31, 'a') + "b");
  CommitAlerts({first, second});
  const auto get = [this](const std::string& id) {
    v1::GetAlertRequest request;
    request.set_id(id);
    grpc::ClientContext call;
    v1::GetAlertResponse response;
    return alerts_->GetAlert(&call, request, &response);
  };
  EXPECT_THAT(get("aaaa").error_message(), HasSubstr("type more digits"));
  EXPECT_EQ(get("aaa").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(get("bbbb").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(get("x; drop").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(get(std::string(32, 'a')).ok());
  EXPECT_EQ(get(std::string(32, 'b')).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(AlertServiceTest, AcknowledgingTellsWhoAndWhen) {
  CommitAlerts({MakeAlert('a', 30)});
  ASSERT_TRUE(Acknowledge("aaaa", "alice", "looking").ok());
  const v1::Alert& alert = acknowledged_.alert();
  EXPECT_EQ(alert.state(), v1::ALERT_STATE_ACKNOWLEDGED);
  EXPECT_EQ(alert.state_by(), "alice");
  EXPECT_EQ(alert.note(), "looking");
  EXPECT_EQ(alert.state_time().seconds(), kNow / 1000);
}

TEST_F(AlertServiceTest, NobodyActsWithoutAName) {
  CommitAlerts({MakeAlert('a', 30)});
  const grpc::Status status = Acknowledge("aaaa", "  ");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("actor"));
}

TEST_F(AlertServiceTest, DecisionOnAnOldVersionIsRefused) {
  CommitAlerts({MakeAlert('a', 30)});
  ASSERT_TRUE(Acknowledge("aaaa", "alice").ok());
  const int64_t version = acknowledged_.alert().version();
  EXPECT_EQ(Acknowledge("aaaa", "bob", "", version + 1).error_code(),
            grpc::StatusCode::ABORTED);
  EXPECT_TRUE(Acknowledge("aaaa", "bob", "", version).ok());
}

TEST_F(AlertServiceTest, ResolvedStaysResolved) {
  CommitAlerts({MakeAlert('a', 30)});
  ASSERT_TRUE(Resolve("aaaa").ok());
  EXPECT_EQ(Acknowledge("aaaa", "alice").error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(AlertServiceTest, SecretPastedIntoANoteIsNotStored) {
  CommitAlerts({MakeAlert('a', 30)});
  ASSERT_TRUE(Acknowledge("aaaa", "alice", "it is sk_live_secret").ok());
  EXPECT_EQ(acknowledged_.alert().note(), "it is sk_live:f00:cret");
}

TEST_F(AlertServiceTest, RaisedTwiceWithOneRequestIdIsOneAlert) {
  ASSERT_TRUE(Raise(RaiseRequest()).ok());
  const v1::Alert first = raised_.alert();
  EXPECT_EQ(first.rule_id(), "manual");
  EXPECT_EQ(first.level(), v1::LEVEL_MEDIUM);
  EXPECT_EQ(first.notify(0), "oncall");
  EXPECT_EQ(first.explanation(), "raised by hand by alice");
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(Raise(RaiseRequest()).ok());
  EXPECT_EQ(raised_.alert().id(), first.id());
  EXPECT_EQ(raised_.alert().first_fire_time().seconds(),
            first.first_fire_time().seconds());
  EXPECT_EQ(store_->CountOutbox()->pending, 1);
}

TEST_F(AlertServiceTest, RaisingSaysWhichNotifiersThereAre) {
  v1::RaiseAlertRequest request = RaiseRequest();
  request.add_notify("nobody");
  const grpc::Status status = Raise(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("oncall, audit"));
}

TEST_F(AlertServiceTest, RaisingNeedsTitleActorAndRequestId) {
  v1::RaiseAlertRequest request = RaiseRequest();
  request.clear_title();
  EXPECT_THAT(Raise(request).error_message(), HasSubstr("title"));
  request = RaiseRequest();
  request.clear_actor();
  EXPECT_THAT(Raise(request).error_message(), HasSubstr("actor"));
  request = RaiseRequest();
  request.clear_request_id();
  EXPECT_THAT(Raise(request).error_message(), HasSubstr("request_id"));
}

TEST_F(AlertServiceTest, WatchSendsChangesFromNowOn) {
  CommitAlerts({MakeAlert('a', 30)});
  grpc::ClientContext call;
  auto reader = alerts_->WatchAlerts(&call, v1::WatchAlertsRequest());
  v1::WatchAlertsResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_FALSE(message.has_alert());
  const int64_t beginning = message.sequence();

  ASSERT_TRUE(Acknowledge("aaaa", "alice").ok());
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.alert().state(), v1::ALERT_STATE_ACKNOWLEDGED);
  EXPECT_GT(message.sequence(), beginning);
  call.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(AlertServiceTest, WatchResumesAfterTheSequenceGiven) {
  CommitAlerts({MakeAlert('a', 30)});
  const int64_t after = *store_->LastAlertChange();
  CommitAlerts({MakeAlert('b', 20), MakeAlert('c', 10)});

  v1::WatchAlertsRequest request;
  request.set_after_sequence(after);
  grpc::ClientContext call;
  auto reader = alerts_->WatchAlerts(&call, request);
  v1::WatchAlertsResponse message;
  std::vector<std::string> seen;
  while (seen.size() < 2 && reader->Read(&message)) {
    if (message.has_alert()) seen.push_back(message.alert().id().substr(0, 1));
  }
  EXPECT_THAT(seen, ElementsAre("b", "c"));
  EXPECT_EQ(message.sequence(), *store_->LastAlertChange());
  call.TryCancel();
}

TEST_F(AlertServiceTest, WatchFilterStillMovesTheSequence) {
  CommitAlerts({MakeAlert('a', 30, Level::kLow)});
  v1::WatchAlertsRequest request;
  request.set_after_sequence(0);
  request.mutable_filter()->set_min_level(v1::LEVEL_CRITICAL);
  grpc::ClientContext call;
  auto reader = alerts_->WatchAlerts(&call, request);
  v1::WatchAlertsResponse message;
  while (reader->Read(&message) && message.sequence() == 0) {
  }
  EXPECT_FALSE(message.has_alert());
  EXPECT_EQ(message.sequence(), *store_->LastAlertChange());
  call.TryCancel();
}

}  // namespace
}  // namespace keywatch
