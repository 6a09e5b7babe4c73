// The alerts of the benchmarks' logs, byte for byte: what makes replay faster
// changes none of them. After a deliberate change:
//
//   bazel run //tests/bench:replay_golden_test -- --update="$PWD"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/app/replay.h"
#include "daemon/core/fake_clock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr char kRules[] = "tests/bench/rules";
// The rule of correlations.yml that every event matches.
constexpr char kAnyRequest[] = "5c1eb779-47d2-52f6-ba59-a5883ca17c4e";
constexpr char kEcsRules[] = "tests/bench/rules_ecs.yml";
std::string* update = new std::string;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string Log(const std::string& name) {
  return absl::StrCat("tests/bench/golden_", name, ".log");
}

struct Output {
  std::string text;      // alerts or matches
  std::string messages;  // among them what was rejected
};

Output Replay(const std::string& log, const std::string& rules,
              const std::string& format, bool matches = false,
              int threads = 1) {
  ReplayOptions options;
  options.rules = {rules};
  options.input.logs = {Log(log)};
  options.input.format = format;
  options.input.threads = threads;
  options.matches = matches;
  options.strict = true;
  FakeClock clock(absl::UnixEpoch());
  std::ostringstream out, err;
  EXPECT_EQ(RunReplay(options, &clock, out, err), 0) << err.str();
  return {out.str(), err.str()};
}

// Lines without those of rules that match nearly every event.
std::string Rare(const std::string& matches) {
  std::string rare;
  for (absl::string_view line : absl::StrSplit(matches, '\n')) {
    if (line.empty() || absl::StrContains(line, kAnyRequest)) continue;
    absl::StrAppend(&rare, line, "\n");
  }
  return rare;
}

// As `golden`, a file of tests/bench/golden; says where the first difference is
// instead of showing both texts.
void ExpectGolden(const std::string& golden, const std::string& text) {
  const std::string path = absl::StrCat("tests/bench/golden/", golden);
  if (!update->empty()) {
    std::ofstream(*update + "/" + path, std::ios::binary) << text;
    return;
  }
  const std::string expected = ReadFile(path);
  if (text == expected) return;
  const std::vector<std::string> want = absl::StrSplit(expected, '\n');
  const std::vector<std::string> got = absl::StrSplit(text, '\n');
  size_t line = 0;
  while (line < want.size() && line < got.size() && want[line] == got[line]) {
    ++line;
  }
  ADD_FAILURE() << path << ":" << line + 1 << " (of " << want.size() - 1
                << " lines, now " << got.size() - 1 << "):\n  was "
                << (line < want.size() ? want[line] : "the end") << "\n  is  "
                << (line < got.size() ? got[line] : "the end");
}

// When this one fails, it is generate_log that writes something else.
TEST(ReplayGolden, TheLogsAreThoseThatWereReplayed) {
  std::string sums;
  for (const char* name : {"plain", "shuffled", "odd", "combined"}) {
    uint64_t sum = 0xcbf29ce484222325;  // FNV-1a
    for (char c : ReadFile(Log(name))) {
      sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    absl::StrAppend(&sums, name, " ", absl::Hex(sum, absl::kZeroPad16), "\n");
  }
  ExpectGolden("logs.txt", sums);
}

TEST(ReplayGolden, PlainLogRaisesTheSameAlerts) {
  ExpectGolden("alerts.jsonl", Replay("plain", kRules, "json").text);
}

TEST(ReplayGolden, OrderOfFieldsAndEscapesChangeNothing) {
  ExpectGolden("alerts.jsonl", Replay("shuffled", kRules, "json").text);
}

TEST(ReplayGolden, FoundFormatChangesNothing) {
  ExpectGolden("alerts.jsonl", Replay("plain", kRules, "").text);
}

TEST(ReplayGolden, SameEventsMatch) {
  const std::string plain = Replay("plain", kRules, "json", true).text;
  EXPECT_EQ(plain, Replay("shuffled", kRules, "json", true).text);
  ExpectGolden("matches.jsonl", Rare(plain));
}

TEST(ReplayGolden, OddAndBrokenLinesAreTakenTheSame) {
  const Output alerts = Replay("odd", kRules, "json");
  ExpectGolden("odd_alerts.jsonl", alerts.text);
  ExpectGolden("odd_messages.txt", alerts.messages);
  ExpectGolden("odd_matches.jsonl",
               Rare(Replay("odd", kRules, "json", true).text));
}

TEST(ReplayGolden, ThreadsChangeNothing) {
  for (int threads : {2, 3, 8}) {
    SCOPED_TRACE(threads);
    const Output alerts = Replay("odd", kRules, "json", false, threads);
    ExpectGolden("odd_alerts.jsonl", alerts.text);
    ExpectGolden("odd_messages.txt", alerts.messages);
    ExpectGolden("odd_matches.jsonl",
                 Rare(Replay("odd", kRules, "json", true, threads).text));
  }
}

TEST(ReplayGolden, NamesOfTheEventModelRaiseTheSameAlerts) {
  ExpectGolden("ecs_alerts.jsonl", Replay("plain", kEcsRules, "json").text);
  ExpectGolden("ecs_alerts.jsonl", Replay("shuffled", kEcsRules, "json").text);
}

TEST(ReplayGolden, OddLinesByTheNamesOfTheEventModel) {
  ExpectGolden("odd_ecs_alerts.jsonl", Replay("odd", kEcsRules, "json").text);
}

TEST(ReplayGolden, CombinedLinesRaiseTheSameAlerts) {
  ExpectGolden("combined_alerts.jsonl",
               Replay("combined", kEcsRules, "combined").text);
}

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
