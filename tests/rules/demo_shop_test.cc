// The shipped rules over the log of the demo's shop: two weeks of everyday
// traffic raise nothing, and the leak of a key raises its alerts in the order
// of the attack.

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/replay.h"
#include "daemon/core/fake_clock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

// The alerts of a replay of `log`, in order of first fire.
std::vector<nlohmann::json> Replay(const std::string& log) {
  ReplayOptions options;
  options.rules = {"rules"};
  options.logs = {log};
  options.format = "keywatch";
  options.strict = true;
  FakeClock clock(absl::UnixEpoch());
  std::ostringstream out, err;
  EXPECT_EQ(RunReplay(options, &clock, out, err), 0) << err.str();
  std::vector<nlohmann::json> alerts;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) {
    alerts.push_back(nlohmann::json::parse(line));
  }
  return alerts;
}

std::vector<std::string> Names(const std::vector<nlohmann::json>& alerts) {
  std::vector<std::string> names;
  for (const nlohmann::json& alert : alerts) names.push_back(alert["rule"]);
  return names;
}

std::string Text(const std::vector<nlohmann::json>& alerts) {
  return absl::StrJoin(alerts, "\n", [](std::string* out, const auto& alert) {
    absl::StrAppend(out, alert.dump());
  });
}

// What stands of `names` in the alerts, in the order of the alerts.
std::vector<std::string> Order(const std::vector<nlohmann::json>& alerts,
                               const std::vector<std::string>& names) {
  std::vector<std::string> order;
  for (const std::string& name : Names(alerts)) {
    const bool wanted =
        std::find(names.begin(), names.end(), name) != names.end();
    const bool seen =
        std::find(order.begin(), order.end(), name) != order.end();
    if (wanted && !seen) order.push_back(name);
  }
  return order;
}

TEST(DemoShop, TwoWeeksOfEverydayTrafficRaiseNothing) {
  const auto alerts = Replay("tests/rules/everyday.jsonl");
  EXPECT_TRUE(alerts.empty()) << Text(alerts);
}

TEST(DemoShop, TheLeakRaisesItsAlertsInTheOrderOfTheAttack) {
  const std::vector<std::string> expected = {
      "key_scanner_verification",  "key_new_network",
      "key_permission_probing",    "key_probe_then_success",
      "session_enumeration",       "session_bulk_read",
      "file_link_expiry_over_30s", "bulk_image_links"};
  const auto alerts = Replay("tests/rules/leak.jsonl");
  EXPECT_EQ(Order(alerts, expected), expected) << Text(alerts);
}

TEST(DemoShop, TheAlertsThatTheDemoWaitsForCome) {
  std::vector<std::string> expected;
  std::ifstream file("config/demo/expected_alerts");
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') expected.push_back(line);
  }
  ASSERT_FALSE(expected.empty());
  const auto alerts = Replay("tests/rules/leak.jsonl");
  EXPECT_EQ(Order(alerts, expected), expected) << Text(alerts);
}

TEST(DemoShop, EveryAlertOfTheLeakIsAboutTheLeakedKey) {
  const auto alerts = Replay("tests/rules/leak.jsonl");
  ASSERT_FALSE(alerts.empty());
  for (const nlohmann::json& alert : alerts) {
    EXPECT_EQ(alert["group"]["api.key.id"], "rk_identity_reader")
        << alert.dump();
    EXPECT_GE(alert["first_fire"], "2026-08-17T12:01:30") << alert.dump();
  }
}

}  // namespace
}  // namespace keywatch
