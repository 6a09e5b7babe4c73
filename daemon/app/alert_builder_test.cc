#include "daemon/app/alert_builder.h"

#include "daemon/rules/compiler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const RuleSet> Compile(const std::string& more) {
  CompileResult result = CompileRuleTexts(
      {{"r.yml", "title: T\nid: r-1\nname: r\nlevel: critical\n" + more +
                     "logsource: {product: stripe}\ndetection:\n"
                     "    s: {api.key.id: rk_a}\n    condition: s\n"}},
      CompileOptions());
  EXPECT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  return result.rules;
}

Detection Fired() {
  Detection detection;
  detection.id = AlertId("0123456789abcdef0123456789abcdef");
  detection.group = {{"api.key.id", "rk_a"}};
  detection.key = KeyId("rk_a");
  detection.first_fire_ms = 2;
  detection.first_event_ms = 1;
  detection.last_event_ms = 3;
  detection.count = 4;
  detection.explanation = "why";
  return detection;
}

TEST(AlertBuilder, CarriesRuleAndEpisode) {
  auto rules = Compile("playbook: look\n");
  const Alert alert = BuildAlert(*rules, Fired(), {"oncall"}).alert;
  EXPECT_EQ(alert.rule_id.str(), "r-1");
  EXPECT_EQ(alert.title, "T");
  EXPECT_EQ(alert.level, Level::kCritical);
  EXPECT_EQ(alert.playbook, "look");
  EXPECT_EQ(alert.key.str(), "rk_a");
  EXPECT_EQ(alert.count, 4);
  EXPECT_EQ(alert.ended_ms, 0);
  EXPECT_THAT(alert.notify, ElementsAre("oncall"));
}

// The mode was parsed and did nothing.
TEST(AlertBuilder, AProposedRollIsACommandThatCanBePasted) {
  auto rules = Compile("playbook: look\nresponse: {roll: {mode: propose}}\n");
  EXPECT_EQ(
      BuildAlert(*rules, Fired(), {}).alert.playbook,
      "look\n\nThe rule proposes to roll the key, the old one expiring at "
      "once:\n\n    keywatch roll start rk_a --alert "
      "0123456789abcdef0123456789abcdef --reason leaked\n");
  // The key is what an attacker wrote into a log.
  for (const char* hostile :
       {"", "a;reboot", "$(reboot)", "-x", "a b", "a\nb"}) {
    Detection detection = Fired();
    detection.key = KeyId(hostile);
    EXPECT_EQ(BuildAlert(*rules, detection, {}).alert.playbook, "look");
  }
}

TEST(AlertBuilder, AClosedEpisodeHasEnded) {
  auto rules = Compile("");
  Detection detection = Fired();
  detection.kind = Detection::Kind::kClose;
  EXPECT_EQ(BuildAlert(*rules, detection, {}).alert.ended_ms, 3);
}

TEST(AlertBuilder, TheRuleNamesItsOwnReceivers) {
  auto rules = Compile("response: {notify: [security]}\n");
  EXPECT_THAT(BuildAlert(*rules, Fired(), {"oncall"}).notify,
              ElementsAre("security"));
}

TEST(AlertBuilder, AnEmptyListMeansNobody) {
  auto rules = Compile("response: {notify: []}\n");
  EXPECT_THAT(BuildAlert(*rules, Fired(), {"oncall"}).notify, IsEmpty());
}

TEST(AlertBuilder, ShadowRulesTellNobody) {
  auto rules = Compile("stage: shadow\nresponse: {notify: [security]}\n");
  EXPECT_THAT(BuildAlert(*rules, Fired(), {"oncall"}).notify, IsEmpty());
}

TEST(AlertBuilder, FingerprintsKeepGroupsApart) {
  const RuleId rule("r");
  EXPECT_EQ(AlertFingerprint(rule, {{"a", "b"}}),
            AlertFingerprint(rule, {{"a", "b"}}));
  EXPECT_NE(AlertFingerprint(rule, {{"a", "bc"}}),
            AlertFingerprint(rule, {{"ab", "c"}}));
  EXPECT_NE(AlertFingerprint(rule, {{"a", "b"}, {"c", "d"}}),
            AlertFingerprint(rule, {{"a", "b"}}));
  EXPECT_EQ(AlertFingerprint(rule, {}).size(), 16u);
}

}  // namespace
}  // namespace keywatch
