// What was not seen is known, and event time is not led astray: the App in
// process with real files, real HTTP, a real store, and a clock that the test
// moves.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "daemon/app/app.h"
#include "daemon/app/loading.h"
#include "daemon/config/loader.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/time.h"
#include "daemon/http/http_client.h"
#include "daemon/http/test_http_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kRules[] = R"(
title: Any request
name: any_request
logsource: {product: stripe, service: api}
detection:
    selection: {api.key.id|startswith: rk_}
    condition: selection
---
title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 403}
    condition: selection
---
title: Many denied
name: many_denied
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: 3}
---
title: Silent
name: silent
anomaly:
    type: absence
    rules: [any_request]
    group-by: [api.key.id]
    every: 5m
)";

constexpr char kConfig[] = R"(
state_directory: DIR/state
grpc: {listen: '127.0.0.1:0', allow_unauthenticated: true}
http: {listen: '127.0.0.1:0'}
rules: {paths: [DIR/rules.yml]}
checkpoint: {interval: 100ms}
self_test: {interval: 10s}
sources:
)";
constexpr char kFile[] = R"(
    - name: shop
      type: file
      paths: ['DIR/requests.log']
      format: keywatch
      allowed_lateness: 10s
      idle_timeout: 5s
)";
constexpr char kHttp[] = R"(
    - name: shop
      type: http
      url: URL
      format: keywatch
      paging: last_id
      order: oldest_first
      start: beginning
      id_path: event.id
      interval: 1s
      jitter: 0
      backoff_max: 2s
      allowed_lateness: 10s
      idle_timeout: 5s
      max_silence: 1m
)";

// A list of records over HTTP, oldest first, that can fail and forget.
class ListServer {
 public:
  ListServer()
      : server_([this](const TestHttpServer::Request& request) {
          return Answer(request.target);
        }) {}

  std::string url() const { return server_.url("/list"); }
  void Add(const std::string& id, const std::string& record) {
    absl::MutexLock lock(&mu_);
    records_.emplace_back(id, record);
  }
  void SetStatus(int status) {
    absl::MutexLock lock(&mu_);
    status_ = status;
  }
  void ForgetAll() {
    absl::MutexLock lock(&mu_);
    records_.clear();
  }

 private:
  TestHttpServer::Response Answer(const std::string& target) {
    absl::MutexLock lock(&mu_);
    TestHttpServer::Response response;
    response.status = status_;
    if (status_ != 200) return response;
    const std::string parameter = "starting_after=";
    const size_t at = target.find(parameter);
    size_t begin = 0;
    if (at != std::string::npos) {
      const std::string id = target.substr(at + parameter.size());
      while (begin < records_.size() && records_[begin].first != id) ++begin;
      if (begin++ == records_.size()) {
        response.status = 404;
        return response;
      }
    }
    std::string data;
    for (size_t i = begin; i < records_.size(); ++i) {
      absl::StrAppend(&data, data.empty() ? "" : ",", records_[i].second);
    }
    response.body = absl::StrCat("{\"data\":[", data, "],\"has_more\":false}");
    return response;
  }

  absl::Mutex mu_;
  std::vector<std::pair<std::string, std::string>> records_
      ABSL_GUARDED_BY(mu_);
  int status_ ABSL_GUARDED_BY(mu_) = 200;
  TestHttpServer server_;
};

class CoverageTest : public ::testing::Test {
 protected:
  CoverageTest()
      : clock_(FromEventTime(*ParseTime("2026-08-17T12:00:00Z"))),
        log_(stderr, false, Log::Severity::kError, &clock_) {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/coverXXXXXX");
    dir_ = mkdtemp(&pattern[0]);
    std::ofstream(dir_ + "/rules.yml") << kRules;
  }

  ~CoverageTest() override {
    app_.reset();
    const std::string command = absl::StrCat("rm -rf ", dir_);
    if (system(command.c_str()) != 0) ADD_FAILURE() << command;
  }

  std::string Record(const std::string& id, absl::Time time, int status) {
    return absl::StrCat("{\"@timestamp\":\"", FormatTime(ToEventTime(time)),
                        "\",\"event\":{\"id\":\"", id,
                        "\"},\"api\":{\"key\":{\"id\":\"rk_a\"}},"
                        "\"http\":{\"response\":{\"status_code\":",
                        status, "}}}");
  }
  // Appends a request to the log: `ahead` of the clock.
  void Write(absl::Duration ahead = absl::ZeroDuration(), int status = 200) {
    std::ofstream(dir_ + "/requests.log", std::ios::app)
        << Record(absl::StrCat("req_", ++requests_), clock_.Now() + ahead,
                  status)
        << "\n";
    ++written_;
  }
  void WriteAtOnce(const std::vector<absl::Duration>& ahead, int status) {
    std::string lines;
    for (absl::Duration by : ahead) {
      absl::StrAppend(
          &lines,
          Record(absl::StrCat("req_", ++requests_), clock_.Now() + by, status),
          "\n");
      ++written_;
    }
    std::ofstream(dir_ + "/requests.log", std::ios::app) << lines;
  }
  void Serve() {
    const std::string id = absl::StrCat("req_", ++requests_);
    server_.Add(id, Record(id, clock_.Now(), 200));
    ++written_;
  }

  void Start(const std::string& source) {
    const std::string path = dir_ + "/keywatchd.yaml";
    std::ofstream(path) << absl::StrReplaceAll(
        absl::StrCat(kConfig, source), {{"DIR", dir_}, {"URL", server_.url()}});
    LoadedConfig config =
        LoadConfig(path, DaemonConfigOptions(ConfigOptions::Files::kRequire));
    ASSERT_TRUE(config.ok()) << FormatIssues(config.issues);
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

  // Lets the daemon work without its clock moving much, until `done`.
  bool Until(const std::function<bool()>& done) {
    for (int i = 0; i < 4000; ++i) {
      if (done()) return true;
      clock_.Advance(absl::Milliseconds(10));
      absl::SleepFor(absl::Milliseconds(2));
    }
    return false;
  }
  // Moves the clock on by seconds, giving the daemon time for each.
  void Pass(absl::Duration duration) {
    for (absl::Duration t; t < duration; t += absl::Seconds(1)) {
      app_->Progressed();
      clock_.Advance(absl::Seconds(1));
      absl::SleepFor(absl::Milliseconds(4));
      for (int i = 0; i < 500 && !app_->Progressed(); ++i) {
        absl::SleepFor(absl::Milliseconds(1));
      }
    }
  }
  bool TookAll() {
    return Until([&] { return Source().events == written_; });
  }

  SourceTotals Source() {
    auto sources = app_->store()->ListSources();
    if (sources.ok()) {
      for (const SourceTotals& source : *sources) {
        if (source.source.str() == "shop") return source;
      }
    }
    return SourceTotals();
  }
  std::vector<Alert> Alerts(const std::string& rule) {
    AlertFilter filter;
    filter.ascending = true;
    absl::StatusOr<AlertPage> page = app_->store()->ListAlerts(filter);
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<Alert> alerts;
    for (const Alert& alert : page->alerts) {
      if (rule.empty() || alert.rule_name == rule) alerts.push_back(alert);
    }
    return alerts;
  }
  // "seen 12:00:00-12:05:00", ... of the source.
  std::vector<std::string> Timeline() {
    static const char* const kNames[] = {"seen", "empty", "blind", "unread"};
    const EventTime now = ToEventTime(clock_.Now());
    auto coverage = app_->GetCoverage(now - 24 * 3600 * 1000, now);
    EXPECT_TRUE(coverage.ok()) << coverage.status();
    std::vector<std::string> out;
    for (const CoverageStretch& stretch : (*coverage)[0].stretches) {
      out.push_back(absl::StrCat(
          kNames[static_cast<int>(stretch.kind)],
          stretch.reason.empty() ? "" : absl::StrCat(" ", stretch.reason), " ",
          FormatTime(stretch.from_ms), "-", FormatTime(stretch.to_ms)));
    }
    return out;
  }
  absl::Duration Blind(const std::string& reason) {
    const EventTime now = ToEventTime(clock_.Now());
    absl::Duration length;
    auto coverage = app_->GetCoverage(now - 24 * 3600 * 1000, now);
    EXPECT_TRUE(coverage.ok()) << coverage.status();
    for (const CoverageStretch& stretch : (*coverage)[0].stretches) {
      if (stretch.kind == CoverageStretch::Kind::kBlind &&
          stretch.reason == reason) {
        length += absl::Milliseconds(stretch.to_ms - stretch.from_ms);
      }
    }
    return length;
  }
  std::string Metrics() {
    HttpRequest request;
    request.url =
        absl::StrCat("http://127.0.0.1:", app_->http_port(), "/metrics");
    absl::StatusOr<HttpResponse> response = NewCurlHttpClient()->Send(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->body : "";
  }

  FakeClock clock_;
  Log log_;
  std::string dir_;
  ListServer server_;
  int requests_ = 0;
  int64_t written_ = 0;
  std::unique_ptr<App> app_;
};

TEST_F(CoverageTest, AnAbsenceIsReportedWhenTheSourceWasSeen) {
  Start(kFile);
  for (int minute = 0; minute < 6; ++minute) {
    Write();
    ASSERT_TRUE(TookAll());
    Pass(absl::Minutes(1));
  }
  Pass(absl::Minutes(6));
  EXPECT_TRUE(Until([&] { return Alerts("silent").size() == 1; }));
}

TEST_F(CoverageTest, AnAbsenceWaitsWhileTheSourceIsBlind) {
  Start(kHttp);
  for (int minute = 0; minute < 6; ++minute) {
    Serve();
    ASSERT_TRUE(TookAll());
    Pass(absl::Minutes(1));
  }
  server_.SetStatus(503);
  Pass(absl::Minutes(12));
  EXPECT_THAT(Alerts("silent"), IsEmpty())
      << "nobody knows whether the key was silent";
  EXPECT_GT(Blind("unreachable"), absl::Minutes(10));
  EXPECT_THAT(Metrics(),
              HasSubstr("keywatch_coverage_gaps_total{reason=\"unreachable\","
                        "source=\"shop\"} 1"));
  server_.SetStatus(200);
  Pass(absl::Minutes(3));
  EXPECT_THAT(Alerts("silent"), IsEmpty()) << "the wait begins anew";
  Pass(absl::Minutes(4));
  EXPECT_TRUE(Until([&] { return Alerts("silent").size() == 1; }));
}

TEST_F(CoverageTest, AnExpiredCursorIsABlindStretchUpToWhatIsLeft) {
  Start(kHttp);
  Serve();
  ASSERT_TRUE(TookAll());
  Pass(absl::Minutes(1));
  app_.reset();
  server_.ForgetAll();
  clock_.Advance(absl::Minutes(30));
  Serve();
  const EventTime left = ToEventTime(clock_.Now());
  clock_.Advance(absl::Minutes(10));
  Start(kHttp);
  ASSERT_TRUE(TookAll());
  Pass(absl::Minutes(1));
  EXPECT_GT(Blind("cursor expired"), absl::Minutes(29));
  EXPECT_LT(Blind("cursor expired"), absl::Minutes(32))
      << "from the oldest record that is left on nothing is lost";
  ASSERT_TRUE(Until([&] { return Alerts("silent").size() == 1; }));
  EXPECT_EQ(Alerts("silent")[0].first_fire_ms, left + 5 * 60 * 1000)
      << "not in the blind stretch";
}

TEST_F(CoverageTest, DowntimeOverWhichAFileLosesNothingIsNoGap) {
  Start(kFile);
  Write();
  ASSERT_TRUE(TookAll());
  Pass(absl::Minutes(1));
  app_.reset();
  clock_.Advance(absl::Minutes(20));
  Write();
  clock_.Advance(absl::Minutes(20));
  Start(kFile);
  ASSERT_TRUE(TookAll());
  Pass(absl::Minutes(2));
  ASSERT_TRUE(Until([&] {
    return !absl::StrContains(absl::StrJoin(Timeline(), "\n"), "unread");
  }));
  EXPECT_THAT(absl::StrJoin(Timeline(), "\n"), Not(HasSubstr("blind")));
}

TEST_F(CoverageTest, AFileThatIsGoneBeforeItWasReadIsABlindStretch) {
  Start(kFile);
  Write();
  ASSERT_TRUE(TookAll());
  Pass(absl::Minutes(1));
  app_.reset();
  Write();
  clock_.Advance(absl::Minutes(20));
  ASSERT_EQ(unlink((dir_ + "/requests.log").c_str()), 0);
  --written_;
  Write();
  Start(kFile);
  ASSERT_TRUE(TookAll());
  Pass(absl::Minutes(2));
  EXPECT_GT(Blind("rotated away"), absl::Minutes(19));
  EXPECT_LT(Blind("rotated away"), absl::Minutes(22));
}

TEST_F(CoverageTest, OneEventOfTheFarFutureMakesNoOtherLate) {
  Start(kFile);
  Write();
  ASSERT_TRUE(TookAll());
  Write(absl::Hours(24 * 365 * 73));
  ASSERT_TRUE(TookAll());
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(1));
    Write(absl::ZeroDuration(), 403);
  }
  EXPECT_TRUE(Until([&] { return Alerts("many_denied").size() == 1; }));
  ASSERT_TRUE(TookAll());
  EXPECT_EQ(Source().late, 0);
  EXPECT_LT(Source().newest_event_ms, ToEventTime(clock_.Now()));
  EXPECT_THAT(Metrics(),
              HasSubstr("keywatch_future_events_total{source=\"shop\"} 1"));
  // Nor is it taken for another event after a restart.
  app_.reset();
  Start(kFile);
  Pass(absl::Minutes(1));
  EXPECT_EQ(Source().events, written_);
}

TEST_F(CoverageTest, ALateEventWithinLatenessGivesTheAlertOfTheOrderedOne) {
  Start(kFile);
  Pass(absl::Seconds(30));
  // In one page: the clock of the test runs on between two.
  WriteAtOnce({absl::ZeroDuration(), absl::Seconds(-8), absl::Seconds(-4)},
              403);
  const EventTime last = ToEventTime(clock_.Now());
  // Read when the lateness is over, they would be late.
  ASSERT_TRUE(TookAll());
  Pass(absl::Seconds(30));
  ASSERT_TRUE(Until([&] { return Alerts("many_denied").size() == 1; }));
  const Alert alert = Alerts("many_denied")[0];
  EXPECT_EQ(alert.count, 3);
  EXPECT_EQ(alert.first_fire_ms, last);
  EXPECT_EQ(alert.first_event_ms, last - 8000);
  EXPECT_EQ(Source().late, 0);
}

TEST_F(CoverageTest, AFloodOfDuplicatesCountsOnce) {
  Start(kFile);
  const std::string again = Record("req_1", clock_.Now(), 403);
  Write(absl::ZeroDuration(), 403);
  ASSERT_TRUE(TookAll());
  {
    std::ofstream log(dir_ + "/requests.log", std::ios::app);
    for (int i = 0; i < 20'000; ++i) log << again << "\n";
  }
  ASSERT_TRUE(Until([&] { return Source().duplicates == 20'000; }));
  Pass(absl::Seconds(20));
  EXPECT_EQ(Source().events, 1);
  EXPECT_THAT(Alerts("many_denied"), IsEmpty());
}

TEST_F(CoverageTest, ASourceWithoutEventsHasNoWatermarkToWorryAbout) {
  std::ofstream(dir_ + "/requests.log").flush();
  Start(kFile);
  Pass(absl::Minutes(1));
  EXPECT_THAT(
      Metrics(),
      Not(HasSubstr(
          "keywatch_source_watermark_timestamp_seconds{source=\"shop\"")));
  Write();
  ASSERT_TRUE(TookAll());
  EXPECT_THAT(
      Metrics(),
      HasSubstr("keywatch_source_watermark_timestamp_seconds{source=\"shop\""));
}

TEST_F(CoverageTest, TheSelfTestComesThroughAndIsNoAlert) {
  std::ofstream(dir_ + "/requests.log").flush();
  Start(kFile);
  const std::string metric =
      "\nkeywatch_selftest_last_success_timestamp_seconds ";
  ASSERT_TRUE(Until([&] {
    Pass(absl::Seconds(1));
    return absl::StrContains(Metrics(), metric);
  }));
  Pass(absl::Minutes(2));
  const DaemonStatus status = app_->GetStatus();
  EXPECT_TRUE(status.self_test_enabled);
  EXPECT_GT(status.self_test_success_ms,
            ToEventTime(clock_.Now() - absl::Minutes(1)));
  EXPECT_THAT(status.health.problems, IsEmpty());
  EXPECT_THAT(Alerts(""), IsEmpty());
  EXPECT_THAT(Metrics(), Not(HasSubstr("keywatch_self_test")));
  EXPECT_EQ(app_->GetRules().count(), 4);
}

}  // namespace
}  // namespace keywatch
