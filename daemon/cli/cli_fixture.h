#ifndef DAEMON_CLI_CLI_FIXTURE_H_
#define DAEMON_CLI_CLI_FIXTURE_H_

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/exit_code.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/time.h"
#include "gtest/gtest.h"

namespace keywatch {

// Where golden files are written instead of compared; "" compares them:
//
//   bazel run //daemon/cli:daemon_commands_test -- --update="$PWD"
inline std::string& GoldenUpdate() {
  static std::string& directory = *new std::string;
  return directory;
}

// Runs `keywatch` in process. The clock stands at 2026-08-03T14:00:00Z.
class CliTest : public ::testing::Test {
 protected:
  CliTest() : clock_(FromEventTime(1785765600000)) {
    variables_["USER"] = "alice";
    variables_["TERM"] = "xterm";
  }

  int Run(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    CliEnvironment environment;
    environment.out = &out;
    environment.err = &err;
    environment.clock = &clock_;
    environment.version = "1.2.3";
    environment.variable =
        [this](absl::string_view name) -> absl::optional<std::string> {
      const auto found = variables_.find(std::string(name));
      if (found == variables_.end()) return absl::nullopt;
      return found->second;
    };
    environment.terminal = terminal_;
    environment.width = width_;
    if (full_) out.setstate(std::ios::badbit);
    const int code = RunCli(arguments, environment);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  // Compares with daemon/cli/testdata/`name`; escape characters are shown as
  // "<esc>" there, and `hide` as "<...>".
  void ExpectGolden(const std::string& name, const std::string& text,
                    const std::string& hide = "") {
    std::string shown = absl::StrReplaceAll(text, {{"\033", "<esc>"}});
    if (!hide.empty()) {
      shown = absl::StrReplaceAll(shown, {{hide, "<...>"}});
    }
    const std::string path = "daemon/cli/testdata/" + name;
    if (!GoldenUpdate().empty()) {
      std::ofstream(GoldenUpdate() + "/" + path) << shown;
      return;
    }
    std::ifstream file(path);
    std::ostringstream golden;
    golden << file.rdbuf();
    EXPECT_EQ(shown, golden.str()) << "golden file " << path;
  }

  FakeClock clock_;
  std::map<std::string, std::string> variables_;
  bool terminal_ = false;
  bool full_ = false;  // nothing can be written
  int width_ = 100;
  std::string out_;
  std::string err_;
};

// The main of tests with golden files.
inline int RunGoldenTests(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const std::string flag = "--update=";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.compare(0, flag.size(), flag) == 0) {
      GoldenUpdate() = argument.substr(flag.size());
    }
  }
  return RUN_ALL_TESTS();
}

}  // namespace keywatch

#endif  // DAEMON_CLI_CLI_FIXTURE_H_
