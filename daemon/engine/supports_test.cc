#include "daemon/engine/supports.h"

#include "daemon/engine/explain.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

using Op = Comparison::Op;
using Step = BooleanStep::Op;

std::string Why(const Rule& rule) {
  std::string why;
  return EngineSupports(rule, &why) ? "" : why;
}

Rule Count(std::vector<Comparison> condition) {
  Rule rule;
  rule.type = RuleType::kEventCount;
  rule.timespan_ms = 1000;
  rule.inputs = {0};
  rule.condition = std::move(condition);
  return rule;
}

Rule Temporal(std::vector<BooleanStep> expression) {
  Rule rule;
  rule.type = RuleType::kTemporal;
  rule.timespan_ms = 1000;
  rule.inputs = {0, 1};
  rule.expression = std::move(expression);
  return rule;
}

TEST(SupportsTest, AcceptsWhatItCanEvaluate) {
  EXPECT_EQ(Why(Rule()), "");
  EXPECT_EQ(Why(Count({{Op::kGte, 10}})), "");
  EXPECT_EQ(Why(Count({{Op::kLt, 1.5}})), "");
  EXPECT_EQ(Why(Count({{Op::kGte, 3}, {Op::kLte, 5}})), "");
  EXPECT_EQ(Why(Temporal({})), "");
  EXPECT_EQ(Why(Temporal({{Step::kInput, 0},
                          {Step::kInput, 1},
                          {Step::kNot, 0},
                          {Step::kAnd, 0}})),
            "");
}

TEST(SupportsTest, RefusesConditionsThatCannotBeKeptOrNeverHold) {
  EXPECT_THAT(Why(Count({})), HasSubstr("needs a condition"));
  EXPECT_THAT(Why(Count({{Op::kGte, 1'000'001}})), HasSubstr("1000000"));
  for (const auto& never :
       std::vector<std::vector<Comparison>>{{{Op::kLt, 1}},
                                            {{Op::kLte, 0}},
                                            {{Op::kEq, 0}},
                                            {{Op::kEq, 2.5}},
                                            {{Op::kGt, 3}, {Op::kLt, 4}},
                                            {{Op::kGte, 5}, {Op::kLte, 2}}}) {
    EXPECT_THAT(Why(Count(never)), HasSubstr("absence"))
        << FormatCondition(never);
  }
  Rule rule = Count({{Op::kGte, 1}});
  rule.timespan_ms = 0;
  EXPECT_THAT(Why(rule), HasSubstr("timespan"));
}

TEST(SupportsTest, RefusesExpressionsThatHoldByThemselves) {
  EXPECT_THAT(Why(Temporal({{Step::kInput, 0}, {Step::kNot, 0}})),
              HasSubstr("nothing happens at all"));
  EXPECT_THAT(Why(Temporal({{Step::kInput, 0}, {Step::kAnd, 0}})),
              HasSubstr("malformed"));
  EXPECT_THAT(Why(Temporal({{Step::kInput, 7}})), HasSubstr("malformed"));
  Rule twice = Temporal({});
  twice.inputs = {3, 3};
  EXPECT_THAT(Why(twice), HasSubstr("twice"));
  std::vector<BooleanStep> deep(65, BooleanStep{Step::kInput, 0});
  for (int i = 0; i < 64; ++i) deep.push_back({Step::kOr, 0});
  EXPECT_THAT(Why(Temporal(deep)), HasSubstr("deeply"));
}

TEST(SupportsTest, RefusesWhatAnomaliesLack) {
  Rule rule;
  rule.type = RuleType::kAbsence;
  EXPECT_THAT(Why(rule), HasSubstr("`every` or `schedule`"));
  rule.anomaly.schedule = "0 0 30 2 *";
  EXPECT_THAT(Why(rule), HasSubstr("never comes"));
  rule.anomaly.schedule = "0 0 * * *";
  EXPECT_EQ(Why(rule), "");
  rule.anomaly.timezone = "Mars/Olympus";
  EXPECT_THAT(Why(rule), HasSubstr("time zone"));
  rule = Rule();
  rule.type = RuleType::kTravel;
  rule.value_fields = {"lat"};
  EXPECT_THAT(Why(rule), HasSubstr("longitude"));
  rule = Rule();
  rule.type = RuleType::kRate;
  rule.timespan_ms = 1000;
  EXPECT_THAT(Why(rule), HasSubstr("score"));
  rule.anomaly.score = 3;
  rule.anomaly.baseline.history_ms = 10;
  EXPECT_THAT(Why(rule), HasSubstr("history"));
}

TEST(SupportsTest, EvaluatesExpressions) {
  // (0 and not 1) or 2
  const std::vector<BooleanStep> expression = {
      {Step::kInput, 0}, {Step::kInput, 1}, {Step::kNot, 0},
      {Step::kAnd, 0},   {Step::kInput, 2}, {Step::kOr, 0}};
  for (int bits = 0; bits < 8; ++bits) {
    const bool a = bits & 1;
    const bool b = bits & 2;
    const bool c = bits & 4;
    EXPECT_EQ(EvaluateExpression(expression, 3,
                                 [&](uint32_t i) { return bits >> i & 1; }),
              (a && !b) || c)
        << bits;
    EXPECT_EQ(
        EvaluateExpression({}, 3, [&](uint32_t i) { return bits >> i & 1; }),
        a && b && c);
  }
}

TEST(SupportsTest, KnowsWhichConditionsWaitForTheEndOfTheWindow) {
  EXPECT_FALSE(JudgedAtEnd(Count({{Op::kGt, 1}, {Op::kGte, 3}})));
  EXPECT_TRUE(JudgedAtEnd(Count({{Op::kGt, 1}, {Op::kLte, 3}})));
  EXPECT_TRUE(JudgedAtEnd(Count({{Op::kNeq, 3}})));
  Rule average = Count({{Op::kLt, 3}});
  average.type = RuleType::kValueAvg;
  EXPECT_FALSE(JudgedAtEnd(average)) << "a mean does not grow with events";
  EXPECT_EQ(LeastCount({{Op::kGt, 5}}), 6);
  EXPECT_EQ(LeastCount({{Op::kGte, 5}}), 5);
  EXPECT_EQ(LeastCount({{Op::kGt, 5.5}, {Op::kGte, 2}}), 6);
  EXPECT_EQ(LeastCount({{Op::kGte, -3}}), 1);
}

TEST(ExplainTest, FormatsNumbersForPeople) {
  EXPECT_EQ(FormatNumber(412), "412");
  EXPECT_EQ(FormatNumber(0.1 + 0.2), "0.3");
  EXPECT_EQ(FormatNumber(61.0 / 3), "20.333");
  EXPECT_EQ(FormatNumber(-0.0001), "0");
  EXPECT_EQ(FormatNumber(123456789012.0), "123456789012");
  EXPECT_EQ(FormatShare(1.0 / 600), "0.001667");
  EXPECT_EQ(FormatMillis(41 * int64_t{86'400'000} + 3 * 3'600'000 + 59'999),
            "41d3h");
  EXPECT_EQ(FormatMillis(90'000), "1m30s");
  EXPECT_EQ(FormatMillis(1'500), "1s500ms");
  EXPECT_EQ(FormatCondition({{Op::kGt, 5}, {Op::kLte, 10.5}}),
            "threshold > 5 and <= 10.5");
  EXPECT_EQ(FormatDurationCondition({{Op::kGte, 30 * 86'400'000.0}}),
            "threshold >= 30d");
}

}  // namespace
}  // namespace keywatch
