#include "daemon/config/declared_key.h"

#include "daemon/core/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

bool In(absl::string_view days, absl::string_view hours,
        absl::string_view timezone, absl::string_view time) {
  const absl::StatusOr<ActiveHours> active =
      ActiveHours::Parse(days, hours, timezone);
  EXPECT_TRUE(active.ok()) << active.status();
  return active.ok() && active->Contains(FromEventTime(*ParseTime(time)));
}

TEST(ActiveHours, AreThoseOfTheTimeZone) {
  // A Monday. 07:00 in Berlin is 05:00 in UTC in summer, 06:00 in winter.
  const char* kZone = "Europe/Berlin";
  EXPECT_TRUE(In("mon-fri", "07:00-20:00", kZone, "2026-08-03T05:00:00Z"));
  EXPECT_FALSE(In("mon-fri", "07:00-20:00", kZone, "2026-08-03T04:59:59Z"));
  EXPECT_FALSE(In("mon-fri", "07:00-20:00", kZone, "2026-01-05T05:59:59Z"));
  EXPECT_TRUE(In("mon-fri", "07:00-20:00", kZone, "2026-08-03T17:59:59Z"));
  EXPECT_FALSE(In("mon-fri", "07:00-20:00", kZone, "2026-08-03T18:00:00Z"));
  EXPECT_FALSE(In("mon-fri", "07:00-20:00", kZone, "2026-08-08T12:00:00Z"));
}

TEST(ActiveHours, OverMidnightBelongToTheDayThatTheyBeginOn) {
  EXPECT_TRUE(In("fri", "22:00-06:00", "", "2026-08-07T23:00:00Z"));
  EXPECT_TRUE(In("fri", "22:00-06:00", "", "2026-08-08T05:59:00Z"));
  EXPECT_FALSE(In("fri", "22:00-06:00", "", "2026-08-07T05:00:00Z"));
  EXPECT_FALSE(In("fri", "22:00-06:00", "", "2026-08-08T22:00:00Z"));
}

TEST(ActiveHours, WhatIsNotSaidIsAllOfIt) {
  EXPECT_TRUE(In("", "08:00-24:00", "", "2026-08-09T23:59:59Z"));
  EXPECT_FALSE(In("", "08:00-24:00", "", "2026-08-09T00:00:00Z"));
  EXPECT_TRUE(In("sat,sun", "", "", "2026-08-09T00:00:00Z"));
  EXPECT_FALSE(In("sat,sun", "", "", "2026-08-10T00:00:00Z"));
  // Over the week's end.
  EXPECT_TRUE(In("fri-mon", "", "", "2026-08-10T00:00:00Z"));
  EXPECT_FALSE(In("fri-mon", "", "", "2026-08-11T00:00:00Z"));
}

TEST(ActiveHours, MistakesAreExplained) {
  const auto why = [](absl::string_view days, absl::string_view hours,
                      absl::string_view zone) {
    return std::string(
        ActiveHours::Parse(days, hours, zone).status().message());
  };
  EXPECT_THAT(why("workdays", "", ""), HasSubstr("mon-fri"));
  EXPECT_THAT(why("mon-tue-wed", "", ""), HasSubstr("names no days"));
  for (const char* hours :
       {"7-20", "07:00", "07:60-08:00", "24:00-06:00", "08:00-08:00",
        "07:00-25:00", "+7:00-08:00", "07:00-20:00-21:00"}) {
    EXPECT_THAT(why("", hours, ""), HasSubstr("no hours of a day")) << hours;
  }
  EXPECT_THAT(why("", "", "Atlantis/Capital"), HasSubstr("Atlantis/Capital"));
}

TEST(DeclaredKey, NetworksHoldAddressesOfEitherFamily) {
  const std::vector<Network> networks = {*ParseNetwork("203.0.113.0/24"),
                                         *ParseNetwork("2001:db8::/32")};
  EXPECT_EQ(InNetworks(networks, "203.0.113.9"), true);
  EXPECT_EQ(InNetworks(networks, "::ffff:203.0.113.9"), true);
  EXPECT_EQ(InNetworks(networks, "203.0.114.9"), false);
  EXPECT_EQ(InNetworks(networks, "::ffff:203.0.114.9"), false);
  EXPECT_EQ(InNetworks(networks, "2001:db8::1"), true);
  EXPECT_EQ(InNetworks(networks, "2001:db9::1"), false);
  // What is no address is neither inside nor outside.
  for (const char* ip : {"", "-", "ec2.amazonaws.com", "203.0.113.0/24"}) {
    EXPECT_EQ(InNetworks(networks, ip), absl::nullopt) << ip;
  }
}

TEST(DeclaredKey, OperationsMatchAsAWholeWithWildcards) {
  const std::vector<std::string> patterns = {
      "GET /v1/identity/verification_sessions/:id", "* /v1/file_links*"};
  EXPECT_TRUE(
      MatchesOperation(patterns, "GET /v1/identity/verification_sessions/:id"));
  EXPECT_TRUE(MatchesOperation(patterns, "POST /v1/file_links/:id"));
  EXPECT_FALSE(
      MatchesOperation(patterns, "GET /v1/identity/verification_sessions"));
  EXPECT_FALSE(MatchesOperation(
      patterns, "GET /v1/identity/verification_sessions/:id/redact"));
  EXPECT_FALSE(MatchesOperation(patterns, "GET /v1/files"));
  // The ends of a pattern must not overlap in the text.
  EXPECT_FALSE(MatchesOperation({"ab*ba"}, "aba"));
  EXPECT_TRUE(MatchesOperation({"ab*ba"}, "abba"));
  EXPECT_FALSE(MatchesOperation({}, "GET /"));
}

}  // namespace
}  // namespace keywatch
