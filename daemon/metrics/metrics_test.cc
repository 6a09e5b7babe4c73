#include "daemon/metrics/metrics.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/core/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kStart = absl::FromUnixSeconds(1785765600);

// One of everything.
void Exercise(Metrics* metrics) {
  SourceMetrics* source = metrics->Source("egress");
  source->SetCounts({10, 9, 2, 1, 3});
  source->AddRejected("malformed", 1);
  source->AddError("UNAVAILABLE");
  source->SetCoverageGaps({{"down", 0, 0}, {"unreachable", 1, 90'000}});
  source->SetLag(absl::Seconds(3));
  source->SetWatermark(kStart);
  metrics->rules().SetRules({{"key_probing", Level::kHigh}});
  metrics->rules().SetTotals({{6, 1, 0, 4}});
  metrics->SetReorderBuffer(5, 2048, 1);
  metrics->SetSelfTest(true, kStart);
  metrics->CheckpointSucceeded(absl::Milliseconds(3), kStart);
  metrics->CheckpointFailed("RESOURCE_EXHAUSTED");
  metrics->SetAlerts({{0, 0, 0, 2, 0}});
  metrics->SetOutbox(1, 0, absl::Seconds(7));
  metrics->NotificationTried("oncall", NotificationOutcome::kSent);
  metrics->SetRolls({1});
  metrics->SetHistory(100, 3, 4096);
  metrics->LoadSucceeded(kStart);
  metrics->RpcFinished("keywatch.v1.AlertService", "ListAlerts", "OK",
                       absl::Milliseconds(1), false);
}

// Every metric as a reader of the documentation sees it: type, name, names of
// labels, help.
std::string Describe(const std::string& text) {
  struct Family {
    std::string help;
    std::string type;
    std::set<std::string> labels;
  };
  std::map<std::string, Family> families;
  std::string current;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (absl::StartsWith(line, "# HELP ")) {
      current = std::string(words[2]);
      families[current].help = std::string(words[3]);
    } else if (absl::StartsWith(line, "# TYPE ")) {
      families[current].type = std::string(words[3]);
    } else {
      const size_t open = line.find('{');
      if (open == absl::string_view::npos) continue;
      absl::string_view labels =
          line.substr(open + 1, line.rfind('}') - open - 1);
      for (absl::string_view label : absl::StrSplit(labels, ',')) {
        families[current].labels.insert(
            std::string(label.substr(0, label.find('='))));
      }
    }
  }
  std::string out;
  for (const auto& family : families) {
    absl::StrAppend(&out, family.second.type, " ", family.first, "{",
                    absl::StrJoin(family.second.labels, ","), "}\n    ",
                    family.second.help, "\n");
  }
  return out;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The value of the sample that begins with `series`, or "absent".
std::string Sample(const std::string& text, absl::string_view series) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, series) && absl::ConsumePrefix(&line, " ")) {
      return std::string(line);
    }
  }
  return "absent";
}

TEST(MetricsTest, NamesHelpAndLabelsAreTheDocumentedOnes) {
  Metrics metrics({"1.2.3", "abc"}, kStart);
  Exercise(&metrics);
  const std::string described = Describe(metrics.Serialize());
  const char* path = "daemon/metrics/testdata/metrics.golden";
  EXPECT_EQ(described, ReadFile(path)) << "actual:\n" << described;
}

TEST(MetricsTest, PromtoolFindsNothingToComplainAbout) {
  if (access("/usr/bin/promtool", X_OK) != 0) {
    GTEST_SKIP() << "promtool is not installed";
  }
  Metrics metrics({"1.2.3", "abc"}, kStart);
  Exercise(&metrics);
  const std::string path = absl::StrCat(::testing::TempDir(), "/scrape.prom");
  std::ofstream(path) << metrics.Serialize();
  EXPECT_EQ(
      std::system(
          absl::StrCat("/usr/bin/promtool check metrics < ", path).c_str()),
      0);
}

TEST(MetricsTest, TotalsBecomeCountersThatGoOnWhenTheTotalStartsAgain) {
  Metrics metrics({"", ""}, kStart);
  SourceMetrics* source = metrics.Source("egress");
  const char* series = "keywatch_records_total{source=\"egress\"}";
  source->SetCounts({10, 0, 0, 0});
  source->SetCounts({15, 0, 0, 0});
  EXPECT_EQ(Sample(metrics.Serialize(), series), "15");
  source->SetCounts({4, 0, 0, 0});
  EXPECT_EQ(Sample(metrics.Serialize(), series), "19");
}

TEST(MetricsTest, BlindTimeIsCountedByReasonFromZeroOn) {
  Metrics metrics({"1", ""}, kStart);
  SourceMetrics* source = metrics.Source("egress");
  source->SetCoverageGaps({{"cursor expired", 0, 0}, {"unreachable", 1, 2500}});
  source->SetCoverageGaps({{"cursor expired", 0, 0}, {"unreachable", 2, 4500}});
  // Another pipeline.
  source->SetCoverageGaps({{"cursor expired", 1, 500}, {"unreachable", 0, 0}});
  const std::string text = metrics.Serialize();
  const std::string seconds = "keywatch_coverage_gap_seconds_total";
  const std::string gaps = "keywatch_coverage_gaps_total";
  const std::string expired = "{reason=\"cursor expired\",source=\"egress\"}";
  const std::string unreachable = "{reason=\"unreachable\",source=\"egress\"}";
  EXPECT_EQ(Sample(text, seconds + unreachable), "4.5");
  EXPECT_EQ(Sample(text, gaps + unreachable), "2");
  EXPECT_EQ(Sample(text, seconds + expired), "0.5");
  EXPECT_EQ(Sample(text, gaps + expired), "1");
}

TEST(MetricsTest, WithoutASuccessTheSelfTestHasNoTime) {
  Metrics metrics({"1", ""}, kStart);
  metrics.SetSelfTest(true, absl::InfinitePast());
  EXPECT_EQ(Sample(metrics.Serialize(), "keywatch_selftest_enabled"), "1");
  EXPECT_EQ(Sample(metrics.Serialize(),
                   "keywatch_selftest_last_success_timestamp_seconds"),
            "absent");
}

TEST(MetricsTest, LagIsAbsentUntilItIsKnown) {
  Metrics metrics({"", ""}, kStart);
  SourceMetrics* source = metrics.Source("egress");
  EXPECT_THAT(metrics.Serialize(), Not(HasSubstr("keywatch_source_lag")));
  source->SetLag(absl::Milliseconds(1500));
  EXPECT_EQ(Sample(metrics.Serialize(),
                   "keywatch_source_lag_seconds{source=\"egress\"}"),
            "1.5");
}

TEST(MetricsTest, HostileLabelValuesLeaveTheScrapeReadable) {
  Metrics metrics({"", ""}, kStart);
  SourceMetrics* source = metrics.Source("a\xff\"\n\\");
  for (int i = 0; i < 1000; ++i) {
    source->AddRejected(absl::StrCat("\xc3\x28", i), 1);
  }
  source->AddError(std::string(10000, 'x'));
  const std::string text = metrics.Serialize();
  EXPECT_TRUE(IsValidUtf8(text));
  EXPECT_LT(text.size(), 40000);
  EXPECT_THAT(text, HasSubstr("reason=\"other\""));
}

TEST(MetricsTest, ReloadDropsTheSeriesOfRulesThatWentAndKeepsTheOthers) {
  Metrics metrics({"", ""}, kStart);
  metrics.rules().SetRules(
      {{"gone", Level::kLow}, {"stays", Level::kLow}, {"grows", Level::kLow}});
  metrics.rules().SetTotals({{1, 1, 0, 1}, {5, 2, 0, 1}, {7, 3, 0, 1}});
  metrics.rules().SetRules({{"stays", Level::kLow}, {"grows", Level::kHigh}});
  metrics.rules().SetTotals({{2, 0, 0, 9}, {1, 1, 0, 1}});
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, Not(HasSubstr("rule=\"gone\"")));
  EXPECT_EQ(Sample(text, "keywatch_rule_matches_total{rule=\"stays\"}"), "7");
  EXPECT_EQ(Sample(text, "keywatch_rule_groups{rule=\"stays\"}"), "9");
  EXPECT_THAT(text, Not(HasSubstr("{level=\"low\",rule=\"grows\"}")));
  EXPECT_EQ(
      Sample(text, "keywatch_rule_alerts_total{level=\"high\",rule=\"grows\"}"),
      "1");
}

TEST(MetricsTest, RulesOfOneNameShareTheirSeries) {
  Metrics metrics({"", ""}, kStart);
  metrics.rules().SetRules({{"twin", Level::kLow}, {"twin", Level::kLow}});
  metrics.rules().SetTotals({{1, 0, 0, 2}, {10, 0, 0, 3}});
  metrics.rules().SetTotals({{2, 0, 0, 2}, {10, 0, 0, 4}});
  const std::string text = metrics.Serialize();
  EXPECT_EQ(Sample(text, "keywatch_rule_matches_total{rule=\"twin\"}"), "12");
  EXPECT_EQ(Sample(text, "keywatch_rule_groups{rule=\"twin\"}"), "6");
}

TEST(MetricsTest, TotalsOfAnotherRuleSetAreIgnored) {
  Metrics metrics({"", ""}, kStart);
  metrics.rules().SetRules({{"one", Level::kLow}});
  metrics.rules().SetTotals({{1, 1, 1, 1}, {1, 1, 1, 1}});
  EXPECT_EQ(
      Sample(metrics.Serialize(), "keywatch_rule_matches_total{rule=\"one\"}"),
      "0");
}

TEST(MetricsTest, RefreshRunsBeforeEveryScrape) {
  Metrics metrics({"", ""}, kStart);
  int64_t pending = 0;
  metrics.set_refresh([&pending](Metrics* self) {
    self->SetOutbox(++pending, 0, absl::ZeroDuration());
  });
  EXPECT_EQ(Sample(metrics.Serialize(), "keywatch_outbox_pending"), "1");
  EXPECT_EQ(Sample(metrics.Serialize(), "keywatch_outbox_pending"), "2");
}

TEST(MetricsTest, FailedReloadKeepsTheTimeOfTheLastGoodOne) {
  Metrics metrics({"", ""}, kStart);
  metrics.LoadSucceeded(kStart);
  metrics.LoadFailed();
  const std::string text = metrics.Serialize();
  EXPECT_EQ(Sample(text, "keywatch_config_reload_success"), "0");
  EXPECT_EQ(
      Sample(text, "keywatch_config_last_reload_success_timestamp_seconds"),
      "1785765600");
}

TEST(MetricsTest, TellsOfTheProcessItself) {
  Metrics metrics({"", ""}, kStart);
  const std::string text = metrics.Serialize();
  EXPECT_NE(Sample(text, "process_resident_memory_bytes"), "absent");
  EXPECT_NE(Sample(text, "process_open_fds"), "absent");
  EXPECT_EQ(Sample(text, "process_start_time_seconds"), "1785765600");
}

}  // namespace
}  // namespace keywatch
