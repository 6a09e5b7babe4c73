// Tables, times and JSON: how output is made.

#include <sstream>
#include <string>
#include <vector>

#include "daemon/cli/json_output.h"
#include "daemon/cli/table.h"
#include "daemon/cli/time_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/keywatch/v1/keywatch.pb.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1785765600);

std::string Print(const Table& table, size_t width, bool color = false) {
  std::ostringstream out;
  table.Print(out, Style(color), width);
  return out.str();
}

TEST(TableTest, AlignsColumnsAndLeavesNoTrailingBlanks) {
  Table table({{"NAME"}, {"COUNT", Table::Align::kRight}, {"NOTE"}});
  table.Add({std::string("a"), std::string("7"), std::string("")});
  table.Add({std::string("bcd"), std::string("1234567"), std::string("x")});
  EXPECT_EQ(Print(table, 0),
            "NAME    COUNT  NOTE\n"
            "a           7\n"
            "bcd   1234567  x\n");
}

// A key id of 8 KiB made every row of a pipe as long.
TEST(TableTest, AnEndlessCellDoesNotWidenTheOtherRows) {
  Table table({{"KEY"}, {"N"}});
  table.Add({std::string(5000, 'k'), std::string("1")});
  table.Add({std::string("short"), std::string("2")});
  std::ostringstream out;
  table.Print(out, Style(false), 0);
  EXPECT_THAT(out.str(),
              ::testing::HasSubstr(std::string(255, 'k') + "…  1\n"));
  EXPECT_THAT(out.str(), ::testing::HasSubstr("\nshort  2\n"));
}

TEST(TableTest, ColourDoesNotCountAsWidth) {
  Table table({{"A"}, {"B"}});
  table.Add({Table::Cell("x",
                         [](const std::string& text) {
                           return "\033[31m" + text + "\033[0m";
                         }),
             std::string("y")});
  EXPECT_EQ(Print(table, 0), "A  B\n\033[31mx\033[0m  y\n");
}

TEST(TableTest, FlexibleColumnsGiveWayToTheTerminal) {
  Table table({{"ID"},
               {"FIRST", Table::Align::kLeft, true},
               {"SECOND", Table::Align::kLeft, true}});
  table.Add(
      {std::string("12345678"), std::string(30, 'a'), std::string(50, 'b')});
  EXPECT_EQ(Print(table, 40),
            "ID        FIRST           SECOND\n"
            "12345678  aaaaaaaaaaaaa…  bbbbbbbbbbbbb…\n");
  // Never below what can be read, however narrow the terminal.
  EXPECT_THAT(Print(table, 5), HasSubstr("aaaaaaa…  bbbbbbb…"));
}

TEST(TableTest, DispensableColumnsGoBeforeAnythingIsCut) {
  Table table({{"NAME", Table::Align::kLeft, true},
               {"FIRST", Table::Align::kRight, false, 1},
               {"SECOND", Table::Align::kRight, false, 2},
               {"LAST", Table::Align::kRight}});
  table.Add({std::string("a name of twenty chr"), std::string("1"),
             std::string("2"), std::string("3")});
  EXPECT_EQ(Print(table, 41),
            "NAME                  FIRST  SECOND  LAST\n"
            "a name of twenty chr      1       2     3\n");
  EXPECT_EQ(Print(table, 40),
            "NAME                  FIRST  LAST\n"
            "a name of twenty chr      1     3\n");
  EXPECT_EQ(Print(table, 21),
            "NAME             LAST\n"
            "a name of twen…     3\n");
  EXPECT_EQ(Print(table, 0),
            "NAME                  FIRST  SECOND  LAST\n"
            "a name of twenty chr      1       2     3\n");
}

TEST(TimeTextTest, RelativeTimesHaveTwoUnits) {
  const auto ago = [](absl::Duration age) {
    return RelativeTime(kNow - age, kNow);
  };
  EXPECT_EQ(ago(absl::ZeroDuration()), "just now");
  EXPECT_EQ(ago(absl::Seconds(59)), "59s ago");
  EXPECT_EQ(ago(absl::Minutes(3)), "3m ago");
  EXPECT_EQ(ago(absl::Seconds(185)), "3m 5s ago");
  EXPECT_EQ(ago(absl::Hours(26)), "1d 2h ago");
  EXPECT_EQ(ago(absl::Hours(48) + absl::Minutes(5)), "2d ago");
  EXPECT_EQ(ago(-absl::Hours(2)), "in 2h");
  EXPECT_EQ(BothTimes(kNow, kNow + absl::Hours(1)),
            "2026-08-03T14:00:00.000Z (1h ago)");
}

TEST(TimeTextTest, TypedTimesAreDurationsOrDates) {
  EXPECT_EQ(*ParseTypedTime("2h", kNow, false), kNow - absl::Hours(2));
  EXPECT_EQ(*ParseTypedTime("2h", kNow, true), kNow + absl::Hours(2));
  EXPECT_EQ(*ParseTypedTime("now", kNow, true), kNow);
  EXPECT_EQ(*ParseTypedTime("2026-08-03T14:00:00Z", absl::UnixEpoch(), true),
            kNow);
  const auto bad = ParseTypedTime("tomorrow", kNow, true);
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(bad.status().message(), HasSubstr("15m, 26h or 7d"));
}

TEST(TimeTextTest, TimesBeforeTheEpochKeepTheirMilliseconds) {
  google::protobuf::Timestamp time;
  SetProto(absl::UnixEpoch() - absl::Milliseconds(250), &time);
  EXPECT_EQ(time.seconds(), -1);
  EXPECT_EQ(time.nanos(), 750'000'000);
  EXPECT_EQ(FromProto(time), absl::UnixEpoch() - absl::Milliseconds(250));
}

TEST(JsonOutputTest, NumbersAreNumbersAndEnumerationsAreWords) {
  v1::Alert alert;
  alert.set_count(9007199254740993);
  alert.set_level(v1::LEVEL_HIGH);
  alert.set_state(v1::ALERT_STATE_OPEN);
  alert.mutable_first_fire_time()->set_seconds(1785765600);
  alert.add_tags("a");
  const std::string json = ToJson(alert, /*pretty=*/false);
  EXPECT_THAT(json, HasSubstr("\"count\": 9007199254740993"));
  EXPECT_THAT(json, HasSubstr("\"level\": \"high\""));
  EXPECT_THAT(json, HasSubstr("\"state\": \"open\""));
  EXPECT_THAT(json, HasSubstr("\"stage\": \"unspecified\""));
  EXPECT_THAT(json,
              HasSubstr("\"first_fire_time\": \"2026-08-03T14:00:00.000Z\""));
  EXPECT_THAT(json, HasSubstr("\"tags\": [\"a\"]"));
  EXPECT_THAT(json, HasSubstr("\"evidence\": []"));
  EXPECT_THAT(json, HasSubstr("\"note\": \"\""));
  EXPECT_EQ(json.find("ended_time"), std::string::npos);
  EXPECT_EQ(json.find('\n'), std::string::npos);
}

TEST(JsonOutputTest, EnumWordsDropThePrefixOfTwoWordTypes) {
  v1::SourceStatus source;
  source.set_state(v1::SOURCE_STATE_FAILING);
  source.mutable_lag()->set_seconds(1);
  source.mutable_lag()->set_nanos(500'000'000);
  const std::string json = ToJson(source, /*pretty=*/false);
  EXPECT_THAT(json, HasSubstr("\"state\": \"failing\""));
  EXPECT_THAT(json, HasSubstr("\"lag\": 1.5"));
}

TEST(JsonOutputTest, HostileTextStaysOneString) {
  EXPECT_EQ(JsonString("a\"b\\c\n\x1b\x7f\xff"),
            "\"a\\\"b\\\\c\\n\\u001b\\u007f\xef\xbf\xbd\"");
}

TEST(JsonOutputTest, PrettyIsIndentedByTwo) {
  v1::ListRollsResponse message;
  EXPECT_EQ(ToJson(message, true), "{\n  \"rolls\": []\n}");
  v1::AuditEntry entry;
  entry.set_actor("alice");
  EXPECT_THAT(ToJson(entry, true),
              HasSubstr("{\n  \"actor\": \"alice\",\n  \"action\": \"\""));
}

}  // namespace
}  // namespace keywatch
