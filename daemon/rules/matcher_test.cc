#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/rules/rule_set.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// Makes rules and events out of few words, so that they often nearly meet.
class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  int Below(int n) {
    return static_cast<int>(random_() % static_cast<uint32_t>(n));
  }
  bool OneIn(int n) { return Below(n) == 0; }

  std::string Pick(const std::vector<std::string>& words) {
    return words[Below(static_cast<int>(words.size()))];
  }

  std::string Word() {
    static const auto* const kPieces = new std::vector<std::string>{
        "a",  "b",   "A",    "ab",   "abc",  "é",     "É",           "-x",
        "/y", "cmd", ".exe", "http", "/v1/", "curl/", " -enc",       "payout",
        "1",  "20",  "404",  "k",    "K",    "ß",     "\xe2\x84\xaa"};
    std::string word;
    for (int i = 1 + Below(4); i > 0; --i) word += Pick(*kPieces);
    return word;
  }

  std::string Field() { return Pick({"f", "g", "h", "n", "ip", "l"}); }

  static std::string Quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
      if (c == '\'') out += '\'';
      out += c;
    }
    return out + "'";
  }

  std::string TextValue() {
    std::string word = Word();
    if (OneIn(4)) word.insert(Below(static_cast<int>(word.size()) + 1), "*");
    // Inserted between bytes, a wildcard would break a character.
    std::string whole;
    for (size_t i = 0; i < word.size(); ++i) {
      const bool splits =
          word[i] == '*' && i + 1 < word.size() &&
          (static_cast<unsigned char>(word[i + 1]) & 0xc0) == 0x80;
      if (!splits) whole += word[i];
    }
    if (OneIn(6)) whole += "?";
    if (OneIn(8)) whole = "*" + whole;
    if (OneIn(30)) return "''";
    return Quoted(whole);
  }

  std::string KeywordValue() {
    const std::string value = TextValue();
    return value == "''" ? "'*x'" : value;
  }

  std::string Values(std::string (Generator::*one)()) {
    if (!OneIn(3)) return (this->*one)();
    std::vector<std::string> values;
    for (int i = 1 + Below(4); i > 0; --i) values.push_back((this->*one)());
    return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
  }

  std::string NumberValue() {
    return Pick({"1", "20", "404", "-1", "1.5", "0", "2.0", "0.5", "7", "300"});
  }
  std::string NetworkValue() {
    return Pick({"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "'2001:db8::/32'",
                 "192.0.2.1", "192.0.2.0/31", "0.0.0.0/0", "'::/0'",
                 "'2001:db8::7'"});
  }
  std::string RegexValue() {
    return Pick({"'a.c'", "'^cmd'", "'(curl|http)/?'", "'[0-9]+$'", "'x*'",
                 "'payout.*404'", "'ab|cd'", "'\\d{3}'", "'^[a-c]+$'", "'\\s'",
                 "'[[:upper:]]{2}'", "'^.$'", "'[x-z/]\\W'", "'^\\D*[.]'"});
  }
  std::string ScalarValue() {
    return Pick({"null", "true", "false", "404", "1.5", "''", "'404'", "'*'",
                 "'?'", "a"});
  }
  std::string FieldValue() { return Field(); }
  std::string HourValue() { return Pick({"0", "3", "14"}); }

  std::string Item() {
    const std::string neq = OneIn(6) ? "|neq" : "";
    const std::string all = OneIn(5) ? "|all" : "";
    const std::string cased = OneIn(5) ? "|cased" : "";
    switch (Below(14)) {
      case 0:
      case 1:
      case 2:
        return absl::StrCat(Field(), "|",
                            Pick({"contains", "startswith", "endswith"}), cased,
                            all, neq, ": ", Values(&Generator::TextValue));
      case 3:
      case 4:
        return absl::StrCat(Field(), cased, neq, ": ",
                            Values(&Generator::TextValue));
      case 5:
        return absl::StrCat(Field(), neq, ": ",
                            Values(&Generator::ScalarValue));
      case 6:
        return absl::StrCat(Pick({"n", "f"}), "|",
                            Pick({"lt", "lte", "gt", "gte"}), neq, ": ",
                            Values(&Generator::NumberValue));
      case 7:
        return absl::StrCat("ip|cidr", neq, ": ",
                            Values(&Generator::NetworkValue));
      case 8:
        return absl::StrCat(Field(), "|re", OneIn(2) ? "|i" : "", all, neq,
                            ": ", Values(&Generator::RegexValue));
      case 9:
        return absl::StrCat(Field(), "|exists: ", Pick({"true", "false"}));
      case 10:
        return absl::StrCat(Field(), "|fieldref",
                            Pick({"", "|startswith", "|contains"}), neq, ": ",
                            Values(&Generator::FieldValue));
      case 11:
        return absl::StrCat("'@timestamp|hour'", ": ",
                            Values(&Generator::HourValue));
      case 12:
        return absl::StrCat("f|windash|contains: ", Quoted("-" + Word()));
      default:
        return absl::StrCat("'|contains", all, neq,
                            "': ", Values(&Generator::KeywordValue));
    }
  }

  std::string Map() {
    std::vector<std::string> items;
    std::vector<std::string> keys;
    for (int i = 1 + Below(3); i > 0; --i) {
      const std::string item = Item();
      const std::string key = item.substr(0, item.find(": "));
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      keys.push_back(key);
      items.push_back(item);
    }
    return absl::StrCat("{", absl::StrJoin(items, ", "), "}");
  }

  std::string ConditionText(int depth) {
    const std::string name = Pick({"s1", "s2", "s3"});
    if (depth > 3) return name;
    switch (Below(7)) {
      case 0:
        return absl::StrCat("not ", ConditionText(depth + 1));
      case 1:
        return absl::StrCat("(", ConditionText(depth + 1), " or ",
                            ConditionText(depth + 1), ")");
      case 2:
        return absl::StrCat("(", ConditionText(depth + 1), " and ",
                            ConditionText(depth + 1), ")");
      case 3:
        return Pick({"1 of s*", "all of them", "1 of them", "all of s*"});
      default:
        return name;
    }
  }

  std::string RuleText() {
    std::string text;
    if (OneIn(3)) {
      absl::StrAppend(&text, "logsource: {product: ", Pick({"p", "q"}),
                      OneIn(2) ? ", service: s" : "", "}\n");
    }
    absl::StrAppend(&text, "detection:\n");
    for (const char* name : {"s1", "s2", "s3"}) {
      absl::StrAppend(
          &text, "  ", name, ": ",
          OneIn(5) ? absl::StrCat("[", Map(), ", ", Map(), "]") : Map(), "\n");
    }
    absl::StrAppend(&text, "  condition: ", ConditionText(0), "\n");
    return text;
  }

  TestValue Scalar() {
    TestValue value;
    switch (Below(12)) {
      case 0:
        value.type = Value::Type::kInt;
        value.integer = Below(3) == 0 ? 404 : Below(30) - 2;
        break;
      case 1:
        value.type = Value::Type::kDouble;
        value.number = Below(5) * 0.5;
        break;
      case 2:
        value.type = Value::Type::kBool;
        value.boolean = OneIn(2);
        break;
      case 3:
        break;
      case 4:
        value.type = Value::Type::kString;
        value.text = Pick({"10.1.2.3", "10.9.9.9", "2001:db8::7", "192.0.2.1",
                           "1.2.3", "404", "true", "FALSE", "1.50", "null"});
        break;
      default:
        value.type = Value::Type::kString;
        value.text = OneIn(10) ? "" : Word();
        if (OneIn(6)) value.text += " " + Word() + Word();
    }
    return value;
  }

  TestEvent EventFields() {
    TestEvent event;
    event.offset_ms = int64_t{3'600'000} * Below(24);
    for (const char* name : {"f", "g", "h", "n", "ip", "l"}) {
      if (OneIn(4)) continue;
      TestValue value = Scalar();
      if (OneIn(8)) {
        value.type = Value::Type::kList;
        value.list.clear();
        for (int i = Below(4); i > 0; --i) value.list.push_back(Scalar());
      }
      event.fields.push_back({name, value});
    }
    return event;
  }

 private:
  std::mt19937 random_;
};

// The indexed matcher and plain evaluation agree on everything.
TEST(MatcherTest, AgreesWithPlainEvaluationOnRandomRulesAndEvents) {
  int64_t matched = 0;
  int64_t judged = 0;
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    Generator generator(seed);
    std::vector<std::pair<std::string, std::string>> files;
    const int rules = 1 + generator.Below(seed % 3 == 0 ? 200 : 20);
    for (int i = 0; i < rules; ++i) {
      files.push_back({absl::StrCat(i, ".yml"), generator.RuleText()});
    }
    files.push_back(
        {"filter.yml",
         "filter: {rules: any, s: {h|contains: zz}, condition: not s}\n"});
    const CompileResult result = CompileRuleTexts(files, {});
    ASSERT_NE(result.rules, nullptr) << FormatIssues(result.issues);
    const RuleSet& set = *result.rules;
    const std::unique_ptr<Matcher> matcher = NewMatcher(result.rules);
    const std::vector<LogSourceSpec> sources = {
        {}, {"p", "", ""}, {"q", "", "s"}, {"x", "y", "s"}};
    // Now and then so many that the matcher learns what is common.
    const int events = seed % 10 == 0 ? 6000 : 200;
    for (int i = 0; i < events; ++i) {
      EventBatch batch;
      EventBuilder builder(&set, set.Route(sources[generator.Below(4)]));
      const Event& event = *builder.Build(generator.EventFields(), &batch);
      std::vector<uint32_t> matches;
      matcher->Match(event, &matches);
      std::vector<uint32_t> expected;
      for (uint32_t r = 0; r < set.rules().size(); ++r) {
        if (DetectionMatches(set, r, event)) expected.push_back(r);
      }
      ASSERT_EQ(matches, expected) << "seed " << seed << ", event " << i;
      matched += static_cast<int64_t>(matches.size());
      judged += rules;
    }
  }
  // The test is about something: many match and many do not.
  EXPECT_GT(matched, judged / 20);
  EXPECT_LT(matched, judged * 19 / 20);
}

std::shared_ptr<const RuleSet> Compile(const std::string& text,
                                       bool ignore_logsource = true) {
  CompileOptions options;
  options.ignore_logsource = ignore_logsource;
  const CompileResult result = CompileRuleTexts({{"r.yml", text}}, options);
  EXPECT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  return result.rules;
}

std::vector<uint32_t> Match(const RuleSet& rules, Matcher* matcher,
                            const std::string& json, uint32_t route = 0) {
  EventBatch batch;
  EventBuilder builder(&rules, route);
  std::vector<uint32_t> matches;
  matcher->Match(*builder.Build(*ParseTestEvent(json), &batch), &matches);
  return matches;
}

TEST(MatcherTest, AppendsMatchesInOrderOfRulesBehindWhatIsThere) {
  const auto rules = Compile(
      "detection: {s: {f|contains: a}, condition: s}\n---\n"
      "detection: {s: {f: zzz}, condition: s}\n---\n"
      "detection: {s: {f|endswith: c}, condition: s}\n---\n"
      "detection: {s: {f|startswith: a}, condition: not s}\n---\n"
      "detection: {s: {n|gt: 1}, condition: s}\n");
  const auto matcher = NewMatcher(rules);
  EventBatch batch;
  EventBuilder builder(rules.get());
  std::vector<uint32_t> matches = {77};
  matcher->Match(
      *builder.Build(*ParseTestEvent(R"({"f":"xac","n":5})"), &batch),
      &matches);
  EXPECT_EQ(matches, (std::vector<uint32_t>{77, 0, 2, 3, 4}));
}

TEST(MatcherTest, ValuesThatComeBackAreJudgedTheSame) {
  const auto rules = Compile(
      "detection: {s: {f|contains: [curl, wget]}, g: {g: 1}, "
      "condition: s and g}\n");
  const auto matcher = NewMatcher(rules);
  for (int i = 0; i < 10000; ++i) {
    // Few values and many, in turns: the memory of values comes and goes.
    const int n = i % 4000 < 2000 ? i % 7 : i;
    EXPECT_EQ(Match(*rules, matcher.get(),
                    absl::StrCat(R"({"f":"curl/)", n, R"(","g":1})"))
                  .size(),
              1u);
    EXPECT_EQ(Match(*rules, matcher.get(),
                    absl::StrCat(R"({"f":"curl/)", n, R"(","g":2})"))
                  .size(),
              0u);
    EXPECT_EQ(Match(*rules, matcher.get(),
                    absl::StrCat(R"({"f":"lynx/)", n, R"(","g":1})"))
                  .size(),
              0u);
  }
}

TEST(MatcherTest, ManyLiteralsOfOneFieldAreAllFound) {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "---\n",
                    "detection: {s: {f|contains: 'needle", i,
                    "x'}, condition: s}\n");
  }
  const auto rules = Compile(text);
  const auto matcher = NewMatcher(rules);
  for (uint32_t i = 0; i < 3000; ++i) {
    EXPECT_EQ(Match(*rules, matcher.get(),
                    absl::StrCat(R"({"f":"some NEEDLE)", i, R"(x here"})")),
              std::vector<uint32_t>{i});
  }
  EXPECT_TRUE(
      Match(*rules, matcher.get(), R"({"f":"needle needle12 x"})").empty());
}

TEST(MatcherTest, EachRouteHasItsOwnRules) {
  const auto rules = Compile(
      "logsource: {product: p}\n"
      "detection: {s: {f: 1}, condition: s}\n---\n"
      "logsource: {product: q}\n"
      "detection: {s: {f: 1}, condition: s}\n---\n"
      "detection: {s: {f: 1}, condition: s}\n",
      /*ignore_logsource=*/false);
  const auto matcher = NewMatcher(rules);
  const uint32_t p = rules->Route({"p", "", ""});
  const uint32_t q = rules->Route({"q", "web", ""});
  const uint32_t other = rules->Route({"other", "", ""});
  EXPECT_EQ(rules->Route({"unheard of", "x", "y"}), other);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Match(*rules, matcher.get(), R"({"f":1})", p),
              (std::vector<uint32_t>{0, 2}));
    EXPECT_EQ(Match(*rules, matcher.get(), R"({"f":1})", q),
              (std::vector<uint32_t>{1, 2}));
    EXPECT_EQ(Match(*rules, matcher.get(), R"({"f":1})", other),
              std::vector<uint32_t>{2});
    EXPECT_EQ(Match(*rules, matcher.get(), R"({"f":1})", 1'000'000),
              std::vector<uint32_t>{2});
  }
}

TEST(MatcherTest, ASetWithoutRulesMatchesNothing) {
  const CompileResult result = CompileRuleTexts({}, {});
  ASSERT_NE(result.rules, nullptr);
  const auto matcher = NewMatcher(result.rules);
  EXPECT_TRUE(Match(*result.rules, matcher.get(), R"({"f":1})").empty());
}

}  // namespace
}  // namespace keywatch
