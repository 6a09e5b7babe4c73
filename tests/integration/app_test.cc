// The App in process: real files, real store, real servers on free ports, and
// a clock that the test moves.

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "daemon/app/app.h"
#include "daemon/app/loading.h"
#include "daemon/config/loader.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/time.h"
#include "daemon/history/history_reader.h"
#include "daemon/http/http_client.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRules[] = R"(
title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 403}
    condition: selection
---
title: Many denied requests
id: 00000000-0000-4000-8000-000000000001
name: many_denied
level: high
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: THRESHOLD}
)";

constexpr char kConfig[] = R"(
state_directory: DIR/state
grpc: {listen: '127.0.0.1:0', allow_unauthenticated: true}
http: {listen: '127.0.0.1:0'}
rules: {paths: [DIR/rules.yml]}
checkpoint: {interval: 100ms}
sources:
    - name: shop
      type: file
      paths: ['DIR/requests.log']
      format: keywatch
      allowed_lateness: 1s
      idle_timeout: 1h
)";

class AppTest : public ::testing::Test {
 protected:
  AppTest()
      // After all requests: no event time goes past the clock.
      : clock_(FromEventTime(*ParseTime("2026-08-17T12:01:00Z"))),
        log_(stderr, false, Log::Severity::kWarning, &clock_) {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/appXXXXXX");
    dir_ = mkdtemp(&pattern[0]);
    WriteRules(3);
  }

  ~AppTest() override {
    app_.reset();
    const std::string command = absl::StrCat("rm -rf ", dir_);
    if (system(command.c_str()) != 0) ADD_FAILURE() << command;
  }

  void WriteRules(int threshold) {
    std::ofstream(dir_ + "/rules.yml") << absl::StrReplaceAll(
        kRules, {{"THRESHOLD", absl::StrCat(threshold)}});
  }

  // Appends requests of `key`, a second apart.
  void Request(const std::string& key, int status, int count = 1) {
    std::ofstream log(dir_ + "/requests.log", std::ios::app);
    for (int i = 0; i < count; ++i) {
      ++seconds_;
      log << "{\"@timestamp\":\""
          << FormatTime(*ParseTime("2026-08-17T12:00:00Z") + seconds_ * 1000)
          << "\",\"event\":{\"id\":\"req_" << seconds_
          << "\"},\"api\":{\"key\":{\"id\":\"" << key
          << "\"}},\"http\":{\"response\":{\"status_code\":" << status
          << "}}}\n";
    }
  }

  void Start() {
    LoadedConfig config = LoadOrDie();
    App::Options options;
    options.version = "test";
    options.owner = "test";
    absl::StatusOr<std::unique_ptr<App>> app =
        App::Create(config.config, options, &clock_, &log_);
    ASSERT_TRUE(app.ok()) << app.status();
    app_ = *std::move(app);
    absl::Status started = app_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }

  LoadedConfig LoadOrDie() {
    const std::string path = dir_ + "/keywatchd.yaml";
    std::ofstream(path) << absl::StrReplaceAll(
                               kConfig,
                               {{"DIR", dir_},
                                {"rules.yml]", "rules.yml]" + rules_config_}})
                        << more_config_;
    LoadedConfig config =
        LoadConfig(path, DaemonConfigOptions(ConfigOptions::Files::kRequire));
    EXPECT_TRUE(config.ok()) << FormatIssues(config.issues);
    return config;
  }

  // Lets the daemon work, its clock moving on, until `done`.
  bool Until(const std::function<bool()>& done) {
    for (int i = 0; i < 2000; ++i) {
      if (done()) return true;
      clock_.Advance(absl::Milliseconds(50));
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }

  std::vector<Alert> Alerts() {
    AlertFilter filter;
    filter.ascending = true;
    absl::StatusOr<AlertPage> page = app_->store()->ListAlerts(filter);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->alerts : std::vector<Alert>();
  }

  // Events of the source that were committed.
  int64_t Events() {
    auto sources = app_->store()->ListSources();
    if (!sources.ok()) return -1;
    for (const SourceTotals& source : *sources) {
      if (source.source.str() == "shop") return source.events;
    }
    return 0;
  }

  HttpResponse Get(const std::string& path) {
    HttpRequest request;
    request.url = absl::StrCat("http://127.0.0.1:", app_->http_port(), path);
    absl::StatusOr<HttpResponse> response = NewCurlHttpClient()->Send(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : HttpResponse();
  }

  // Ids of the events in the request history.
  std::vector<std::string> History() {
    std::vector<std::string> ids;
    auto reader = HistoryReader::Open(dir_ + "/state/history");
    if (!reader.ok()) return ids;
    while (true) {
      auto page = reader->Next();
      if (!page.ok() || page->events.empty()) break;
      for (const HistoryEvent& event : page->events) ids.emplace_back(event.id);
    }
    EXPECT_TRUE(reader->problems().empty()) << reader->problems()[0];
    return ids;
  }

  FakeClock clock_;
  Log log_;
  std::string more_config_;   // whole lines
  std::string rules_config_;  // behind the paths
  std::string dir_;
  int seconds_ = 0;
  std::unique_ptr<App> app_;
};

TEST_F(AppTest, RaisesAnAlertFromAFollowedFile) {
  Request("rk_a", 200, 5);
  Start();
  ASSERT_TRUE(Until([&] { return Events() == 5; }));
  EXPECT_TRUE(Alerts().empty());
  Request("rk_a", 403, 4);
  Request("rk_b", 200, 5);
  ASSERT_TRUE(Until([&] { return Alerts().size() == 1; }));
  ASSERT_TRUE(Until([&] { return Alerts()[0].count == 4; }));
  const Alert alert = Alerts()[0];
  EXPECT_EQ(alert.rule_name, "many_denied");
  EXPECT_EQ(alert.key.str(), "rk_a");
  EXPECT_EQ(alert.level, Level::kHigh);
  EXPECT_EQ(FormatTime(alert.first_fire_ms), "2026-08-17T12:00:08.000Z");
  EXPECT_EQ(FormatTime(alert.first_event_ms), "2026-08-17T12:00:06.000Z");
}

TEST_F(AppTest, GoesOnAfterARestartWhereItStopped) {
  Request("rk_a", 403, 2);
  Start();
  ASSERT_TRUE(Until([&] { return Events() == 2; }));
  app_.reset();
  Request("rk_a", 403, 1);
  Request("rk_b", 200, 5);
  Start();
  ASSERT_TRUE(Until([&] { return Alerts().size() == 1; }));
  EXPECT_EQ(Alerts()[0].count, 3);
  ASSERT_TRUE(Until([&] { return Events() == 8; }));
}

TEST_F(AppTest, ReloadErrorLeavesPreviousRulesInForce) {
  Start();
  std::ofstream(dir_ + "/rules.yml") << "title: broken\ndetection: [\n";
  ReloadResult result = app_->Reload("test");
  EXPECT_FALSE(result.applied);
  EXPECT_TRUE(result.issues.has_errors());
  EXPECT_THAT(Get("/metrics").body,
              HasSubstr("keywatch_config_reload_success 0"));
  Request("rk_a", 403, 3);
  Request("rk_b", 200, 5);
  EXPECT_TRUE(Until([&] { return Alerts().size() == 1; }));
}

// A rule for a notifier of the file, which the process did not have, was taken,
// and its alerts went nowhere.
TEST_F(AppTest, ReloadChecksRulesAgainstTheNotifiersThatAreThere) {
  Start();
  std::ofstream(dir_ + "/keywatchd.yaml", std::ios::app)
      << "notifiers: [{name: fresh, type: webhook, url: "
         "'http://127.0.0.1:1/'}]\n";
  ReloadResult result = app_->Reload("test");
  EXPECT_TRUE(result.applied) << FormatIssues(result.issues);
  EXPECT_THAT(FormatIssues(result.issues),
              HasSubstr("\"notifiers\" has changed since the start"));
  std::ofstream(dir_ + "/rules.yml", std::ios::app)
      << "---\ntitle: Other\nname: other\nlogsource: {product: stripe}\n"
         "response: {notify: [fresh]}\n"
         "detection:\n    selection: {api.key.id: rk_other}\n"
         "    condition: selection\n";
  result = app_->Reload("test");
  EXPECT_FALSE(result.applied);
  EXPECT_THAT(FormatIssues(result.issues), HasSubstr("notifies \"fresh\""));
}

// Rules paged, nobody was there to be paged, and everything was well.
TEST_F(AppTest, RulesThatPageNobodyAreInTheStatusAndTheCheck) {
  std::ofstream(dir_ + "/rules.yml")
      << "title: Other\nname: other\nstage: page\n"
         "logsource: {product: stripe}\n"
         "detection:\n    selection: {api.key.id: rk_other}\n"
         "    condition: selection\n";
  Start();
  const Health health = app_->GetHealth();
  EXPECT_TRUE(health.ready);
  EXPECT_THAT(health.problems,
              ::testing::Contains(HasSubstr("nobody is told")));
  IssueList issues;
  CheckDeeply(LoadOrDie().config, 0, &issues);
  EXPECT_THAT(FormatIssues(issues), HasSubstr("1 rule pages, and nobody"));
}

TEST_F(AppTest, AStateDirectoryThatEverybodyMayWriteToIsRefused) {
  ASSERT_EQ(mkdir((dir_ + "/state").c_str(), 0777), 0);
  ASSERT_EQ(chmod((dir_ + "/state").c_str(), 0777), 0);
  auto app = App::Create(LoadOrDie().config, App::Options(), &clock_, &log_);
  EXPECT_THAT(std::string(app.status().message()), HasSubstr("chmod o-w"));
}

TEST_F(AppTest, ReloadKeepsStateOfRulesThatDidNotChange) {
  Request("rk_a", 403, 2);
  Start();
  ASSERT_TRUE(Until([&] { return Events() == 2; }));
  std::ofstream(dir_ + "/rules.yml", std::ios::app)
      << "---\ntitle: Other\nname: other\nlogsource: {product: stripe}\n"
         "detection:\n    selection: {api.key.id: rk_other}\n"
         "    condition: selection\n";
  ReloadResult result = app_->Reload("test");
  ASSERT_TRUE(result.applied) << FormatIssues(result.issues);
  EXPECT_EQ(app_->GetRules().count(), 3);
  Request("rk_a", 403, 1);
  Request("rk_b", 200, 5);
  ASSERT_TRUE(Until([&] { return Alerts().size() == 1; }));
  EXPECT_EQ(Alerts()[0].count, 3) << "two before the reload, one after";
}

TEST_F(AppTest, ReloadDropsStateOfARuleWhoseMeaningChanged) {
  Request("rk_a", 403, 2);
  // What still waits is judged by the new rules.
  Request("rk_b", 200, 5);
  Start();
  ASSERT_TRUE(Until([&] { return Events() == 7; }));
  WriteRules(2);
  ASSERT_TRUE(app_->Reload("test").applied);
  Request("rk_a", 403, 1);
  Request("rk_b", 200, 5);
  ASSERT_TRUE(Until([&] { return Events() == 13; }));
  EXPECT_TRUE(Alerts().empty());
  Request("rk_a", 403, 1);
  Request("rk_b", 200, 5);
  EXPECT_TRUE(Until([&] { return Alerts().size() == 1; }));
}

// Two rules over the same events; the threshold of the second one changes.
constexpr char kTwoRules[] = R"(---
title: Denied paths
name: denied_paths
id: 00000000-0000-4000-8000-000000000002
level: low
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: SECOND}
)";

TEST_F(AppTest, ReloadOfOneRuleKeepsTheWindowOfTheOther) {
  const auto write = [&](const std::string& second) {
    WriteRules(3);
    std::ofstream(dir_ + "/rules.yml", std::ios::app)
        << absl::StrReplaceAll(kTwoRules, {{"SECOND", second}});
  };
  write("100");
  Request("rk_a", 403, 2);
  // What still waits is judged by the new rules.
  Request("rk_b", 200, 5);
  Start();
  ASSERT_TRUE(Until([&] { return Events() == 7; }));
  write("2");
  ReloadResult result = app_->Reload("test");
  ASSERT_TRUE(result.applied) << FormatIssues(result.issues);
  Request("rk_a", 403, 1);
  Request("rk_b", 200, 5);
  ASSERT_TRUE(Until([&] { return Events() == 13; }));
  ASSERT_TRUE(Until([&] { return !Alerts().empty(); }));
  ASSERT_EQ(Alerts().size(), 1u) << "the changed rule begins anew";
  EXPECT_EQ(Alerts()[0].rule_name, "many_denied");
  EXPECT_EQ(Alerts()[0].count, 3) << "two before the reload, one after";
}

TEST_F(AppTest, ChangedFilesAreLoadedOnceTheyRest) {
  Start();
  EXPECT_FALSE(app_->ReloadIfChanged());
  WriteRules(1);
  int reloads = 0;
  ASSERT_TRUE(Until([&] {
    if (app_->ReloadIfChanged()) ++reloads;
    return reloads > 0;
  }));
  Request("rk_a", 403, 1);
  Request("rk_b", 200, 5);
  ASSERT_TRUE(Until([&] {
    if (app_->ReloadIfChanged()) ++reloads;
    return Alerts().size() == 1;
  }));
  EXPECT_EQ(reloads, 1) << "one change, one reload";
}

TEST_F(AppTest, ChangeWithMistakesIsToldEverywhereAndLeavesTheRules) {
  Start();
  std::ofstream(dir_ + "/rules.yml")
      << "title: broken\nname: broken\nlogsource: {product: stripe}\n"
         "detection:\n    selection: {a|startwith: x, b|endswth: y}\n"
         "    condition: selection\n";
  ASSERT_TRUE(Until([&] { return app_->ReloadIfChanged(); }));
  EXPECT_THAT(Get("/metrics").body,
              HasSubstr("keywatch_config_reload_success 0"));
  std::string problems;
  for (const std::string& problem : app_->GetHealth().problems) {
    absl::StrAppend(&problems, problem, "\n");
  }
  EXPECT_THAT(problems, HasSubstr("rules.yml:5:19: unknown modifier"));
  EXPECT_THAT(problems, HasSubstr("endswth"));
  EXPECT_TRUE(app_->GetHealth().ready);
  EXPECT_EQ(app_->GetRules().count(), 2);
  WriteRules(2);
  ASSERT_TRUE(Until([&] { return app_->ReloadIfChanged(); }));
  EXPECT_TRUE(app_->GetHealth().problems.empty());
}

TEST_F(AppTest, FilesAreNotWatchedWhenTheConfigurationSaysSo) {
  more_config_ = "history: {enabled: false}\n";
  rules_config_ = ", watch: false";
  Start();
  WriteRules(1);
  for (int i = 0; i < 50; ++i) {
    clock_.Advance(absl::Milliseconds(500));
    EXPECT_FALSE(app_->ReloadIfChanged());
  }
  EXPECT_NE(access((dir_ + "/state/history").c_str(), F_OK), 0);
}

TEST_F(AppTest, HistoryHoldsWhatWasCommittedOnceOverRestartsAndReloads) {
  Request("rk_a", 403, 2);
  Start();
  ASSERT_TRUE(Until([&] { return Events() == 2; }));
  app_.reset();
  Request("rk_a", 403, 1);
  Start();
  ASSERT_TRUE(Until([&] { return Events() == 3; }));
  WriteRules(2);
  ASSERT_TRUE(app_->Reload("test").applied);
  Request("rk_b", 200, 5);
  // What the watermark has passed is observed: all but the last two seconds.
  ASSERT_TRUE(Until([&] { return Events() == 8 && History().size() >= 6; }));
  app_.reset();
  const std::vector<std::string> ids = History();
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(ids[i], absl::StrCat("req_", i + 1));
  }
  EXPECT_GE(ids.size(), 6u);
}

TEST_F(AppTest, FullDiskOfTheHistoryCostsNoAlert) {
  more_config_ = "history: {keep_free: 1024000GiB}\n";
  Request("rk_a", 403, 3);
  Request("rk_b", 200, 5);
  Start();
  ASSERT_TRUE(Until([&] { return Alerts().size() == 1; }));
  EXPECT_TRUE(History().empty());
  EXPECT_THAT(
      Get("/metrics").body,
      testing::ContainsRegex("keywatch_history_dropped_events_total [1-9]"));
  auto gaps = app_->store()->ListGaps(SourceId("history"), kMinEventTime, 10);
  ASSERT_TRUE(gaps.ok());
  ASSERT_EQ(gaps->size(), 1u);
  EXPECT_EQ((*gaps)[0].reason, "not written");
  EXPECT_TRUE(app_->GetHealth().ready);
  EXPECT_THAT(app_->GetHealth().problems[0], HasSubstr("history"));
}

TEST_F(AppTest, RejectsAreCountedAndTheRestGoesOn) {
  {
    std::ofstream log(dir_ + "/requests.log");
    log << "{broken\n\"text\"\n";
  }
  Request("rk_a", 403, 3);
  Request("rk_b", 200, 5);
  Start();
  ASSERT_TRUE(Until([&] { return Alerts().size() == 1; }));
  auto counts = app_->store()->ListRejectCounts();
  ASSERT_TRUE(counts.ok());
  int64_t total = 0;
  for (const RejectCount& count : *counts) total += count.count;
  EXPECT_EQ(total, 2);
  EXPECT_THAT(Get("/metrics").body,
              HasSubstr("keywatch_records_rejected_total{"));
}

TEST_F(AppTest, AnswersOverGrpcAndHttp) {
  Request("rk_a", 403, 3);
  Request("rk_b", 200, 5);
  Start();
  ASSERT_TRUE(Until([&] { return Alerts().size() == 1; }));
  EXPECT_EQ(Get("/-/ready").status, 200);
  EXPECT_EQ(Get("/-/healthy").status, 200);
  EXPECT_THAT(Get("/metrics").body,
              HasSubstr("keywatch_alerts{level=\"high\",state=\"open\"} 1"));

  auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", app_->grpc_port()),
                          grpc::InsecureChannelCredentials());
  auto alerts = v1::AlertService::NewStub(channel);
  grpc::ClientContext list_context;
  v1::ListAlertsResponse list;
  ASSERT_TRUE(
      alerts->ListAlerts(&list_context, v1::ListAlertsRequest(), &list).ok());
  EXPECT_THAT(list.ShortDebugString(), HasSubstr("many_denied"));

  auto status = v1::StatusService::NewStub(channel);
  grpc::ClientContext status_context;
  v1::GetStatusResponse answer;
  ASSERT_TRUE(
      status->GetStatus(&status_context, v1::GetStatusRequest(), &answer).ok());
  EXPECT_THAT(answer.ShortDebugString(), HasSubstr("\"shop\""));
}

TEST_F(AppTest, SecondDaemonOnTheSameStateIsRefused) {
  Start();
  LoadedConfig config = LoadOrDie();
  App::Options options;
  absl::StatusOr<std::unique_ptr<App>> second =
      App::Create(config.config, options, &clock_, &log_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat(getpid())));
}

TEST_F(AppTest, UseOfAKeyAfterItsRollReachesTheRules) {
  std::ofstream(dir_ + "/rules.yml") << R"(
title: Key expired
name: key_expired
logsource: {product: keywatch, service: lifecycle}
detection:
    selection: {event.action: key_expired}
    condition: selection
---
title: Success
name: success
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 200}
    condition: selection
---
title: Used after its roll
name: used_after_roll
level: critical
correlation:
    type: temporal_ordered
    rules: [key_expired, success]
    group-by: [api.key.id]
    timespan: 90d
)";
  Start();
  auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", app_->grpc_port()),
                          grpc::InsecureChannelCredentials());
  auto rolls = v1::RollService::NewStub(channel);
  grpc::ClientContext start_context;
  v1::StartRollRequest start;
  start.set_key_id("rk_old");
  start.set_reason("leaked");
  start.set_actor("test");
  v1::StartRollResponse started;
  grpc::Status status = rolls->StartRoll(&start_context, start, &started);
  ASSERT_TRUE(status.ok()) << status.error_message();
  grpc::ClientContext confirm_context;
  v1::ConfirmRollRequest confirm;
  confirm.set_id(started.roll().id());
  confirm.set_new_key_id("rk_new");
  confirm.set_actor("test");
  v1::ConfirmRollResponse confirmed;
  status = rolls->ConfirmRoll(&confirm_context, confirm, &confirmed);
  ASSERT_TRUE(status.ok()) << status.error_message();

  // The requests come after the roll, by the clock of the App.
  seconds_ = static_cast<int>(
      absl::ToInt64Seconds(clock_.Now() -
                           FromEventTime(*ParseTime("2026-08-17T12:00:00Z"))) +
      100);
  clock_.Advance(absl::Seconds(200));
  Request("rk_old", 200, 1);
  Request("rk_b", 200, 5);
  ASSERT_TRUE(Until([&] {
    for (const Alert& alert : Alerts()) {
      if (alert.rule_name == "used_after_roll") return true;
    }
    return false;
  }));
  // What was done to the key (rolled, expired) is no request made with it.
  const absl::StatusOr<KeyProfile> profile =
      app_->store()->GetKey(KeyId("rk_old"));
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->requests, 1);
  for (const SeenValue& operation : profile->operations) {
    EXPECT_THAT(operation.value, Not(HasSubstr("key_")));
  }
}

}  // namespace
}  // namespace keywatch
