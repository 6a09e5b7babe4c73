// Rules by chance: whatever stands in a file, the compiler comes back soon, and
// what it accepts can be matched. Deterministic; the long run is the same with
// KEYWATCH_FUZZ_ROUNDS set.

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/rules/check.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

const std::vector<std::string>& Seeds() {
  static const auto* const kSeeds = new std::vector<std::string>{
      R"(title: t
id: 6f3e2987-db24-4c78-a860-b4f4095a7095
name: r
logsource: {product: p, service: s}
detection:
    sel_a:
        f|contains|all: [abc, 'd*e']
        g|re|i: '^(a|b)+c?$'
        ip|cidr: 10.0.0.0/8
        n|gte: 5
        t|hour: [1, 2]
    sel_b:
        - f|windash|base64offset|contains: ' -enc'
        - g|fieldref|startswith: f
    words: [one, 'tw?']
    filter_x: {f|exists: false, g|neq: null}
    condition: (1 of sel_* or words) and not filter_x
fields: [a, b]
level: high
tests:
    - name: one
      match: 1
      events: [{'@timestamp': 1s, f: abcdxe, n: 6, l: [1, {m: 2}]}]
)",
      R"(name: c
correlation:
    type: value_count
    rules: [r]
    group-by: [key, who]
    timespan: 15m
    condition: {field: [x, y], gte: 6, lt: 90}
    aliases: {who: {r: user}}
    generate: true
)",
      R"(name: t
correlation: {type: temporal, rules: [r, c], timespan: 1d, condition: r and not (c or r)}
---
title: f
expires: 2027-01-01
filter: {rules: [r], s: {f: 1}, condition: not s}
)",
      R"(name: a
anomaly:
    type: rate
    rules: [r]
    group-by: key
    timespan: 5m
    measure: {distinct: ip}
    condition: {field: score, gte: 8}
    baseline: {history: 30d, min-history: 7d, season: hour-of-week}
response: {notify: [x], roll: {mode: approve, approvals: 2}}
)"};
  return *kSeeds;
}

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  std::string Mutate(std::string text) {
    static const auto* const kPieces = new std::vector<std::string>{
        "|contains", "|re",     "|all",        "|expand",
        "|cidr",     "|base64", ": ",          "\n",
        "---\n",     "[",       "]",           "{",
        "}",         "(",       ")",           " and ",
        " or ",      " not ",   "1 of ",       "them",
        "*",         "?",       "\\",          "%x%",
        "null",      "'",       "\"",          "&a ",
        "*a",        "<<: ",    "- ",          "    ",
        "\t",        "é",       "\xff",        "0",
        "-1",        "1e999",   "rules: ",     "[[[[[",
        "((((((",    "a: ",     "condition: ", "detection:\n",
        "!!int ",    "|\n",     "not not not "};
    for (int edits = 1 + Below(6); edits > 0; --edits) {
      const size_t at = Below(static_cast<int>(text.size()) + 1);
      switch (Below(5)) {
        case 0:
          text.erase(at, Below(20));
          break;
        case 1:
          text.insert(at, (*kPieces)[Below(kPieces->size())]);
          break;
        case 2:
          if (at < text.size()) text[at] = static_cast<char>(Below(256));
          break;
        case 3: {
          const std::string part = text.substr(at, Below(60));
          text.insert(Below(static_cast<int>(text.size()) + 1), part);
          break;
        }
        default: {
          // A line somewhere else, at another depth.
          const size_t begin = text.rfind('\n', at);
          const size_t end = text.find('\n', at);
          if (begin == std::string::npos || end == std::string::npos) break;
          const std::string line = text.substr(begin, end - begin);
          text.insert(end, line);
        }
      }
    }
    return text;
  }

  int Below(size_t n) { return n == 0 ? 0 : static_cast<int>(random_() % n); }

 private:
  std::mt19937 random_;
};

int Rounds() {
  const char* text = std::getenv("KEYWATCH_FUZZ_ROUNDS");
  int rounds = 0;
  return text != nullptr && absl::SimpleAtoi(text, &rounds) ? rounds : 4000;
}

TEST(RulesFuzzTest, AnyTextIsCompiledOrRefused) {
  Mutator mutator(20260803);
  CompileOptions options;
  options.lint = true;
  options.lint_missing_tests = true;
  options.lists["x"] = {"one", "t*o"};
  const TestEvent event = *ParseTestEvent(
      R"({"f":"abcdxe -enc","g":"abc","ip":"10.1.1.1","n":6,"l":["one",null]})");
  int accepted = 0;
  const int rounds = Rounds();
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::pair<std::string, std::string>> files;
    for (size_t i = 0; i < Seeds().size(); ++i) {
      const bool mutate = mutator.Below(2) == 0;
      files.push_back({absl::StrCat(i, ".yml"),
                       mutate ? mutator.Mutate(Seeds()[i]) : Seeds()[i]});
    }
    const CompileResult result =
        CompileRuleTexts(files, options, /*leniently=*/true);
    ASSERT_NE(result.rules, nullptr);
    // Every refusal has its words, and words that can be shown.
    for (const DocumentResult& document : result.documents) {
      ASSERT_EQ(document.loaded, !document.issues.has_errors())
          << document.file << "\n"
          << FormatIssues(document.issues);
      accepted += document.loaded;
    }
    FormatIssues(result.issues);
    EventBatch batch;
    EventBuilder builder(result.rules.get());
    const Event& built = *builder.Build(event, &batch);
    std::vector<uint32_t> matches;
    NewMatcher(result.rules)->Match(built, &matches);
    std::vector<uint32_t> expected;
    for (const ExplainedRule& rule : ExplainDetections(*result.rules, built)) {
      if (rule.matches) expected.push_back(rule.rule);
    }
    ASSERT_EQ(matches, expected);
  }
  EXPECT_GT(accepted, rounds);
}

// What grows when it is nested or multiplied is bounded.
TEST(RulesFuzzTest, DeepAndWideRulesAreRefusedSoon) {
  const auto refused = [](const std::string& text) {
    const CompileResult result = CompileRuleTexts({{"r.yml", text}}, {});
    EXPECT_EQ(result.rules, nullptr);
    EXPECT_TRUE(result.issues.has_errors());
  };
  const auto repeated = [](absl::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) absl::StrAppend(&text, part);
    return text;
  };
  const std::string head = "detection:\n  a: {f: x}\n  condition: ";
  refused(head + repeated("(", 100000) + "a" + repeated(")", 100000) + "\n");
  refused(head + repeated("not ", 100000) + "a\n");
  refused(head + repeated("a or ", 100000) + "a\n");
  refused("detection:\n  a: " + repeated("[", 5000) + repeated("]", 5000) +
          "\n  condition: a\n");
  // Few words that mean many tests.
  std::string wide = "detection:\n  a:\n    f: [";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&wide, "x", i, ", ");
  refused(
      absl::StrCat(wide, "y]\n  condition: ", repeated("a and ", 1000), "a\n"));
  refused(
      "detection:\n  a: {f|re: '(((((a{1,30}){1,30}){1,30}){1,30}){1,30})'}\n"
      "  condition: a\n");
}

TEST(RulesFuzzTest, ManyFiltersOnManyRulesAreBounded) {
  std::vector<std::pair<std::string, std::string>> files;
  std::string values = "x";
  for (int i = 0; i < 100; ++i) absl::StrAppend(&values, ", y", i);
  for (int i = 0; i < 400; ++i) {
    files.push_back({absl::StrCat("r", i, ".yml"),
                     "detection: {s: {f: 1}, condition: s}\n"});
    files.push_back({absl::StrCat("f", i, ".yml"),
                     absl::StrCat("filter: {rules: any, s: {f: [", values,
                                  "]}, condition: not s}\n")});
  }
  const CompileResult result = CompileRuleTexts(files, {});
  EXPECT_EQ(result.rules, nullptr);
  EXPECT_NE(FormatIssues(result.issues).find("5,000,000"), std::string::npos);
}

TEST(RulesFuzzTest, ALongChainOfCorrelationsIsRefused) {
  std::string text = "name: c0\ndetection: {s: {f: 1}, condition: s}\n";
  for (int i = 1; i <= 2000; ++i) {
    absl::StrAppend(&text, "---\nname: c", i,
                    "\ncorrelation: {type: event_count, rules: c", i - 1,
                    ", timespan: 1m, condition: {gte: 2}}\n");
  }
  // Written with the last one first, which is where resolving begins.
  std::string backwards;
  for (size_t end = text.size(); end > 0;) {
    size_t begin = text.rfind("---\n", end - 1);
    begin = begin == std::string::npos ? 0 : begin + 4;
    absl::StrAppend(&backwards, backwards.empty() ? "" : "---\n",
                    text.substr(begin, end - begin));
    end = begin < 4 ? 0 : begin - 4;
  }
  const CompileResult result = CompileRuleTexts({{"r.yml", backwards}}, {});
  EXPECT_EQ(result.rules, nullptr);
  EXPECT_NE(FormatIssues(result.issues).find("50 deep"), std::string::npos);
}

}  // namespace
}  // namespace keywatch
