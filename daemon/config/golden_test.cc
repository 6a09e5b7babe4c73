// What is said of each broken configuration in tests/golden/config, kept word
// for word. After a deliberate change:
//
//   bazel run //daemon/config:golden_test -- --update="$PWD"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "daemon/config/report.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr char kDirectory[] = "tests/golden/config";
std::string* update = new std::string;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  for (const auto& entry : std::filesystem::directory_iterator(kDirectory)) {
    const std::string name = entry.path().filename().string();
    if (absl::EndsWith(name, ".yaml")) {
      cases.emplace_back(absl::StripSuffix(name, ".yaml"));
    }
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

class ConfigGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(ConfigGolden, EveryMistakeIsShownWithPlaceAndHint) {
  const std::string base = std::string(kDirectory) + "/" + GetParam();
  ConfigOptions options;
  options.formats = {"cloudtrail", "envoy_json", "keywatch", "nginx_json",
                     "stripe_cli"};
  int exit_code = -1;
  const std::string report =
      CheckConfigReport(base + ".yaml", options, false, nullptr, &exit_code);
  EXPECT_EQ(exit_code, kConfigRefused);
  const LoadedConfig loaded = LoadConfig(base + ".yaml", options);
  for (const Issue& issue : loaded.issues.issues()) {
    EXPECT_GT(issue.where.line, 0) << FormatIssue(issue);
    EXPECT_GT(issue.where.column, 0) << FormatIssue(issue);
    EXPECT_NE(issue.hint, "") << FormatIssue(issue);
  }
  if (!update->empty()) {
    std::ofstream(*update + "/" + base + ".expected") << report;
    return;
  }
  EXPECT_EQ(report, ReadFile(base + ".expected"));
}

INSTANTIATE_TEST_SUITE_P(All, ConfigGolden, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param; });

TEST(ConfigGolden, HasAtLeastTenCases) { EXPECT_GE(Cases().size(), 10u); }

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--update=")) {
      *keywatch::update = std::string(argument);
    }
  }
  return RUN_ALL_TESTS();
}
