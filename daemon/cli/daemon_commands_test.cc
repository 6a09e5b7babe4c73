// Commands that ask the daemon: what they send, and what people and scripts
// see. The texts are kept in testdata/.

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "daemon/cli/cli_fixture.h"
#include "daemon/cli/fake_daemon.h"
#include "daemon/cli/time_text.h"
#include "daemon/config/config.h"
#include "gmock/gmock.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class DaemonCommandsTest : public CliTest {
 protected:
  DaemonCommandsTest() {
    variables_["KEYWATCH_ADDRESS"] = daemon_.address();
    FillAlert(daemon_.alerts.get.mutable_alert());
    FillHistory();
    FillKey();
    FillRoll();
    FillStatus();
  }

  google::protobuf::Timestamp Ago(absl::Duration age) {
    google::protobuf::Timestamp time;
    SetProto(clock_.Now() - age, &time);
    return time;
  }

  void FillAlert(v1::Alert* alert) {
    alert->set_id("4f1c09aa3be2d8710000000000000000");
    alert->set_rule_id("0d3a6a3e-2f0e-4d6e-9f8c-1c4a7e5b1001");
    alert->set_rule_name("key_probe_then_success");
    alert->set_title("Restricted Key Probed, Then Used");
    alert->set_level(v1::LEVEL_CRITICAL);
    alert->set_stage(v1::STAGE_PAGE);
    alert->set_key_id("rk_identity_reader");
    v1::Field* group = alert->add_group();
    group->set_name("api.key.id");
    group->set_value("rk_identity_reader");
    *alert->mutable_first_fire_time() = Ago(absl::Minutes(14));
    *alert->mutable_first_event_time() = Ago(absl::Minutes(20));
    *alert->mutable_last_event_time() = Ago(absl::Minutes(3));
    alert->set_count(412);
    alert->set_late_events(2);
    alert->set_explanation(
        "6 denied requests in 4m, then a success; threshold >= 5");
    alert->set_description(
        "Somebody tried what the key may do and found something that works. A "
        "service does not do that; a person with a leaked key does.\n\nIt is "
        "worse when the network is new, too.");
    alert->set_playbook(
        "1. See from where it is used: keywatch keys show.\n2. Roll the key, "
        "expire the old one at once.");
    alert->add_tags("attack.credential_access");
    alert->add_tags("attack.t1552");
    v1::Evidence* evidence = alert->add_evidence();
    evidence->set_event_id("req_1");
    *evidence->mutable_time() = Ago(absl::Minutes(20));
    v1::Field* path = evidence->add_fields();
    path->set_name("url.path");
    path->set_value("/v1/payouts");
    v1::Field* agent = evidence->add_fields();
    agent->set_name("user_agent.original");
    agent->set_value("evil\x1b[2J\x1b]0;owned\x07 agent");
    alert->add_notify("oncall");
    alert->set_state(v1::ALERT_STATE_OPEN);
    alert->set_version(1);
  }
  void FillHistory() {
    v1::AuditEntry* entry = daemon_.alerts.get.add_history();
    *entry->mutable_time() = Ago(absl::Minutes(1));
    entry->set_actor("bob");
    entry->set_action("alert.acknowledge");
    entry->set_detail("looking");
  }
  void FillValue(const std::string& value, int count,
                 google::protobuf::RepeatedPtrField<v1::SeenValue>* out) {
    v1::SeenValue* added = out->Add();
    added->set_value(value);
    added->set_count(count);
    *added->mutable_first_time() = Ago(absl::Hours(30));
    *added->mutable_last_time() = Ago(absl::Minutes(3));
  }
  void FillKey() {
    v1::GetKeyResponse* get = &daemon_.keys.get;
    v1::Key* key = get->mutable_key();
    key->set_id("rk_identity_reader");
    key->set_kind("restricted");
    *key->mutable_first_seen_time() = Ago(absl::Hours(24 * 9));
    *key->mutable_last_seen_time() = Ago(absl::Seconds(40));
    *key->mutable_last_success_time() = Ago(absl::Seconds(40));
    key->set_requests(10412);
    key->set_denied(6);
    key->set_failed(9);
    *daemon_.keys.list.add_keys() = *key;
    FillValue("GET /v1/identity/verification_sessions/:id", 10000,
              key->mutable_operations()->mutable_values());
    for (int i = 0; i < 20; ++i) {
      FillValue("GET /v1/thing" + std::to_string(i), 20 - i,
                key->mutable_operations()->mutable_values());
    }
    FillValue("AS64511 NL", 412, key->mutable_networks()->mutable_values());
    key->mutable_networks()->set_overflow(3);
    v1::Exposure* exposure = get->mutable_exposure();
    *exposure->mutable_since_time() = Ago(absl::Minutes(20));
    FillValue("AS64511 NL", 412, exposure->mutable_new_networks());
    FillValue("verified_outputs.dob", 88, exposure->mutable_sensitive_fields());
    v1::BlastRadius* radius = get->mutable_blast_radius();
    radius->set_recent(true);
    FillValue("GET /v1/x", 1, radius->mutable_operations());
    radius->add_follow_ups(
        "the key made webhook endpoints (POST /v1/webhook_endpoints), which "
        "stay when it is gone: look at each of them");
    *get->add_alerts() = daemon_.alerts.get.alert();
  }
  void FillRoll() {
    v1::Roll* roll = daemon_.rolls.get.mutable_roll();
    roll->set_id("roll_7d2c");
    roll->set_old_key_id("rk_identity_reader");
    roll->set_state(v1::ROLL_STATE_AWAITING_OPERATOR);
    roll->set_reason("leaked");
    roll->set_started_by("alice");
    *roll->mutable_started_time() = Ago(absl::Minutes(2));
    v1::RollFollowUp* follow_up = roll->add_follow_ups();
    follow_up->set_id(1);
    follow_up->set_what("webhook endpoints that the key made stay: check them");
    v1::RollStep* step = roll->add_steps();
    *step->mutable_time() = Ago(absl::Minutes(2));
    step->set_actor("alice");
    step->set_what("started: leaked");
    daemon_.rolls.get.add_instructions(
        "Open https://dashboard.stripe.com/apikeys and find the key.");
    daemon_.rolls.get.add_instructions(
        "Choose Rotate key, Expiration: now, and copy the id of the new key.");
  }
  void FillStatus() {
    v1::GetStatusResponse* status = &daemon_.status.get;
    status->set_version("1.2.3");
    *status->mutable_start_time() = Ago(absl::Hours(26));
    status->mutable_uptime()->set_seconds(26 * 3600);
    status->set_healthy(true);
    v1::SourceStatus* source = status->add_sources();
    source->set_id("egress");
    source->set_kind("file");
    source->set_format("nginx_json");
    source->set_state(v1::SOURCE_STATE_READING);
    source->set_records(120034);
    source->set_events(120030);
    source->set_late_events(3);
    source->set_duplicate_events(1);
    v1::RejectCount* reject = source->add_rejects();
    reject->set_reason("malformed");
    reject->set_count(4);
    source->mutable_lag()->set_seconds(2);
    v1::SourceStatus* failing = status->add_sources();
    failing->set_id("stripe");
    failing->set_kind("http");
    failing->set_format("stripe_cli");
    failing->set_state(v1::SOURCE_STATE_FAILING);
    failing->set_error("401 Unauthorized");
    v1::EngineStatus* engine = status->mutable_engine();
    engine->set_rules(44);
    engine->set_rules_hash("0011223344556677");
    engine->set_groups(812);
    engine->set_reorder_buffer_events(17);
    *engine->mutable_watermark_time() = Ago(absl::Seconds(32));
    *status->mutable_checkpoint()->mutable_last_success_time() =
        Ago(absl::Seconds(1));
    status->mutable_outbox()->set_pending(1);
    *status->mutable_outbox()->mutable_oldest_pending_time() =
        Ago(absl::Seconds(5));
    status->mutable_reload()->set_success(true);
    v1::AlertCount* count = status->add_alerts();
    count->set_state(v1::ALERT_STATE_OPEN);
    count->set_level(v1::LEVEL_CRITICAL);
    count->set_count(2);
    count = status->add_alerts();
    count->set_state(v1::ALERT_STATE_RESOLVED);
    count->set_level(v1::LEVEL_LOW);
    count->set_count(31);
  }

  FakeDaemon daemon_;
};

TEST_F(DaemonCommandsTest, StatusTellsAllOnOnePage) {
  EXPECT_EQ(Run({"status"}), kExitOk) << err_;
  ExpectGolden("status.txt", out_, daemon_.address());
}

TEST_F(DaemonCommandsTest, StatusOfASickDaemonFails) {
  daemon_.status.get.set_healthy(false);
  daemon_.status.get.add_problems("the disk is full; reading has stopped");
  EXPECT_EQ(Run({"status"}), kExitFailure);
  EXPECT_THAT(out_, HasSubstr("the disk is full; reading has stopped"));
  EXPECT_EQ(Run({"status", "--output", "json"}), kExitFailure);
  EXPECT_THAT(out_, HasSubstr("\"healthy\": false"));
}

// One line for each of two thousand files that are not there yet.
TEST_F(DaemonCommandsTest, StatusSummarisesManyProblems) {
  for (int i = 0; i < 2000; ++i) {
    daemon_.status.get.add_problems(absl::StrCat("file ", i, " waits"));
  }
  EXPECT_EQ(Run({"status"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("file 4 waits\n            and 1995 more: "
                              "keywatch status --output json\n"));
  EXPECT_THAT(out_, Not(HasSubstr("file 5 waits")));
}

TEST_F(DaemonCommandsTest, StatusTableFitsANarrowTerminal) {
  terminal_ = true;
  width_ = 60;
  variables_["NO_COLOR"] = "1";
  EXPECT_EQ(Run({"status"}), kExitOk);
  EXPECT_THAT(
      out_, HasSubstr("SOURCE  STATE    RECORDS  EVENTS  LATE  REJECTED  GAPS  "
                      "LAG\n"));
  EXPECT_THAT(out_, Not(HasSubstr("DUPLICATE")));
}

// Key ids are what a log says.
TEST_F(DaemonCommandsTest, LongKeysDoNotFloodAPipe) {
  daemon_.alerts.get.mutable_alert()->set_key_id(std::string(8192, 'k'));
  *daemon_.alerts.list.add_alerts() = daemon_.alerts.get.alert();
  EXPECT_EQ(Run({"alerts", "list"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("kkk…  "));
  EXPECT_LT(out_.size(), 2000u);
}

TEST_F(DaemonCommandsTest, AlertListFitsTheTerminal) {
  *daemon_.alerts.list.add_alerts() = daemon_.alerts.get.alert();
  v1::Alert* second = daemon_.alerts.list.add_alerts();
  FillAlert(second);
  second->set_level(v1::LEVEL_LOW);
  second->set_key_id("");
  second->set_state(v1::ALERT_STATE_ACKNOWLEDGED);
  second->set_title("A title that is a good deal longer than any terminal");
  EXPECT_EQ(Run({"alerts", "list"}), kExitOk) << err_;
  ExpectGolden("alerts_list.txt", out_);
  EXPECT_EQ(daemon_.alerts.list_request.page_token(), "second");

  terminal_ = true;
  width_ = 90;
  EXPECT_EQ(Run({"alerts", "list"}), kExitOk) << err_;
  ExpectGolden("alerts_list_terminal.txt", out_);
}

TEST_F(DaemonCommandsTest, AlertListAsksForWhatTheOptionsSay) {
  EXPECT_EQ(Run({"alerts", "list", "--state", "acknowledged", "--key", "mk_A",
                 "--rule", "r-1", "--level", "high", "--since", "2h",
                 "--oldest-first", "--limit", "7"}),
            kExitOk)
      << err_;
  EXPECT_EQ(out_, "No alerts.\n");
  const v1::ListAlertsRequest& request = daemon_.alerts.list_request;
  EXPECT_EQ(request.filter().state(), v1::ALERT_STATE_ACKNOWLEDGED);
  EXPECT_EQ(request.filter().key_id(), "mk_A");
  EXPECT_EQ(request.filter().rule_id(), "r-1");
  EXPECT_EQ(request.filter().min_level(), v1::LEVEL_HIGH);
  EXPECT_EQ(request.filter().since_time().seconds(), 1785765600 - 7200);
  EXPECT_TRUE(request.ascending());
  EXPECT_EQ(request.page_size(), 7);

  EXPECT_EQ(Run({"alerts", "list"}), kExitOk);
  EXPECT_TRUE(daemon_.alerts.list_request.filter().unresolved_only());
  EXPECT_EQ(out_, "No alerts are unresolved.\n");
  EXPECT_EQ(Run({"alerts", "list", "--all"}), kExitOk);
  EXPECT_FALSE(daemon_.alerts.list_request.filter().unresolved_only());
}

TEST_F(DaemonCommandsTest, AlertShowTellsEverythingAndWhatToTypeNext) {
  EXPECT_EQ(Run({"alerts", "show", "4f1c09aa"}), kExitOk) << err_;
  EXPECT_EQ(daemon_.alerts.get_request.id(), "4f1c09aa");
  ExpectGolden("alerts_show.txt", out_);
  // What an attacker wrote does not reach the terminal.
  EXPECT_THAT(out_, Not(HasSubstr("\033")));
  EXPECT_THAT(out_, Not(HasSubstr("\007")));
}

TEST_F(DaemonCommandsTest, AlertShowInColour) {
  terminal_ = true;
  EXPECT_EQ(Run({"alerts", "show", "4f1c09aa"}), kExitOk) << err_;
  ExpectGolden("alerts_show_terminal.txt", out_);
}

TEST_F(DaemonCommandsTest, ColourIsForTerminalsThatWantIt) {
  const auto colourful = [this](const std::vector<std::string>& arguments) {
    Run(arguments);
    return absl::StrContains(out_, "\033[");
  };
  EXPECT_FALSE(colourful({"alerts", "show", "4f1c"}));
  EXPECT_TRUE(colourful({"--color", "always", "alerts", "show", "4f1c"}));
  terminal_ = true;
  EXPECT_TRUE(colourful({"alerts", "show", "4f1c"}));
  EXPECT_FALSE(colourful({"--color", "never", "alerts", "show", "4f1c"}));
  variables_["NO_COLOR"] = "1";
  EXPECT_FALSE(colourful({"alerts", "show", "4f1c"}));
  variables_["NO_COLOR"] = "";
  EXPECT_TRUE(colourful({"alerts", "show", "4f1c"}));
  variables_["TERM"] = "dumb";
  EXPECT_FALSE(colourful({"alerts", "show", "4f1c"}));
}

TEST_F(DaemonCommandsTest, JsonIsTheMessageWithNumbersAndWords) {
  EXPECT_EQ(Run({"alerts", "show", "4f1c", "--output", "json"}), kExitOk);
  ExpectGolden("alerts_show.json", out_);
}

TEST_F(DaemonCommandsTest, NextCommandsQuoteWhatAnAttackerNamed) {
  daemon_.alerts.get.mutable_alert()->set_key_id("mk; rm -rf ~ '#");
  EXPECT_EQ(Run({"alerts", "show", "4f1c09aa"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("keywatch keys show 'mk; rm -rf ~ '\\''#'"));
}

TEST_F(DaemonCommandsTest, AckNamesWhoActsAndGoesOnAfterAWrongId) {
  EXPECT_EQ(Run({"alerts", "ack", "0000", "4f1c09aa", "--note", "looking"}),
            kExitRefused);
  EXPECT_EQ(daemon_.alerts.acknowledge_request.id(), "4f1c09aa");
  EXPECT_EQ(daemon_.alerts.acknowledge_request.actor(), "alice");
  EXPECT_EQ(daemon_.alerts.acknowledge_request.note(), "looking");
  EXPECT_THAT(out_, HasSubstr("4f1c09aa is acknowledged"));
  EXPECT_THAT(err_, HasSubstr("no alert begins with \"0000\""));

  variables_["SUDO_USER"] = "bob";
  EXPECT_EQ(Run({"alerts", "ack", "4f1c09aa"}), kExitOk);
  EXPECT_EQ(daemon_.alerts.acknowledge_request.actor(), "bob");
  EXPECT_EQ(Run({"alerts", "ack", "4f1c09aa", "--as", "carol"}), kExitOk);
  EXPECT_EQ(daemon_.alerts.acknowledge_request.actor(), "carol");
}

TEST_F(DaemonCommandsTest, ResolveSendsTheNote) {
  EXPECT_EQ(Run({"alerts", "resolve", "4f1c09aa", "--note", "load test"}),
            kExitOk);
  EXPECT_EQ(daemon_.alerts.resolve_request.note(), "load test");
  EXPECT_EQ(out_, "4f1c09aa is resolved: Restricted Key Probed, Then Used\n");
}

TEST_F(DaemonCommandsTest, RaiseMakesARequestIdOfItsOwn) {
  EXPECT_EQ(Run({"alerts", "raise", "key on a laptop", "--key", "mk_A",
                 "--level", "low", "--notify", "oncall"}),
            kExitOk)
      << err_;
  const v1::RaiseAlertRequest& request = daemon_.alerts.raise_request;
  EXPECT_EQ(request.title(), "key on a laptop");
  EXPECT_EQ(request.level(), v1::LEVEL_LOW);
  EXPECT_EQ(request.key_id(), "mk_A");
  EXPECT_EQ(request.notify(0), "oncall");
  EXPECT_THAT(request.request_id(), SizeIs(32));
  const std::string first = request.request_id();
  EXPECT_EQ(Run({"alerts", "raise", "again"}), kExitOk);
  EXPECT_NE(daemon_.alerts.raise_request.request_id(), first);
  EXPECT_EQ(Run({"alerts", "raise", "again", "--request-id", "x"}), kExitOk);
  EXPECT_EQ(daemon_.alerts.raise_request.request_id(), "x");
}

TEST_F(DaemonCommandsTest, WatchPrintsNewsOnly) {
  v1::WatchAlertsResponse message;
  message.set_sequence(7);
  daemon_.alerts.watch.push_back(message);
  FillAlert(message.mutable_alert());
  message.set_sequence(8);
  daemon_.alerts.watch.push_back(message);
  // Counted on: no news.
  message.mutable_alert()->set_count(500);
  message.set_sequence(9);
  daemon_.alerts.watch.push_back(message);
  message.mutable_alert()->set_state(v1::ALERT_STATE_RESOLVED);
  message.set_sequence(10);
  daemon_.alerts.watch.push_back(message);
  daemon_.ending =
      grpc::Status(grpc::StatusCode::UNAVAILABLE, "keywatchd is stopping");

  EXPECT_EQ(Run({"alerts", "watch", "--count", "2"}), kExitOk) << err_;
  ExpectGolden("alerts_watch.txt", out_);
  EXPECT_EQ(Run({"alerts", "watch", "--no-reconnect", "--updates"}),
            kExitUnreachable);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3);
  EXPECT_EQ(Run({"alerts", "watch", "--after", "5", "--count", "1", "--output",
                 "json", "--level", "high"}),
            kExitOk);
  EXPECT_EQ(daemon_.alerts.watch_request.after_sequence(), 5);
  EXPECT_EQ(daemon_.alerts.watch_request.filter().min_level(), v1::LEVEL_HIGH);
  EXPECT_THAT(out_, StartsWith("{\"sequence\": 8, \"alert\": {\"id\": "));
}

TEST_F(DaemonCommandsTest, KeysListIsATable) {
  EXPECT_EQ(Run({"keys", "list", "rk_"}), kExitOk) << err_;
  EXPECT_EQ(daemon_.keys.list_request.prefix(), "rk_");
  ExpectGolden("keys_list.txt", out_);
}

TEST_F(DaemonCommandsTest, KeyShowTellsWhatItDidAndWhatDependsOnIt) {
  EXPECT_EQ(Run({"keys", "show", "rk_identity_reader"}), kExitOk) << err_;
  EXPECT_EQ(daemon_.keys.get_request.id(), "rk_identity_reader");
  ExpectGolden("keys_show.txt", out_);
}

TEST_F(DaemonCommandsTest, RollStartShowsTheSteps) {
  EXPECT_EQ(Run({"roll", "start", "rk_identity_reader", "--reason", "leaked",
                 "--alert", "4f1c09aa"}),
            kExitOk)
      << err_;
  const v1::StartRollRequest& request = daemon_.rolls.start_request;
  EXPECT_EQ(request.key_id(), "rk_identity_reader");
  EXPECT_EQ(request.reason(), "leaked");
  EXPECT_EQ(request.actor(), "alice");
  // The first digits became the whole id.
  EXPECT_EQ(request.alert_id(), "4f1c09aa3be2d8710000000000000000");
  ExpectGolden("roll_start.txt", out_);
}

TEST_F(DaemonCommandsTest, RollConfirmTakesAnExpiryFromNow) {
  EXPECT_EQ(Run({"roll", "confirm", "roll_7d2c", "--new-key", "rk_new",
                 "--expires", "24h"}),
            kExitOk)
      << err_;
  const v1::ConfirmRollRequest& request = daemon_.rolls.confirm_request;
  EXPECT_EQ(request.id(), "roll_7d2c");
  EXPECT_EQ(request.new_key_id(), "rk_new");
  EXPECT_EQ(request.old_expires_time().seconds(), 1785765600 + 86400);
  EXPECT_EQ(Run({"roll", "confirm", "roll_7d2c", "--new-key", "rk_new"}),
            kExitOk);
  EXPECT_FALSE(daemon_.rolls.confirm_request.has_old_expires_time());
  EXPECT_EQ(Run({"roll", "confirm", "roll_7d2c", "--new-key", "rk_new",
                 "--expires", "soon"}),
            kExitUsage);
}

TEST_F(DaemonCommandsTest, RollListCloseAndCancelReachTheDaemon) {
  EXPECT_EQ(Run({"roll", "list"}), kExitOk) << err_;
  EXPECT_TRUE(daemon_.rolls.list_request.unfinished_only());
  ExpectGolden("roll_list.txt", out_);
  EXPECT_EQ(Run({"roll", "list", "--all"}), kExitOk);
  EXPECT_FALSE(daemon_.rolls.list_request.unfinished_only());
  EXPECT_EQ(Run({"roll", "close-follow-up", "roll_7d2c", "1"}), kExitOk);
  EXPECT_EQ(daemon_.rolls.close_request.follow_up_id(), 1);
  EXPECT_EQ(Run({"roll", "cancel", "roll_7d2c", "--reason", "wrong key"}),
            kExitOk);
  EXPECT_EQ(daemon_.rolls.cancel_request.reason(), "wrong key");
  EXPECT_EQ(Run({"roll", "status", "roll_7d2c"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("awaiting_operator"));
}

TEST_F(DaemonCommandsTest, RulesListShowsWhatTheyDid) {
  v1::Rule* rule = daemon_.rules.list.add_rules();
  rule->set_name("key_probing");
  rule->set_type("event_count");
  rule->set_level(v1::LEVEL_HIGH);
  rule->set_stage(v1::STAGE_NOTIFY);
  rule->set_alerts(true);
  rule->set_file("rules/probing.yml");
  rule->set_line(3);
  rule->set_matches(412);
  rule->set_alerts_opened(2);
  rule = daemon_.rules.list.add_rules();
  rule->set_name("denied");
  rule->set_type("detection");
  rule->set_file("rules/probing.yml");
  rule->set_line(1);
  daemon_.rules.list.set_hash("0011223344556677");
  EXPECT_EQ(Run({"rules", "list"}), kExitOk) << err_;
  ExpectGolden("rules_list.txt", out_);
}

TEST_F(DaemonCommandsTest, RefusedReloadShowsTheMistakesAndFails) {
  v1::Issue* issue = daemon_.rules.reload.add_issues();
  issue->set_text("a.yml:3:5: error: unknown key \"x\"");
  daemon_.rules.reload.set_rules(44);
  EXPECT_EQ(Run({"rules", "reload"}), kExitRefused);
  EXPECT_EQ(daemon_.rules.reload_request.actor(), "alice");
  EXPECT_THAT(err_, HasSubstr("a.yml:3:5: error: unknown key"));
  EXPECT_THAT(err_, HasSubstr("the rules before it stay in force (44 rules"));
  daemon_.rules.reload.Clear();
  daemon_.rules.reload.set_applied(true);
  EXPECT_EQ(Run({"rules", "reload"}), kExitOk);
}

TEST_F(DaemonCommandsTest, RejectsAreShownHarmlessly) {
  v1::SourceRejects* counts = daemon_.status.rejects.add_counts();
  counts->set_source_id("egress");
  v1::RejectCount* count = counts->add_rejects();
  count->set_reason("malformed");
  count->set_count(4);
  v1::Reject* reject = daemon_.status.rejects.add_rejects();
  reject->set_source_id("egress");
  reject->set_reason("malformed");
  reject->set_stream("requests.log");
  reject->set_offset(42);
  *reject->mutable_time() = Ago(absl::Minutes(3));
  reject->set_text("{\"a\": \x1b[31m");
  EXPECT_EQ(Run({"sources", "rejects"}), kExitOk) << err_;
  ExpectGolden("sources_rejects.txt", out_);
}

TEST_F(DaemonCommandsTest, GapsHaveALength) {
  v1::Gap* gap = daemon_.status.gaps.add_gaps();
  gap->set_source_id("egress");
  *gap->mutable_from_time() = Ago(absl::Minutes(90));
  *gap->mutable_to_time() = Ago(absl::Minutes(25));
  gap->set_reason("unreachable");
  EXPECT_EQ(Run({"sources", "gaps", "--since", "1d"}), kExitOk) << err_;
  EXPECT_EQ(daemon_.status.gaps_request.since_time().seconds(),
            1785765600 - 86400);
  ExpectGolden("sources_gaps.txt", out_);
}

TEST_F(DaemonCommandsTest, ATokenIsSentAndStaysOnThisMachineUnlessEncrypted) {
  const std::string path = testing::TempDir() + "/token";
  std::ofstream(path) << std::string(40, 't') << "\n";
  EXPECT_EQ(Run({"--token-file", path, "alerts", "show", "4f1c09aa"}), kExitOk)
      << err_;
  EXPECT_EQ(daemon_.alerts.authorization, "Bearer " + std::string(40, 't'));
  variables_["KEYWATCH_TOKEN_FILE"] = path;
  EXPECT_EQ(Run({"--address", "192.0.2.1:9140", "alerts", "list"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("unencrypted: give --ca"));
  EXPECT_EQ(Run({"--address", "192.0.2.1:9140", "alerts", "watch"}),
            kExitUsage);
  variables_["KEYWATCH_TOKEN_FILE"] = "/nowhere";
  EXPECT_EQ(Run({"alerts", "list"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("/nowhere cannot be read"));
  variables_.erase("KEYWATCH_TOKEN_FILE");
  EXPECT_EQ(Run({"--cert", path, "alerts", "list"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("--cert and --key go together"));
}

// A daemon of the default configuration was not found: it had another name for
// its socket.
TEST_F(DaemonCommandsTest, TheSocketOfTheDefaultConfigurationIsFound) {
  variables_.erase("KEYWATCH_ADDRESS");
  EXPECT_EQ(Run({"status"}), kExitUnreachable);
  EXPECT_THAT(err_, HasSubstr("unix:" + Config().grpc.unix_socket));
}

// In the record of a cron job stood "unknown".
TEST_F(DaemonCommandsTest, WithoutEnvironmentTheActorIsTheUser) {
  variables_.erase("USER");
  EXPECT_EQ(Run({"roll", "start", "rk_identity_reader", "--reason", "x"}),
            kExitOk);
  EXPECT_THAT(daemon_.rolls.start_request.actor(), Not(HasSubstr("unknown")));
  EXPECT_THAT(daemon_.rolls.start_request.actor(), Not(IsEmpty()));
}

// `keywatch alerts list > /dev/full` ended with 0.
TEST_F(DaemonCommandsTest, OutputThatCannotBeWrittenIsAFailure) {
  full_ = true;
  EXPECT_EQ(Run({"alerts", "list"}), kExitFailure);
  EXPECT_THAT(err_, HasSubstr("the output cannot be written"));
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"--version"},
                                             {"alerts", "list", "--help"},
                                             {"status"},
                                             {"keys", "list"},
                                             {"roll", "list"},
                                             {"rules", "list"},
                                             {"sources", "gaps"},
                                             {"completion", "bash"}}) {
    EXPECT_EQ(Run(arguments), kExitFailure) << absl::StrJoin(arguments, " ");
  }
}

// Everybody had to read the steps to see it.
TEST_F(DaemonCommandsTest, RollStartWarnsOfAKeyThatNobodyHasSeen) {
  daemon_.keys.get_ending = grpc::Status(grpc::StatusCode::NOT_FOUND, "no");
  EXPECT_EQ(Run({"roll", "start", "rk_mistyped", "--reason", "x"}), kExitOk);
  EXPECT_THAT(err_, HasSubstr("warning: no request of key rk_mistyped"));
}

TEST_F(DaemonCommandsTest, WithoutACommandTheHelpIsShown) {
  EXPECT_EQ(Run({}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("keywatch alerts list"));
}

TEST_F(DaemonCommandsTest, AMisspelledChoiceHasASuggestion) {
  EXPECT_EQ(Run({"--output", "jsn", "status"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean \"json\"?"));
}

TEST_F(DaemonCommandsTest, CoverageIsATimelineAndItsGaps) {
  v1::GetCoverageResponse& coverage = daemon_.status.coverage;
  *coverage.mutable_since_time() = Ago(absl::Hours(24));
  *coverage.mutable_until_time() = Ago(absl::ZeroDuration());
  auto add = [this](v1::SourceCoverage* source, absl::Duration from,
                    absl::Duration to, v1::CoverageKind kind, int64_t events) {
    v1::CoverageStretch* stretch = source->add_stretches();
    *stretch->mutable_from_time() = Ago(from);
    *stretch->mutable_to_time() = Ago(to);
    stretch->set_kind(kind);
    stretch->set_events(events);
    return stretch;
  };
  v1::SourceCoverage* shop = coverage.add_sources();
  shop->set_source_id("shop");
  const auto hours = [](double h) { return absl::Hours(1) * h; };
  add(shop, hours(20), hours(12), v1::COVERAGE_KIND_SEEN, 12345);
  add(shop, hours(12), hours(6), v1::COVERAGE_KIND_EMPTY, 0);
  v1::CoverageStretch* blind =
      add(shop, hours(6), hours(5.99), v1::COVERAGE_KIND_BLIND, 0);
  blind->set_reason("rotated away");
  blind->set_detail("/var/log/shop.log was truncated \x1b[31m");
  add(shop, hours(5.99), hours(2), v1::COVERAGE_KIND_SEEN, 7);
  add(shop, hours(2), hours(0), v1::COVERAGE_KIND_UNREAD, 0);
  v1::SourceCoverage* provider = coverage.add_sources();
  provider->set_source_id("provider");
  EXPECT_EQ(Run({"coverage"}), kExitOk) << err_;
  EXPECT_EQ(daemon_.status.coverage_request.since_time().seconds(),
            1785765600 - 86400);
  ExpectGolden("coverage.txt", out_);
}

TEST_F(DaemonCommandsTest, NoDaemonIsExplained) {
  daemon_.Stop();
  EXPECT_EQ(Run({"status"}), kExitUnreachable);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_,
              HasSubstr("keywatchd does not answer at " + daemon_.address()));
  EXPECT_THAT(err_, HasSubstr("systemctl status keywatchd"));
  EXPECT_THAT(err_, HasSubstr("--address"));
  EXPECT_EQ(Run({"alerts", "watch"}), kExitUnreachable);
  EXPECT_EQ(Run({"--address", "unix:/nowhere.sock", "status"}),
            kExitUnreachable);
  EXPECT_THAT(err_, HasSubstr("unix:/nowhere.sock"));
}

TEST_F(DaemonCommandsTest, RefusalsAndFailuresHaveTheirExitCodes) {
  using grpc::StatusCode;
  const std::vector<std::pair<StatusCode, int>> codes = {
      {StatusCode::NOT_FOUND, kExitRefused},
      {StatusCode::FAILED_PRECONDITION, kExitRefused},
      {StatusCode::INVALID_ARGUMENT, kExitRefused},
      {StatusCode::ABORTED, kExitRefused},
      {StatusCode::ALREADY_EXISTS, kExitRefused},
      {StatusCode::UNAUTHENTICATED, kExitRefused},
      {StatusCode::PERMISSION_DENIED, kExitRefused},
      {StatusCode::DEADLINE_EXCEEDED, kExitUnreachable},
      {StatusCode::UNIMPLEMENTED, kExitUnreachable},
      {StatusCode::INTERNAL, kExitFailure},
      {StatusCode::RESOURCE_EXHAUSTED, kExitFailure}};
  for (const auto& [status, code] : codes) {
    daemon_.ending = grpc::Status(status, "the reason");
    EXPECT_EQ(Run({"status"}), code) << status;
    EXPECT_THAT(err_, StartsWith("error: "));
  }
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) { return keywatch::RunGoldenTests(argc, argv); }
