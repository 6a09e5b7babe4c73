// Commands that look at the past.

#include <stdlib.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "daemon/cli/cli_fixture.h"
#include "daemon/history/history_writer.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr char kRules[] = R"(title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 403}
    condition: selection
---
title: Many Denied
id: 00000000-0000-4000-8000-000000000002
name: many_denied
level: LEVEL
stage: page
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: THRESHOLD}
)";

constexpr EventTime kStart = 1785160800000;  // 2026-07-27T14:00:00Z
constexpr EventTime kMinute = 60'000;

class HistoryCommandsTest : public CliTest {
 protected:
  HistoryCommandsTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/pastXXXXXX");
    directory_ = mkdtemp(&pattern[0]);
    WriteHistory();
    WriteLog();
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(directory_, "/", name);
    std::ofstream(path) << text;
    return path;
  }
  std::string Rules(const std::string& name, int threshold,
                    const std::string& level = "high") {
    return Write(name, absl::StrReplaceAll(
                           kRules, {{"THRESHOLD", absl::StrCat(threshold)},
                                    {"LEVEL", level}}));
  }

  // A week: mk_A is denied five times on the second day, mk_B three times on
  // the fourth, and a request of mk_A succeeds every day.
  struct Request {
    EventTime time_ms;
    std::string key;
    int status;
  };
  static std::vector<Request> Week() {
    std::vector<Request> week;
    for (int day = 0; day < 8; ++day) {
      const EventTime begin = kStart + day * 24 * 60 * kMinute;
      week.push_back({begin, "mk_A", 200});
      for (int i = 1; i <= (day == 1 ? 5 : 0); ++i) {
        week.push_back({begin + i * kMinute, "mk_A", 403});
      }
      for (int i = 1; i <= (day == 3 ? 3 : 0); ++i) {
        week.push_back({begin + i * kMinute, "mk_B", 403});
      }
    }
    return week;
  }

  void WriteLog() {
    std::string text;
    int id = 0;
    for (const Request& request : Week()) {
      absl::StrAppend(
          &text, "{\"@timestamp\": \"", FormatTime(request.time_ms),
          "\", \"event.id\": \"e", ++id, "\", \"api.key.id\": \"", request.key,
          "\", \"http.response.status_code\": ", request.status, "}\n");
    }
    log_ = Write("week.jsonl", text);
  }

  void WriteHistory() {
    HistoryWriterOptions options;
    options.directory = history_ = directory_ + "/history";
    options.keep_free_bytes = 0;
    auto writer = HistoryWriter::Open(options);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Recover(absl::nullopt, [](const auto&) {}).ok());
    HistorySchema schema;
    schema.fields = {"api.key.id", "http.response.status_code", "api.operation",
                     "source.ip"};
    schema.sources = {{"shop", "stripe", "", "api"}};
    (*writer)->SetSchema(schema, {0, 1, 2, 3});
    EventBatch batch;
    int id = 0;
    for (const Request& request : Week()) {
      Event* event = batch.Add();
      Value* values = batch.NewValues(4);
      values[0] = Value::String(batch.CopyText(request.key));
      values[1] = Value::Int(request.status);
      values[2] = Value::String("GET /v1/charges");
      values[3] = Value::String("192.0.2.7");
      event->slots = values;
      event->slot_count = 4;
      event->time_ms = request.time_ms;
      event->id = batch.CopyText(absl::StrCat("e", ++id));
      (*writer)->Add(*event);
    }
    ASSERT_TRUE((*writer)->Flush().ok());
  }

  std::string directory_;
  std::string log_;
  std::string history_;
};

TEST_F(HistoryCommandsTest, BacktestCountsAlertsADayAndPagesAWeek) {
  const std::string rules = Rules("rules.yml", 3);
  EXPECT_EQ(Run({"backtest", "--format", "keywatch", "--rules", rules, log_}),
            kExitOk)
      << err_;
  EXPECT_THAT(out_, StartsWith("16 events from 2026-07-27T14:00:00.000Z to "
                               "2026-08-03T14:00:00.000Z\n"
                               "2 alerts, 0.3 a day; 2 pages, 2.0 a week; 0 "
                               "notify, 0 in shadow\n"));
  EXPECT_THAT(out_, HasSubstr("many_denied"));
  EXPECT_THAT(out_, HasSubstr("2026-07-28      1 #"));
  EXPECT_THAT(out_, HasSubstr("2026-07-29      0 \n"));
}

TEST_F(HistoryCommandsTest, BacktestOverTheHistorySaysTheSame) {
  const std::string rules = Rules("rules.yml", 3);
  EXPECT_EQ(Run({"backtest", "--format", "keywatch", "--rules", rules,
                 "--output", "json", log_}),
            kExitOk);
  const Json over_log = Json::parse(out_);
  EXPECT_EQ(Run({"backtest", "--history", history_, "--rules", rules,
                 "--output", "json"}),
            kExitOk)
      << err_;
  const Json over_history = Json::parse(out_);
  for (const char* key : {"events", "alerts", "alerts_per_day",
                          "pages_per_week", "alerts_by_day", "rules"}) {
    EXPECT_EQ(over_log[key], over_history[key]) << key;
  }
  EXPECT_THAT(over_history["problems"], SizeIs(1))
      << "the rules' well-known fields that this history does not hold";
}

TEST_F(HistoryCommandsTest, BacktestComparesTwoVersions) {
  const std::string before = Rules("before.yml", 5);
  const std::string after = Rules("after.yml", 3, "critical");
  EXPECT_EQ(Run({"backtest", "--history", history_, "--rules", after,
                 "--against", before}),
            kExitOk)
      << err_;
  EXPECT_THAT(out_, HasSubstr("against the older rules (1 alerts): 1 gained, 0 "
                              "lost, 1 changed, 0 the same\n"));
  EXPECT_THAT(out_, HasSubstr("gained:\n  2026-07-30T14:03:00.000Z "
                              "many_denied mk_B: "));
  EXPECT_THAT(out_, HasSubstr("many_denied mk_A: level high -> critical, 2m "
                              "earlier\n"));
  EXPECT_EQ(Run({"backtest", "--history", history_, "--rules", before,
                 "--against", after, "--output", "json"}),
            kExitOk);
  const Json json = Json::parse(out_);
  EXPECT_THAT(json["difference"]["lost"], SizeIs(1));
  EXPECT_THAT(json["difference"]["gained"], IsEmpty());
  EXPECT_EQ(json["difference"]["changed"][0]["change"],
            "level critical -> high, 2m later");
}

TEST_F(HistoryCommandsTest, BacktestTakesAPartOfTheTime) {
  const std::string rules = Rules("rules.yml", 3);
  for (const std::vector<std::string>& input :
       {std::vector<std::string>{"--history", history_},
        std::vector<std::string>{"--format", "keywatch", log_}}) {
    std::vector<std::string> arguments = {
        "backtest", "--output", "json",    "--since", "2026-07-29T00:00:00Z",
        "--until",  "1d",       "--rules", rules};
    arguments.insert(arguments.end(), input.begin(), input.end());
    EXPECT_EQ(Run(arguments), kExitOk) << err_;
    const Json json = Json::parse(out_);
    EXPECT_EQ(json["alerts"], 1);
    EXPECT_EQ(json["events"], 7);
  }
}

TEST_F(HistoryCommandsTest, BacktestSaysWhatIsWrong) {
  const std::string rules = Rules("rules.yml", 3);
  EXPECT_EQ(
      Run({"backtest", "--history", directory_ + "/nothing", "--rules", rules}),
      kExitFailure);
  EXPECT_THAT(err_, HasSubstr("nothing"));
  EXPECT_EQ(Run({"backtest", "--history", history_, "--rules",
                 Write("bad.yml", "title: x\n")}),
            kExitRefused);
  EXPECT_EQ(Run({"backtest", "--rules", rules, "--against", rules, "--since",
                 "1d", "--", "-"}),
            kExitUsage);
  EXPECT_EQ(Run({"backtest", "--rules", rules, "--since", "soon"}), kExitUsage);
}

TEST_F(HistoryCommandsTest, RequestsShowsWhatAKeyDid) {
  EXPECT_EQ(Run({"requests", "--history", history_, "--key", "mk_B"}), kExitOk)
      << err_;
  const std::vector<std::string> lines =
      absl::StrSplit(out_, '\n', absl::SkipEmpty());
  ASSERT_THAT(lines, SizeIs(4)) << out_;
  EXPECT_THAT(lines[0], StartsWith("TIME"));
  EXPECT_THAT(lines[1], StartsWith("2026-07-30T14:01:00.000Z"));
  EXPECT_THAT(lines[1], HasSubstr("GET /v1/charges"));
  EXPECT_THAT(lines[1], HasSubstr("403"));
  EXPECT_THAT(lines[1], HasSubstr("192.0.2.7"));
}

TEST_F(HistoryCommandsTest, RequestsAreFilteredAndBounded) {
  const auto count = [&](std::vector<std::string> filter) {
    std::vector<std::string> arguments = {"requests", "--history", history_,
                                          "--output", "json"};
    arguments.insert(arguments.end(), filter.begin(), filter.end());
    EXPECT_EQ(Run(arguments), kExitOk) << err_;
    const std::vector<std::string> lines =
        absl::StrSplit(out_, '\n', absl::SkipEmpty());
    return lines.size();
  };
  EXPECT_EQ(count({}), 16u);
  EXPECT_EQ(count({"--outcome", "success"}), 8u);
  EXPECT_EQ(count({"--outcome", "failure", "--key", "mk_A"}), 5u);
  EXPECT_EQ(count({"--operation", "CHARGES", "--source", "shop"}), 16u);
  EXPECT_EQ(count({"--operation", "refunds"}), 0u);
  EXPECT_EQ(count({"--where", "http.response.status_code=403", "--where",
                   "api.key.id=mk_B"}),
            3u);
  EXPECT_EQ(count({"--since", "1d"}), 2u) << "from 2026-08-02T14:00:00Z on";
  EXPECT_EQ(count({"--until", "2026-07-28T00:00:00Z"}), 1u);
  EXPECT_EQ(count({"--limit", "2"}), 2u);
  EXPECT_THAT(out_, HasSubstr("\"event.id\":\"e16\""));
  EXPECT_EQ(count({"--limit", "0"}), 16u);
  EXPECT_EQ(Run({"requests", "--history", history_, "--limit", "2"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("the newest 2 of 16"));
  EXPECT_EQ(Run({"requests", "--history", history_, "--where", "x"}),
            kExitUsage);
  EXPECT_EQ(Run({"requests", "--history", directory_ + "/nothing"}),
            kExitFailure);
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) { return keywatch::RunGoldenTests(argc, argv); }
