// The live data path over a store that fails when the test says so.

#include "daemon/app/engine_runner.h"

#include <stdio.h>
#include <stdlib.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/time.h"
#include "daemon/rules/compiler.h"
#include "daemon/store/failing_store.h"
#include "daemon/store/sqlite_store.h"
#include "gtest/gtest.h"
#include "tests/integration/memory_source.h"

namespace keywatch {
namespace {

constexpr char kRules[] = R"(
title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 403}
    condition: selection
---
title: Many denied requests
name: many_denied
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: 3}
)";

class EngineRunnerTest : public ::testing::Test {
 protected:
  EngineRunnerTest()
      : clock_(FromEventTime(*ParseTime("2026-08-17T12:00:00Z"))),
        log_(stderr, false, Log::Severity::kError, &clock_),
        redactor_(Secret("pepper")) {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/runnerXXXXXX");
    dir_ = mkdtemp(&pattern[0]);
    SqliteStoreOptions options;
    options.directory = dir_;
    auto store = SqliteStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = std::make_unique<FailingStore>(*std::move(store));
    rules_ = CompileRuleTexts({{"rules.yml", kRules}}, CompileOptions()).rules;
    EXPECT_NE(rules_, nullptr);
    streams_.streams.resize(1);
  }

  ~EngineRunnerTest() override {
    runner_.reset();
    store_.reset();
    const std::string command = absl::StrCat("rm -rf ", dir_);
    if (system(command.c_str()) != 0) ADD_FAILURE() << command;
  }

  // Requests a second apart, in the stream before the runner starts.
  void Request(const std::string& key, int status, int count) {
    for (int i = 0; i < count; ++i) {
      ++seconds_;
      streams_.streams[0].push_back(absl::StrCat(
          "{\"@timestamp\":\"",
          FormatTime(*ParseTime("2026-08-17T12:00:00Z") + seconds_ * 1000),
          "\",\"event\":{\"id\":\"req_", seconds_,
          "\"},\"api\":{\"key\":{\"id\":\"", key,
          "\"}},\"http\":{\"response\":{\"status_code\":", status, "}}}"));
    }
  }

  // Each commit takes `commit_takes` of the test's clock.
  absl::Status Start(size_t page_lines = 2,
                     absl::Duration interval = absl::Milliseconds(10),
                     absl::Duration commit_takes = absl::ZeroDuration()) {
    RunnerSource source;
    source.spec.id = SourceId("shop");
    source.spec.allowed_lateness = absl::Seconds(1);
    source.format = Format::Shipped("keywatch");
    source.spec.rereadable = rereadable_;
    source.open = [this, page_lines]() -> std::unique_ptr<LogSource> {
      return std::make_unique<MemorySource>(&streams_, page_lines, rereadable_);
    };
    source.wants_commit = wants_commit_;
    source.idle_timeout = absl::InfiniteDuration();
    source.max_silence = absl::InfiniteDuration();
    EngineRunner::Options options;
    options.owner = "test";
    options.checkpoint_interval = interval;
    options.before_commit = [this, commit_takes] {
      clock_.Advance(commit_takes);
      return absl::OkStatus();
    };
    std::vector<RunnerSource> sources;
    if (quiet_beside_) {
      sources.push_back(source);
      sources[0].spec.id = SourceId("quiet");
      sources[0].open = [this]() -> std::unique_ptr<LogSource> {
        return std::make_unique<MemorySource>(&nothing_, 1, true);
      };
    }
    sources.push_back(std::move(source));
    auto runner =
        EngineRunner::Start(rules_, std::move(sources), std::move(options),
                            store_.get(), &clock_, &redactor_, &log_);
    if (!runner.ok()) return runner.status();
    runner_ = *std::move(runner);
    return absl::OkStatus();
  }

  bool Until(const std::function<bool()>& done) {
    for (int i = 0; i < 2000; ++i) {
      if (done()) return true;
      clock_.Advance(absl::Milliseconds(50));
      absl::SleepFor(absl::Milliseconds(2));
    }
    return false;
  }

  std::vector<Alert> Alerts() {
    auto page = store_->store().ListAlerts(AlertFilter());
    return page.ok() ? page->alerts : std::vector<Alert>();
  }

  int64_t Events() {
    auto sources = store_->store().ListSources();
    return sources.ok() && !sources->empty() ? (*sources)[0].events : 0;
  }

  FakeClock clock_;
  Log log_;
  Redactor redactor_;
  std::string dir_;
  std::unique_ptr<FailingStore> store_;
  std::shared_ptr<const RuleSet> rules_;
  MemoryStreams streams_;
  MemoryStreams nothing_;
  bool rereadable_ = true;
  bool quiet_beside_ = false;
  int seconds_ = 0;
  std::function<bool()> wants_commit_;
  std::unique_ptr<EngineRunner> runner_;
};

TEST_F(EngineRunnerTest, FullDiskLosesAndDoublesNothing) {
  Request("rk_a", 403, 5);
  Request("rk_b", 200, 5);
  store_->Fail("Checkpoint", 1, absl::ResourceExhaustedError("disk full"),
               FailingStore::When::kBefore, 1000);
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Until([&] { return store_->Calls("Checkpoint") > 3; }));
  EXPECT_FALSE(runner_->status().commit_error.empty());
  EXPECT_TRUE(Alerts().empty());
  store_->Heal();
  ASSERT_TRUE(Until([&] { return Events() == 10; }));
  EXPECT_TRUE(Until([&] { return runner_->status().commit_error.empty(); }));
  ASSERT_EQ(Alerts().size(), 1u);
  EXPECT_EQ(Alerts()[0].count, 5);
}

TEST_F(EngineRunnerTest, ReadingStopsWhileCommitsFail) {
  Request("rk_a", 403, 1000);
  store_->Fail("Checkpoint", 1, absl::ResourceExhaustedError("disk full"),
               FailingStore::When::kBefore, 1'000'000);
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Until([&] { return store_->Calls("Checkpoint") > 20; }));
  // Pages of two records: what was observed, one waiting to be taken, and the
  // one being read.
  EXPECT_LT(runner_->status().sources[0].totals.records, 100);
}

TEST_F(EngineRunnerTest, StopWhileCommitsFailEndsAndTheNextStartReadsAgain) {
  Request("rk_a", 403, 4);
  Request("rk_b", 200, 3);
  store_->Fail("Checkpoint", 1, absl::ResourceExhaustedError("disk full"),
               FailingStore::When::kBefore, 1'000'000);
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Until([&] { return store_->Calls("Checkpoint") > 1; }));
  runner_->Stop();
  EXPECT_TRUE(Alerts().empty());
  store_->Heal();
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Until([&] { return Events() == 7; }));
  ASSERT_EQ(Alerts().size(), 1u);
  EXPECT_EQ(Alerts()[0].count, 4);
}

TEST_F(EngineRunnerTest, AnotherOwnerFencesThisOneOff) {
  Request("rk_a", 200, 3);
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Until([&] { return Events() == 3; }));
  auto taken = store_->store().OpenPartition("local", "somebody else",
                                             [](const StateRow&) {});
  ASSERT_TRUE(taken.ok());
  runner_->Stop();
  EXPECT_TRUE(runner_->status().fenced || Events() == 3);
  EXPECT_EQ(Events(), 3);
}

// A backlog was read at the pace of one commit per page, because each page
// opened an alert.
TEST_F(EngineRunnerTest, CommitsTakeAShareOfTheTimeWhileASourceIsBehind) {
  for (int i = 0; i < 200; ++i) Request(absl::StrCat("rk_", i), 403, 3);
  ASSERT_TRUE(Start(3, absl::Seconds(1000), absl::Seconds(1)).ok());
  ASSERT_TRUE(Until([&] { return Events() == 600; }));
  const int commits = store_->Calls("Checkpoint");
  EXPECT_LT(commits, 100);
  AlertFilter all;
  all.limit = 500;
  EXPECT_EQ(store_->store().ListAlerts(all)->alerts.size(), 199u)
      << "all but the last, which waits for what may come before it";
}

// An acknowledgement took as long as the checkpoint interval.
TEST_F(EngineRunnerTest, ACommitComesAtOnceWhenSomebodyWaitsForIt) {
  wants_commit_ = [] { return true; };
  Request("a", 200, 4);
  ASSERT_TRUE(Start(2, absl::Hours(1000)).ok());
  EXPECT_TRUE(Until([&] { return Events() == 4; }));
}

// Pushed records that waited over a restart, for another source, waited on until
// the next record came.
TEST_F(EngineRunnerTest, WhatWaitedAndIsNotReadAgainMovesEventTime) {
  rereadable_ = false;
  quiet_beside_ = true;
  nothing_.streams.resize(1);
  Request("rk_a", 403, 6);
  ASSERT_TRUE(Start(100).ok());
  ASSERT_TRUE(
      Until([&] { return runner_->status().sources[1].totals.records == 6; }));
  runner_->Stop();
  EXPECT_TRUE(Alerts().empty());
  quiet_beside_ = false;
  ASSERT_TRUE(Start(100).ok());
  EXPECT_TRUE(Until([&] { return Alerts().size() == 1; }));
}

TEST_F(EngineRunnerTest, StopCommitsWhatWasRead) {
  Request("rk_a", 403, 3);
  ASSERT_TRUE(Start(100).ok());
  ASSERT_TRUE(
      Until([&] { return runner_->status().sources[0].totals.records == 3; }));
  runner_->Stop();
  EXPECT_EQ(Events(), 3);
}

}  // namespace
}  // namespace keywatch
