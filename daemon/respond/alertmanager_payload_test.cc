#include "daemon/respond/alertmanager_payload.h"

#include <string>

#include "daemon/core/utf8.h"
#include "daemon/respond/sample_alert.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

TEST(LabelsOfTest, HoldOnlyWhatStaysTheSame) {
  const Alert alert = SampleAlert();
  const std::string labels = LabelsJson(LabelsOf(alert, {{"env", "prod"}}));
  EXPECT_EQ(labels, R"({"alertname":"permission_probing","env":"prod",)"
                    R"("fingerprint":"fedcba9876543210","key_id":"mk_1Abc",)"
                    R"("rule_id":"8d7d2a1c-0000-4000-8000-000000000001",)"
                    R"("severity":"high","stage":"page"})");

  Alert later = alert;
  later.id = AlertId("another episode");
  later.count = 9'000;
  later.last_event_ms += 3'600'000;
  later.explanation = "9000 events";
  later.evidence.clear();
  later.state = AlertState::kAcknowledged;
  later.note = "looking";
  later.version = 77;
  EXPECT_EQ(LabelsJson(LabelsOf(later, {{"env", "prod"}})), labels);
}

TEST(LabelsOfTest, LeavesOutEmptyValuesAndFallsBackOnTheTitle) {
  Alert alert;
  alert.rule_id = RuleId("manual");
  alert.title = "Odd\nuse";
  EXPECT_EQ(LabelsJson(LabelsOf(alert, {{"env", ""}})),
            R"({"alertname":"Odd use","rule_id":"manual",)"
            R"("severity":"medium","stage":"notify"})");
}

TEST(LabelsOfTest, ValuesAreShortValidUtf8OnOneLine) {
  Alert alert = SampleAlert();
  alert.key = KeyId("\xff" + std::string(10'000, 'k') + "\n");
  for (const auto& [name, value] : LabelsOf(alert, {})) {
    EXPECT_TRUE(IsValidUtf8(value)) << name;
    EXPECT_LE(value.size(), 256u) << name;
    EXPECT_EQ(value.find('\n'), std::string::npos) << name;
  }
}

TEST(IsValidLabelNameTest, FollowsPrometheus) {
  EXPECT_TRUE(IsValidLabelName("key_id"));
  EXPECT_TRUE(IsValidLabelName("_9"));
  for (absl::string_view bad : {"", "key-id", "9a", "a b", "\xc3\xa9"}) {
    EXPECT_FALSE(IsValidLabelName(bad)) << bad;
  }
}

TEST(AlertmanagerAlertJsonTest, PutsWhatChangesIntoAnnotations) {
  EXPECT_EQ(
      AlertmanagerAlertJson("{\"a\":\"b\"}", SampleAlert(), kSampleTime,
                            kSampleTime + 240'000, "http://console/x?y=\"1\""),
      R"({"labels":{"a":"b"},"annotations":{"summary":"Permission probing",)"
      R"("description":"Many different endpoints answered 403.",)"
      R"("explanation":"6 events in 15m, threshold >= 6",)"
      R"("playbook":"Roll the key.",)"
      R"("alert_id":"0123456789abcdef0123456789abcdef","count":"6",)"
      R"("late_events":"1","first_event":"2026-08-03T13:59:00.000Z",)"
      R"("last_event":"2026-08-03T14:00:01.500Z",)"
      R"("group":"api.key.id=mk_1Abc","evidence":"req_1",)"
      R"("tags":"attack.t1552, attack.discovery"},)"
      R"("startsAt":"2026-08-03T14:00:00.000Z",)"
      R"("endsAt":"2026-08-03T14:04:00.000Z",)"
      R"("generatorURL":"http://console/x?y=\"1\""})");
}

TEST(AlertmanagerAlertJsonTest, SaysWhoAcknowledged) {
  Alert alert = SampleAlert();
  alert.state = AlertState::kAcknowledged;
  alert.state_by = "ada";
  alert.note = "rolling it";
  const std::string json = AlertmanagerAlertJson("{}", alert, 0, 0, "");
  EXPECT_NE(json.find(R"("state":"acknowledged","state_by":"ada",)"
                      R"("note":"rolling it")"),
            std::string::npos)
      << json;
}

TEST(AlertmanagerAlertJsonTest, IsBoundedValidUtf8) {
  Alert alert = SampleAlert();
  alert.description = std::string(100'000, '\xff');
  const std::string json = AlertmanagerAlertJson("{}", alert, 0, 0, "");
  EXPECT_TRUE(IsValidUtf8(json));
  EXPECT_LT(json.size(), 10'000u);
}

}  // namespace
}  // namespace keywatch
