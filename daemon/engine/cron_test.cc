#include "daemon/engine/cron.h"

#include "daemon/core/time.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

EventTime At(const char* text) { return ParseTime(text).value(); }

std::string Next(const char* schedule, const char* zone, const char* after) {
  absl::StatusOr<CronSchedule> cron = CronSchedule::Parse(schedule, zone);
  if (!cron.ok()) return std::string(cron.status().message());
  return FormatTime(cron->Next(At(after)));
}

TEST(CronTest, FindsTheNextTime) {
  const char* after = "2026-01-05T10:30:00Z";  // a Monday
  EXPECT_EQ(Next("0 2 * * *", "", after), "2026-01-06T02:00:00.000Z");
  EXPECT_EQ(Next("30 10 * * *", "", after), "2026-01-06T10:30:00.000Z");
  EXPECT_EQ(Next("31 10 * * *", "", after), "2026-01-05T10:31:00.000Z");
  EXPECT_EQ(Next("*/20 * * * *", "", after), "2026-01-05T10:40:00.000Z");
  EXPECT_EQ(Next("5/30 * * * *", "", after), "2026-01-05T10:35:00.000Z");
  EXPECT_EQ(Next("0 6 * * 1-5", "", "2026-01-09T06:00:00Z"),
            "2026-01-12T06:00:00.000Z");
  EXPECT_EQ(Next("0 6 * * sun", "", after), "2026-01-11T06:00:00.000Z");
  EXPECT_EQ(Next("0 6 * * 7", "", after), "2026-01-11T06:00:00.000Z");
  EXPECT_EQ(Next("0 0 1,15 feb *", "", after), "2026-02-01T00:00:00.000Z");
  EXPECT_EQ(Next("0 0 29 2 *", "", after), "2028-02-29T00:00:00.000Z");
}

TEST(CronTest, RestrictedDayFieldsAreAlternatives) {
  EXPECT_EQ(Next("0 0 13 * 5", "", "2026-01-05T00:00:00Z"),
            "2026-01-09T00:00:00.000Z");
  EXPECT_EQ(Next("0 0 13 * 5", "", "2026-01-09T00:00:00Z"),
            "2026-01-13T00:00:00.000Z");
}

TEST(CronTest, FollowsDaylightSaving) {
  // 2026-03-29: 02:00 does not exist in Berlin, clocks go to 03:00.
  EXPECT_EQ(Next("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z"),
            "2026-03-29T01:00:00.000Z");
  EXPECT_EQ(Next("0 9 * * *", "Europe/Berlin", "2026-03-28T09:00:00Z"),
            "2026-03-29T07:00:00.000Z");
  // 2026-10-25: 02:30 comes twice; the first is in summer time.
  EXPECT_EQ(Next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"),
            "2026-10-25T00:30:00.000Z");
}

TEST(CronTest, RefusesWhatItCannotKeep) {
  for (const char* bad :
       {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
        "* * * 13 *", "* * * * 8", "a * * * *", "5-1 * * * *", "*/0 * * * *",
        "1,,2 * * * *", "1-2-3 * * * *", "0 0 30 2 *", "-1 * * * *"}) {
    EXPECT_FALSE(CronSchedule::Parse(bad, "").ok()) << bad;
  }
  EXPECT_FALSE(CronSchedule::Parse("* * * * *", "Mars/Olympus").ok());
}

}  // namespace
}  // namespace keywatch
