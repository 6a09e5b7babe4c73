// The shipped rules over the log of the demo's shop: two weeks of everyday
// traffic raise nothing, and the leak of a key raises its alerts in the order
// of the attack.

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/replay.h"
#include "daemon/core/fake_clock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

// The alerts of a replay of `log`, in order of first fire; `config` is a
// configuration's file, "" for none.
std::vector<nlohmann::json> Replay(const std::string& log,
                                   const std::string& config = "") {
  ReplayOptions options;
  options.config_file = config;
  options.rules = {"rules"};
  options.input.logs = {log};
  options.input.format = "keywatch";
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
      "key_scanner_verification", "key_new_network",
      "key_permission_probing",   "key_probe_then_success",
      "session_enumeration",      "sensitive_read_older_than_48h",
      "session_bulk_read",        "file_link_expiry_over_30s",
      "bulk_image_links"};
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

// What the shop declares of its keys.
constexpr char kKeys[] = R"(
sources: [{name: shop, type: file, paths: requests.log, format: keywatch}]
keys:
  - id: rk_identity_reader
    networks: [203.0.113.0/24]
    operations: ['GET /v1/identity/*/:id']
    job: hourly
  - {id: sk_backoffice, networks: [198.51.100.0/24, 192.0.2.0/24]}
  - {id: rk_checkout}
  - {id: rk_identity_images, job: daily}
  - {id: rk_reporting, operations: ['GET *']}
)";

TEST(DemoShop, DeclarationsReachTheRulesInAReplay) {
  const std::string config = absl::StrCat(testing::TempDir(), "/shop.yaml");
  std::ofstream(config) << kKeys;
  const auto everyday = Replay("tests/rules/everyday.jsonl", config);
  EXPECT_TRUE(everyday.empty()) << Text(everyday);
  const auto alerts = Replay("tests/rules/leak.jsonl", config);
  const std::vector<std::string> expected = {"key_outside_declared_networks",
                                             "key_undeclared_operation"};
  EXPECT_EQ(Order(alerts, expected), expected) << Text(alerts);
}

TEST(DemoShop, AConfigurationThatIsRefusedEndsTheReplay) {
  const std::string config = absl::StrCat(testing::TempDir(), "/broken.yaml");
  std::ofstream(config) << kKeys << "  - {id: rk_a, networks: [10.0.0.1/8]}\n";
  ReplayOptions options;
  options.rules = {"rules"};
  options.input.logs = {"tests/rules/everyday.jsonl"};
  options.config_file = config;
  FakeClock clock(absl::UnixEpoch());
  std::ostringstream out, err;
  EXPECT_EQ(RunReplay(options, &clock, out, err), 3);
  EXPECT_TRUE(absl::StrContains(err.str(), "the network is 10.0.0.0/8"))
      << err.str();
  EXPECT_EQ(out.str(), "");
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
