#include "daemon/respond/roll_guide.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr EventTime kNow = 1785765600000;  // 2026-08-03T14:00:00.000Z

Roll SampleRoll(RollState state) {
  Roll roll;
  roll.id = RollId("roll_1");
  roll.old_key = KeyId("mk_old");
  roll.new_key = KeyId("mk_new");
  roll.state = state;
  roll.old_expires_ms = kNow + 26 * 3'600'000;
  roll.dashboard_url = "https://dashboard.example.org/keys";
  roll.follow_ups = {{1, "Review the webhooks", false, "", 0},
                     {2, "Done already", true, "ada", kNow}};
  return roll;
}

std::string Text(const RollerConfig& config, RollState state) {
  return absl::StrJoin(RollInstructions(config, SampleRoll(state), kNow), "\n");
}

TEST(RollInstructionsTest, TellTheOperatorExactlyWhatToDoAtStripe) {
  EXPECT_EQ(
      Text(RollerConfig(), RollState::kAwaitingOperator),
      "Open https://dashboard.example.org/keys.\n"
      "Find key mk_old, open its menu (...) and choose \"Rotate key\" (older "
      "Dashboards say \"Roll key\").\n"
      "Under \"Expiration\" choose \"Now\" if anybody else may have the key: "
      "it stops working at once. Choose a time, 7d away at most, only if the "
      "key is safe and its users need the overlap.\n"
      "Stripe asks for a verification code, sent by e-mail or text message.\n"
      "Put the new secret into your secret store at once: it is shown only "
      "this time. Never type it here. The new key has an id of its own: note "
      "that.\n"
      "Give the new key to everything that used the old one (shown by "
      "\"keywatch keys show\").\n"
      "Then confirm roll roll_1 with the id of the new key and the time at "
      "which the old one stops working: \"keywatch roll confirm roll_1 "
      "--new-key NEW_KEY_ID --expires now\" (or 24h, or a time).");
}

TEST(RollInstructionsTest, AreGeneralForOtherProviders) {
  RollerConfig config;
  config.providers.resize(1);
  config.providers[0].name = "aws";
  config.providers[0].max_overlap = absl::Hours(48);
  const std::string text = Text(config, RollState::kAwaitingOperator);
  EXPECT_FALSE(absl::StrContains(text, "Stripe"));
  EXPECT_TRUE(absl::StrContains(text, "within 2d"));
  EXPECT_TRUE(absl::StrContains(text, "confirm roll roll_1"));
}

TEST(RollInstructionsTest, SayWhatTheRollWaitsFor) {
  const std::string expiry = Text(RollerConfig(), RollState::kAwaitingExpiry);
  EXPECT_TRUE(absl::StrContains(expiry, "(in 1d2h)")) << expiry;
  EXPECT_TRUE(absl::StrContains(expiry, "Follow-up 1: Review the webhooks."));
  EXPECT_FALSE(absl::StrContains(expiry, "Done already"));

  const std::string verifying = Text(RollerConfig(), RollState::kVerifying);
  EXPECT_TRUE(absl::StrContains(verifying, "mk_new has not been seen to work"));
  EXPECT_TRUE(absl::StrContains(verifying, "not at all for 1d"));

  Roll proved = SampleRoll(RollState::kVerifying);
  proved.new_key_first_success_ms = kNow;
  proved.old_key_refused_ms = kNow;
  const std::vector<std::string> lines =
      RollInstructions(RollerConfig(), proved, kNow);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(absl::StrContains(lines[0], "done"));
  EXPECT_TRUE(absl::StrContains(lines[1], "done"));
  EXPECT_TRUE(absl::StrContains(lines[2], "Follow-up 1"));
}

TEST(RollInstructionsTest, AFailedRollCallsForAction) {
  const std::string text = Text(RollerConfig(), RollState::kFailed);
  EXPECT_TRUE(absl::StrContains(text, "End it now at https://dashboard"));
  EXPECT_TRUE(absl::StrContains(text, "contact the provider's support"));
}

TEST(RollInstructionsTest, NothingIsLeftWhenItIsOver) {
  EXPECT_EQ(Text(RollerConfig(), RollState::kCompleted), "");
  EXPECT_EQ(Text(RollerConfig(), RollState::kCancelled), "");
}

TEST(ProviderOfTest, TheFirstFittingOneElseStripe) {
  RollerConfig config;
  config.providers.resize(2);
  config.providers[0].name = "aws";
  config.providers[0].key_prefixes = {"AKIA", "ASIA"};
  config.providers[1].name = "internal";
  config.providers[1].key_prefixes = {"int_"};
  EXPECT_EQ(ProviderOf(config, "ASIA123").name, "aws");
  EXPECT_EQ(ProviderOf(config, "int_1").name, "internal");
  EXPECT_EQ(ProviderOf(config, "mk_1").name, "stripe");
  EXPECT_EQ(ProviderOf(config, "mk_1").dashboard_url,
            "https://dashboard.stripe.com/apikeys");
}

}  // namespace
}  // namespace keywatch
