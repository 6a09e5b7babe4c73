// Rules that are made to cost: each is refused soon, with a place and the bound
// that it broke.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/rules/compiler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

// One rule of the detection `body`, indented by two.
std::string Rule(const std::string& body) {
  return absl::StrCat("detection:\n", body, "  condition: a\n");
}

// The issues of a rule that is refused.
std::string Refusal(const std::string& text, CompileOptions options = {}) {
  const CompileResult result = CompileRuleTexts({{"r.yml", text}}, options);
  EXPECT_EQ(result.rules, nullptr);
  return FormatIssues(result.issues);
}

// What grows when it is nested or multiplied is bounded.
TEST(HostileRulesTest, DeepAndWideRulesAreRefusedSoon) {
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

TEST(HostileRulesTest, ManyFiltersOnManyRulesAreBounded) {
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

TEST(HostileRulesTest, ALongChainOfCorrelationsIsRefused) {
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

TEST(HostileRulesTest, ValuesThatMultiplyAreBounded) {
  // Each is 3,125 values; a thousand of them are too much for one rule.
  std::string values = "' -a -b -c -d -e 0'";
  for (int i = 1; i < 1000; ++i) {
    absl::StrAppend(&values, ", ' -a -b -c -d -e ", i, "'");
  }
  EXPECT_THAT(Refusal(Rule(absl::StrCat("  a: {f|windash: [", values, "]}\n"))),
              HasSubstr("take more than 128 MiB"));
  CompileOptions lists;
  for (int i = 0; i < 101; ++i) lists.lists["x"].push_back(absl::StrCat(i));
  EXPECT_THAT(Refusal(Rule("  a: {f|expand: '%x%.%x%'}\n"), lists),
              HasSubstr("more than 10,000 values"));
}

TEST(HostileRulesTest, ExpressionsThatGrowAreBounded) {
  EXPECT_THAT(Refusal(Rule(absl::StrCat("  a: {f|re: '",
                                        std::string(20000, 'a'), "'}\n"))),
              HasSubstr("longer than 16 KiB"));
  EXPECT_THAT(Refusal(Rule("  a: {f|re: 'a{1,2000}'}\n")),
              HasSubstr("invalid repetition"));
  // Each compiles; all of them together are too much.
  std::string expressions = "'x[a-z]{900}'";
  for (int i = 0; i < 6000; ++i) {
    absl::StrAppend(&expressions, ", 'x[a-z]{900}", i, "'");
  }
  EXPECT_THAT(Refusal(Rule(absl::StrCat("  a: {f|re: [", expressions, "]}\n"))),
              HasSubstr("take more than 128 MiB"));
}

TEST(HostileRulesTest, AliasesThatMultiplyAreBounded) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    std::string list;
    for (int j = 0; j < 10; ++j) {
      absl::StrAppend(&list, j > 0 ? ", " : "", "*a", i - 1);
    }
    absl::StrAppend(&text, "a", i, ": &a", i, " [", list, "]\n");
  }
  EXPECT_THAT(Refusal(absl::StrCat(text, Rule("  a: {f: *a8}\n"))),
              HasSubstr("the document is too large with its aliases"));
}

TEST(HostileRulesTest, TimespansAreBounded) {
  const auto correlation = [](const std::string& timespan) {
    return absl::StrCat(
        "name: r\ndetection: {s: {f: 1}, condition: s}\n---\n"
        "correlation: {type: event_count, rules: r, timespan: ",
        timespan, ", condition: {gte: 2}}\n");
  };
  EXPECT_THAT(Refusal(correlation("4000d")), HasSubstr("at most ten years"));
  EXPECT_THAT(Refusal(correlation("99999999999999999999s")),
              HasSubstr("is no timespan"));
  EXPECT_THAT(Refusal(correlation("9223372036854775807w")),
              HasSubstr("at most ten years"));
  EXPECT_THAT(Refusal(correlation("0s")), HasSubstr("holds no events"));
}

TEST(HostileRulesTest, AFileOfManyMistakesIsAnsweredInFew) {
  std::string items;
  for (int i = 0; i < 20000; ++i) {
    absl::StrAppend(&items, "    f", i, "|nothing: x\n");
  }
  const CompileResult result =
      CompileRuleTexts({{"r.yml", Rule(absl::StrCat("  a:\n", items))}}, {});
  EXPECT_EQ(result.rules, nullptr);
  EXPECT_LE(result.issues.issues().size(), 400u);
}

}  // namespace
}  // namespace keywatch
