#include "daemon/respond/blast_radius.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr EventTime kNow = 1785765600000;  // 2026-08-03T14:00:00.000Z
constexpr EventTime kMinute = 60'000;
constexpr EventTime kDay = 24 * 60 * kMinute;

KeyProfile SampleProfile() {
  KeyProfile profile;
  profile.key = KeyId("mk_1Abc");
  profile.first_seen_ms = kNow - 30 * kDay;
  profile.last_seen_ms = kNow - 3 * kMinute - 17'000;
  profile.requests = 1201;
  profile.operations = {
      {"GET /v1/identity/verification_sessions/:id", 1200, kNow - 30 * kDay,
       kNow - 3 * kMinute - 17'000},
      {"POST /v1/webhook_endpoints", 1, kNow - 20 * kDay, kNow - 20 * kDay}};
  profile.networks = {
      {"AS16509 US", 1201, kNow - 30 * kDay, kNow - 3 * kMinute}};
  profile.user_agents = {
      {"old", 5, kNow - 30 * kDay, kNow - 20 * kDay},
      {"worker/1", 700, kNow - 30 * kDay, kNow - 3 * kMinute},
      {"worker/2", 496, kNow - 30 * kDay, kNow - 2 * kMinute}};
  profile.sensitive_fields = {
      {"verified_outputs.dob", 800, kNow - 30 * kDay, kNow - 3 * kMinute}};
  return profile;
}

TEST(BlastRadiusOfTest, PutsWhatIsInUseFirst) {
  const BlastRadius radius = BlastRadiusOf(SampleProfile(), kNow);
  EXPECT_EQ(radius.key, KeyId("mk_1Abc"));
  EXPECT_TRUE(radius.recent);
  EXPECT_FALSE(radius.incomplete);
  ASSERT_EQ(radius.clients.size(), 3u);
  EXPECT_EQ(radius.clients[0].what, "worker/2");
  EXPECT_EQ(radius.clients[1].what, "worker/1");
  EXPECT_EQ(radius.clients[2].what, "old");
  EXPECT_TRUE(radius.clients[1].recent);
  EXPECT_FALSE(radius.clients[2].recent);
}

TEST(BlastRadiusOfTest, SaysWhenTheProfileHadNoRoom) {
  KeyProfile profile = SampleProfile();
  profile.networks_overflow = 1;
  EXPECT_TRUE(BlastRadiusOf(profile, kNow).incomplete);
}

TEST(BlastRadiusTextTest, TellsWhatBreaks) {
  const std::vector<std::string> lines =
      BlastRadiusText(BlastRadiusOf(SampleProfile(), kNow), kNow, 2);
  EXPECT_EQ(
      lines,
      (std::vector<std::string>{
          "Key mk_1Abc: 1201 requests since 2026-07-04T14:00:00.000Z, the last "
          "one 3m ago; 2 operations, 1 network, 3 clients.",
          "It is in use: what is listed here breaks when it stops working, "
          "unless it has the new key by then.",
          "client: worker/2, 496 requests, last 2m ago",
          "client: worker/1, 700 requests, last 3m ago", "client: 1 more",
          "network: AS16509 US, 1201 requests, last 3m ago",
          "operation: GET /v1/identity/verification_sessions/:id, 1200 "
          "requests, last 3m ago",
          "operation: POST /v1/webhook_endpoints, 1 request, last 20d ago (not "
          "in use lately)",
          "sensitive field: verified_outputs.dob, 800 requests, last 3m ago"}));
  EXPECT_EQ(
      BlastRadiusText(BlastRadiusOf(SampleProfile(), kNow), kNow, 0).size(),
      2u);
}

TEST(BlastRadiusTextTest, KnowsAKeyThatNobodyUses) {
  KeyProfile profile;
  profile.key = KeyId("mk_1Abc");
  EXPECT_EQ(
      BlastRadiusText(BlastRadiusOf(profile, kNow), kNow, 9),
      std::vector<std::string>{"No request of key mk_1Abc has been seen."});
  profile = SampleProfile();
  profile.last_seen_ms = kNow - 8 * kDay;
  EXPECT_EQ(BlastRadiusText(BlastRadiusOf(profile, kNow), kNow, 0)[1],
            "It has not been used for a week or longer.");
}

TEST(FollowUpsFromTest, NamesWhatTheKeyLeftBehind) {
  KeyProfile profile = SampleProfile();
  profile.operations.push_back(
      {"POST /v1/webhook_endpoints/:id", 2, kNow - kDay, kNow});
  profile.operations.push_back(
      {"POST /v2/core/event_destinations", 1, kNow, kNow});
  profile.operations.push_back({"GET /v1/webhook_endpoints", 9, kNow, kNow});
  profile.operations.push_back(
      {"DELETE /v1/webhook_endpoints/:id", 9, kNow, kNow});
  profile.operations.push_back({"POST /v1/webhook_endpointsx", 9, kNow, kNow});
  const std::vector<std::string> follow_ups = FollowUpsFrom(profile);
  ASSERT_EQ(follow_ups.size(), 3u);
  EXPECT_EQ(follow_ups[0],
            "Review the webhook endpoints that were created with this key "
            "(POST /v1/webhook_endpoints, 1 time, first "
            "2026-07-14T14:00:00.000Z, last 2026-07-14T14:00:00.000Z): they "
            "stay active after the roll");
  EXPECT_TRUE(absl::StrContains(follow_ups[1], "changed with this key"));
  EXPECT_TRUE(absl::StrContains(follow_ups[2], "event destinations"));
}

}  // namespace
}  // namespace keywatch
