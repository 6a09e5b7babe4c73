// keywatch.v1.{KeyService,RollService,RuleService,StatusService} as a client
// sees them.

#include <string>
#include <utility>
#include <vector>

#include "daemon/rules/compiler.h"
#include "daemon/serve/server_fixture.h"
#include "gmock/gmock.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ServicesTest : public ServerTest {
 protected:
  ServicesTest() { Start(); }

  static KeyProfile Profile(const std::string& id) {
    KeyProfile profile;
    profile.key = KeyId(id);
    profile.kind = "restricted";
    profile.first_seen_ms = kNow - 86'400'000;
    profile.last_seen_ms = kNow - 1000;
    profile.requests = 100;
    profile.denied = 6;
    profile.failed = 7;
    profile.operations = {{"GET /v1/x", 94, kNow - 86'400'000, kNow - 5000},
                          {"POST /v1/y", 6, kNow - 60'000, kNow - 1000}};
    profile.networks = {{"AS64511 NL", 6, kNow - 60'000, kNow - 1000}};
    return profile;
  }
  v1::GetStatusResponse GetStatus() {
    grpc::ClientContext call;
    v1::GetStatusResponse response;
    const grpc::Status status =
        daemon_->GetStatus(&call, v1::GetStatusRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  grpc::Status StartRoll(const std::string& key, v1::Roll* roll) {
    v1::StartRollRequest request;
    request.set_key_id(key);
    request.set_reason("leaked");
    request.set_actor("alice");
    grpc::ClientContext call;
    v1::StartRollResponse response;
    const grpc::Status status = rolls_->StartRoll(&call, request, &response);
    *roll = response.roll();
    instructions_.assign(response.instructions().begin(),
                         response.instructions().end());
    return status;
  }

  std::vector<std::string> instructions_;
};

TEST_F(ServicesTest, KeysAreListedInOrderWithTotalsOnly) {
  CheckpointBatch batch;
  for (const char* id : {"mk_B", "mk_A", "rk_C"}) {
    batch.profiles.push_back(Profile(id));
  }
  Commit(std::move(batch));
  v1::ListKeysRequest request;
  request.set_prefix("mk_");
  grpc::ClientContext call;
  v1::ListKeysResponse response;
  ASSERT_TRUE(keys_->ListKeys(&call, request, &response).ok());
  ASSERT_EQ(response.keys_size(), 2);
  EXPECT_EQ(response.keys(0).id(), "mk_A");
  EXPECT_EQ(response.keys(0).denied(), 6);
  EXPECT_FALSE(response.keys(0).has_operations());
}

TEST_F(ServicesTest, KeyShowsWhatItDidWhatWasTouchedAndWhatDependsOnIt) {
  CheckpointBatch batch;
  batch.profiles.push_back(Profile("mk_A"));
  batch.alerts.push_back({MakeAlert('a', 1), {}});
  Commit(std::move(batch));
  v1::Roll roll;
  ASSERT_TRUE(StartRoll("mk_A", &roll).ok());

  v1::GetKeyRequest request;
  request.set_id("mk_A");
  grpc::ClientContext call;
  v1::GetKeyResponse response;
  ASSERT_TRUE(keys_->GetKey(&call, request, &response).ok());
  EXPECT_EQ(response.key().operations().values(0).value(), "GET /v1/x");
  EXPECT_EQ(response.alerts_size(), 1);
  EXPECT_EQ(response.alerts(0).evidence_size(), 0);
  EXPECT_EQ(response.rolls_size(), 1);
  EXPECT_EQ(response.exposure().since_time().seconds(), (kNow - 61'000) / 1000);
  ASSERT_EQ(response.exposure().new_operations_size(), 1);
  EXPECT_EQ(response.exposure().new_operations(0).value(), "POST /v1/y");
  EXPECT_TRUE(response.blast_radius().recent());
  EXPECT_EQ(response.blast_radius().operations_size(), 2);
}

TEST_F(ServicesTest, KeyAskedForByItsSecretIsFoundByItsFingerprint) {
  CheckpointBatch batch;
  batch.profiles.push_back(Profile("sk_live:f00:cret"));
  Commit(std::move(batch));
  v1::GetKeyRequest request;
  request.set_id("sk_live_secret");
  grpc::ClientContext call;
  v1::GetKeyResponse response;
  ASSERT_TRUE(keys_->GetKey(&call, request, &response).ok());
  EXPECT_EQ(response.key().id(), "sk_live:f00:cret");
  EXPECT_THAT(response.DebugString(), Not(HasSubstr("sk_live_secret")));
}

TEST_F(ServicesTest, RollGoesItsWayFromStartToFollowUps) {
  v1::Roll roll;
  ASSERT_TRUE(StartRoll("mk_A", &roll).ok());
  EXPECT_EQ(roll.state(), v1::ROLL_STATE_AWAITING_OPERATOR);
  EXPECT_THAT(instructions_, Not(IsEmpty()));
  EXPECT_THAT(roll.dashboard_url(), HasSubstr("https://"));

  v1::ConfirmRollRequest confirm;
  confirm.set_id(roll.id());
  confirm.set_new_key_id("mk_B");
  confirm.set_actor("alice");
  confirm.mutable_old_expires_time()->set_seconds(kNow / 1000 + 3600);
  grpc::ClientContext confirm_call;
  v1::ConfirmRollResponse confirmed;
  const grpc::Status status =
      rolls_->ConfirmRoll(&confirm_call, confirm, &confirmed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(confirmed.roll().state(), v1::ROLL_STATE_AWAITING_EXPIRY);
  EXPECT_EQ(confirmed.roll().new_key_id(), "mk_B");

  v1::GetRollRequest get;
  get.set_id(roll.id());
  grpc::ClientContext get_call;
  v1::GetRollResponse got;
  ASSERT_TRUE(rolls_->GetRoll(&get_call, get, &got).ok());
  EXPECT_GE(got.roll().steps_size(), 2);

  v1::CancelRollRequest cancel;
  cancel.set_id(roll.id());
  cancel.set_reason("wrong key");
  cancel.set_actor("alice");
  grpc::ClientContext cancel_call;
  v1::CancelRollResponse cancelled;
  ASSERT_TRUE(rolls_->CancelRoll(&cancel_call, cancel, &cancelled).ok());
  EXPECT_EQ(cancelled.roll().state(), v1::ROLL_STATE_CANCELLED);

  grpc::ClientContext list_call;
  v1::ListRollsRequest unfinished;
  unfinished.set_unfinished_only(true);
  v1::ListRollsResponse list;
  ASSERT_TRUE(rolls_->ListRolls(&list_call, unfinished, &list).ok());
  EXPECT_EQ(list.rolls_size(), 0);
}

TEST_F(ServicesTest, RefusalsOfTheRollerReachTheClient) {
  v1::Roll roll;
  ASSERT_TRUE(StartRoll("mk_A", &roll).ok());
  EXPECT_EQ(StartRoll("mk_A", &roll).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(StartRoll("", &roll).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::GetRollRequest get;
  get.set_id("nothing");
  grpc::ClientContext call;
  v1::GetRollResponse response;
  EXPECT_EQ(rolls_->GetRoll(&call, get, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServicesTest, RulesInForceAreListedWithWhatTheyDid) {
  const CompileResult compiled = CompileRuleTexts(
      {{"a.yml",
        "title: Denied\nid: 00000000-0000-4000-8000-000000000001\n"
        "name: denied\nlevel: high\nlogsource: {product: stripe}\n"
        "detection:\n    s: {http.response.status_code: 403}\n"
        "    condition: s\n"}},
      CompileOptions());
  ASSERT_NE(compiled.rules, nullptr) << FormatIssues(compiled.issues);
  RulesSnapshot snapshot;
  snapshot.rules = compiled.rules;
  snapshot.counters = {{7, 2, 3, 1}};
  status_.SetRules(snapshot);

  grpc::ClientContext call;
  v1::ListRulesResponse response;
  ASSERT_TRUE(rules_->ListRules(&call, v1::ListRulesRequest(), &response).ok());
  ASSERT_EQ(response.rules_size(), 1);
  EXPECT_EQ(response.rules(0).name(), "denied");
  EXPECT_EQ(response.rules(0).type(), "detection");
  EXPECT_EQ(response.rules(0).level(), v1::LEVEL_HIGH);
  EXPECT_EQ(response.rules(0).matches(), 7);
  EXPECT_EQ(response.rules(0).alerts_opened(), 2);
  EXPECT_EQ(response.hash(), compiled.rules->hash());
}

TEST_F(ServicesTest, RefusedReloadGivesTheIssues) {
  ReloadResult result;
  Issue issue;
  issue.where = {"a.yml", 3, 5, 0};
  issue.message = "unknown key";
  result.issues.Add(issue);
  status_.SetReload(result);
  v1::ReloadRulesRequest request;
  request.set_actor("alice");
  grpc::ClientContext call;
  v1::ReloadRulesResponse response;
  ASSERT_TRUE(rules_->ReloadRules(&call, request, &response).ok());
  EXPECT_FALSE(response.applied());
  ASSERT_EQ(response.issues_size(), 1);
  EXPECT_EQ(response.issues(0).line(), 3);
  EXPECT_EQ(status_.reloaded_by(), "alice");
}

TEST_F(ServicesTest, StatusJoinsWhatTheStoreCountedAndWhatTheAppKnows) {
  CheckpointBatch batch;
  SourceTotals totals;
  totals.source = SourceId("egress");
  totals.records = 12;
  totals.events = 9;
  totals.late = 2;
  totals.duplicates = 1;
  totals.rejected = 2;
  totals.newest_event_ms = kNow - 3000;
  batch.totals = {totals};
  batch.rejects = {{SourceId("egress"), "malformed", 2}};
  batch.gaps = {{SourceId("egress"), kNow - 90'000, kNow - 30'000, "down"}};
  batch.alerts.push_back({MakeAlert('a', 1), {}});
  Commit(std::move(batch));

  DaemonStatus status;
  status.version = "1.2.3";
  status.start = clock_.Now() - absl::Hours(2);
  status.now = clock_.Now();
  status.health = {false, {"the disk is full"}};
  DaemonStatus::Source source;
  source.id = SourceId("egress");
  source.kind = "file";
  source.state = DaemonStatus::Source::State::kFailing;
  source.error = "permission denied";
  status.sources = {source};
  status_.SetStatus(status);

  const v1::GetStatusResponse response = GetStatus();
  EXPECT_EQ(response.version(), "1.2.3");
  EXPECT_EQ(response.uptime().seconds(), 7200);
  EXPECT_FALSE(response.healthy());
  EXPECT_THAT(response.problems(), ElementsAre("the disk is full"));
  ASSERT_EQ(response.sources_size(), 1);
  const v1::SourceStatus& egress = response.sources(0);
  EXPECT_EQ(egress.state(), v1::SOURCE_STATE_FAILING);
  EXPECT_EQ(egress.records(), 12);
  EXPECT_EQ(egress.late_events(), 2);
  EXPECT_EQ(egress.duplicate_events(), 1);
  ASSERT_EQ(egress.rejects_size(), 1);
  EXPECT_EQ(egress.rejects(0).reason(), "malformed");
  EXPECT_EQ(egress.lag().seconds(), 3);
  EXPECT_EQ(egress.gaps(), 1);
  ASSERT_EQ(response.alerts_size(), 1);
  EXPECT_EQ(response.alerts(0).level(), v1::LEVEL_HIGH);
  EXPECT_FALSE(response.checkpoint().has_last_success_time());
}

TEST_F(ServicesTest, RejectsComeWithTheirCounts) {
  CheckpointBatch batch;
  batch.rejects = {{SourceId("egress"), "malformed", 2},
                   {SourceId("other"), "oversized", 1}};
  RejectSample sample;
  sample.source = SourceId("egress");
  sample.reason = "malformed";
  sample.stream = "requests.log";
  sample.offset = 42;
  sample.at_ms = kNow;
  sample.text = "{broken";
  batch.reject_samples = {sample};
  Commit(std::move(batch));
  v1::ListRejectsRequest request;
  request.set_source_id("egress");
  grpc::ClientContext call;
  v1::ListRejectsResponse response;
  ASSERT_TRUE(daemon_->ListRejects(&call, request, &response).ok());
  ASSERT_EQ(response.rejects_size(), 1);
  EXPECT_EQ(response.rejects(0).text(), "{broken");
  EXPECT_EQ(response.rejects(0).offset(), 42);
  ASSERT_EQ(response.counts_size(), 1);
  EXPECT_EQ(response.counts(0).rejects(0).count(), 2);
}

TEST_F(ServicesTest, GapsCarryTheirReason) {
  CheckpointBatch batch;
  batch.gaps = {{SourceId("egress"), kNow - 90'000, kNow - 30'000, "down"}};
  Commit(std::move(batch));
  grpc::ClientContext call;
  v1::ListGapsResponse response;
  ASSERT_TRUE(daemon_->ListGaps(&call, v1::ListGapsRequest(), &response).ok());
  ASSERT_EQ(response.gaps_size(), 1);
  EXPECT_EQ(response.gaps(0).reason(), "down");
  EXPECT_EQ(response.gaps(0).to_time().seconds(), (kNow - 30'000) / 1000);
}

}  // namespace
}  // namespace keywatch
