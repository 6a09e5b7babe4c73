#ifndef DAEMON_RESPOND_SAMPLE_ALERT_H_
#define DAEMON_RESPOND_SAMPLE_ALERT_H_

#include <fstream>
#include <string>

#include "daemon/core/alert.h"
#include "gtest/gtest.h"

namespace keywatch {

// 2026-08-03T14:00:00.000Z
constexpr EventTime kSampleTime = 1785765600000;

// An alert with every field set.
inline Alert SampleAlert() {
  Alert alert;
  alert.id = AlertId("0123456789abcdef0123456789abcdef");
  alert.rule_id = RuleId("8d7d2a1c-0000-4000-8000-000000000001");
  alert.rule_name = "permission_probing";
  alert.title = "Permission probing";
  alert.level = Level::kHigh;
  alert.stage = Stage::kPage;
  alert.key = KeyId("mk_1Abc");
  alert.group = {{"api.key.id", "mk_1Abc"}};
  alert.fingerprint = "fedcba9876543210";
  alert.first_fire_ms = kSampleTime;
  alert.first_event_ms = kSampleTime - 60'000;
  alert.last_event_ms = kSampleTime + 1'500;
  alert.count = 6;
  alert.late_events = 1;
  alert.explanation = "6 events in 15m, threshold >= 6";
  alert.description = "Many different endpoints answered 403.";
  alert.playbook = "Roll the key.";
  alert.tags = {"attack.t1552", "attack.discovery"};
  Evidence evidence;
  evidence.event_id = "req_1";
  evidence.time_ms = kSampleTime - 60'000;
  evidence.fields = {{"url.path", "/v1/payouts"}};
  alert.evidence = {evidence};
  alert.notify = {"oncall"};
  alert.version = 1;
  return alert;
}

// A file that holds `text` and is gone with the test's directory.
inline std::string WriteTestFile(const std::string& name,
                                 const std::string& text) {
  const std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::trunc) << text;
  return path;
}

}  // namespace keywatch

#endif  // DAEMON_RESPOND_SAMPLE_ALERT_H_
