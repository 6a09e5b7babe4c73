// Runs the tables of this folder. A case is a rule and either the events that it
// matches and misses, or the words with which it is refused. Every event is
// judged twice: by the matcher with its indexes, and by plain evaluation.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/rules/rule_set.h"
#include "daemon/yaml/document.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

struct Case {
  std::string file;
  std::string name;
  int line = 0;
  // The body of `detection:`, or whole documents.
  std::string detection;
  std::string documents;
  CompileOptions options;
  std::vector<std::string> match;  // JSON
  std::vector<std::string> miss;
  LogSourceSpec source;
  bool refused = false;
  bool checks_issues = false;
  std::string issues;  // expected text, without the name of the file
  // For correlations and anomalies: facts of the compiled rules.
  std::string compiled;
};

std::vector<std::string> Lines(const yaml::Node* node) {
  std::vector<std::string> lines;
  if (node == nullptr) return lines;
  if (node->is_list()) {
    for (const yaml::Node& item : node->list) lines.push_back(item.text);
  } else {
    lines.push_back(node->text);
  }
  return lines;
}

std::string Stripped(absl::string_view text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

std::string Indented(absl::string_view text) {
  std::string out;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&out, line.empty() ? "" : "  ", line, "\n");
  }
  return out;
}

std::string RuleText(const Case& c) {
  if (!c.documents.empty()) return c.documents;
  const bool has_condition = absl::StartsWith(c.detection, "condition:") ||
                             absl::StrContains(c.detection, "\ncondition:");
  return absl::StrCat("detection:\n", Indented(c.detection),
                      has_condition ? "" : "  condition: selection\n");
}

// "event_count by [a,b] 60000ms >= 6", one line for each stateful rule.
std::string Describe(const RuleSet& rules) {
  std::string out;
  for (const Rule& rule : rules.rules()) {
    absl::StrAppend(&out, rule.name, ": ", RuleTypeName(rule.type),
                    rule.alerts ? "" : " (silent)");
    if (rule.stateful()) {
      std::vector<std::string> inputs;
      for (size_t i = 0; i < rule.inputs.size(); ++i) {
        std::string input = rules.rule(rule.inputs[i]).name;
        std::vector<std::string> refs;
        for (const auto* lists : {&rule.group_refs, &rule.value_refs}) {
          for (const FieldRef& ref : (*lists)[i]) {
            refs.push_back(ref.group_index >= 0
                               ? absl::StrCat("#", ref.group_index)
                               : rules.fields().name(ref.slot));
          }
        }
        inputs.push_back(
            absl::StrCat(input, "(", absl::StrJoin(refs, " "), ")"));
      }
      absl::StrAppend(&out, " of ", absl::StrJoin(inputs, ", "));
      if (!rule.group_by.empty()) {
        absl::StrAppend(&out, " by ", absl::StrJoin(rule.group_by, " "));
      }
      if (rule.timespan_ms > 0) absl::StrAppend(&out, " in ", rule.timespan_ms);
      static constexpr const char* kOps[] = {">", ">=", "<", "<=", "==", "!="};
      for (const Comparison& c : rule.condition) {
        absl::StrAppend(&out, " ", kOps[static_cast<int>(c.op)], c.number);
      }
      std::vector<std::string> steps;
      for (const BooleanStep& step : rule.expression) {
        static constexpr const char* kSteps[] = {"", "and", "or", "not"};
        steps.push_back(step.op == BooleanStep::Op::kInput
                            ? absl::StrCat(step.input)
                            : kSteps[static_cast<int>(step.op)]);
      }
      if (!steps.empty()) {
        absl::StrAppend(&out, " [", absl::StrJoin(steps, " "), "]");
      }
    }
    out += "\n";
  }
  return out;
}

class ConformanceTest : public testing::Test {
 public:
  explicit ConformanceTest(const Case* c) : case_(*c) {}

  void TestBody() override {
    SCOPED_TRACE(absl::StrCat(case_.file, ":", case_.line));
    CompileOptions options = case_.options;
    options.ignore_logsource = case_.source.product.empty() &&
                               case_.source.category.empty() &&
                               case_.source.service.empty();
    const CompileResult result =
        CompileRuleTexts({{"rule.yml", RuleText(case_)}}, options);
    const std::string issues = FormatIssues(result.issues);
    if (case_.refused) {
      EXPECT_EQ(result.rules, nullptr) << "was accepted";
    } else {
      ASSERT_NE(result.rules, nullptr) << issues;
    }
    if (case_.checks_issues) {
      EXPECT_EQ(Stripped(issues), Stripped(case_.issues));
    } else {
      EXPECT_EQ(issues, "") << "unexpected words";
    }
    if (result.rules == nullptr) return;
    if (!case_.compiled.empty()) {
      EXPECT_EQ(Stripped(Describe(*result.rules)), Stripped(case_.compiled));
    }
    matcher_ = NewMatcher(result.rules);
    for (const std::string& json : case_.match) {
      Judge(*result.rules, json, true);
    }
    for (const std::string& json : case_.miss) {
      Judge(*result.rules, json, false);
    }
  }

 private:
  // The first rule is the one that events are judged by.
  void Judge(const RuleSet& rules, const std::string& json, bool expected) {
    const absl::StatusOr<TestEvent> parsed = ParseTestEvent(json);
    ASSERT_TRUE(parsed.ok()) << json << ": " << parsed.status();
    EventBatch batch;
    EventBuilder builder(&rules, rules.Route(case_.source));
    const Event& event = *builder.Build(*parsed, &batch);
    std::vector<uint32_t> matches;
    matcher_->Match(event, &matches);
    const bool matched =
        std::find(matches.begin(), matches.end(), 0) != matches.end();
    EXPECT_EQ(matched, expected)
        << json << "\n"
        << FormatExplanation(ExplainDetections(rules, event)[0]);
    EXPECT_EQ(ExplainDetections(rules, event)[0].matches, expected) << json;
  }

  const Case& case_;
  std::unique_ptr<Matcher> matcher_;
};

// Every mistake in a table ends the run: a case that is not read tests nothing.
std::vector<Case> ReadTable(const std::string& path) {
  IssueList issues;
  const yaml::File file = yaml::File::Read(path, &issues);
  std::vector<Case> cases;
  if (file.documents().size() == 1 && file.documents()[0].is_list()) {
    for (const yaml::Node& node : file.documents()[0].list) {
      yaml::MapReader reader(file, &node, &issues);
      Case c;
      c.file = path;
      c.line = node.line;
      c.name = reader.RequiredString("name");
      c.detection = reader.String("rule");
      c.documents = reader.String("documents");
      c.match = Lines(reader.Get("match"));
      c.miss = Lines(reader.Get("miss"));
      c.compiled = reader.String("compiled");
      if (const yaml::Node* source = reader.Get("source")) {
        yaml::MapReader map(file, source, &issues);
        c.source = {map.String("product"), map.String("category"),
                    map.String("service")};
        map.Finish();
      }
      if (const yaml::Node* options = reader.Get("options")) {
        yaml::MapReader map(file, options, &issues);
        c.options.lint = map.Bool("lint", false);
        c.options.lint_missing_tests = map.Bool("require-tests", false);
        c.options.now_ms = map.Int("now", 0, 0, INT64_MAX);
        if (const yaml::Node* lists = map.Get("lists")) {
          for (const auto& entry : lists->map) {
            c.options.lists[entry.first.text] = Lines(&entry.second);
          }
        }
        map.Finish();
      }
      c.refused = reader.Has("refused");
      c.checks_issues = c.refused || reader.Has("warned");
      c.issues = c.refused ? reader.String("refused") : reader.String("warned");
      reader.Finish();
      const bool tests_something = !c.match.empty() || !c.miss.empty() ||
                                   c.checks_issues || !c.compiled.empty();
      if (!tests_something || (c.detection.empty() == c.documents.empty())) {
        reader.ErrorAt(node, "bad-case", "the case tests nothing");
      }
      cases.push_back(std::move(c));
    }
  }
  if (issues.has_errors() || cases.empty()) {
    std::fprintf(stderr, "%s: no table of cases\n%s", path.c_str(),
                 FormatIssues(issues).c_str());
    std::exit(2);
  }
  return cases;
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  static auto* const cases = new std::vector<std::unique_ptr<keywatch::Case>>;
  for (int i = 1; i < argc; ++i) {
    for (keywatch::Case& c : keywatch::ReadTable(argv[i])) {
      cases->push_back(std::make_unique<keywatch::Case>(std::move(c)));
    }
  }
  for (const auto& c : *cases) {
    const keywatch::Case* one = c.get();
    std::string suite = one->file.substr(one->file.rfind('/') + 1);
    suite = suite.substr(0, suite.find('.'));
    testing::RegisterTest(suite.c_str(), one->name.c_str(), nullptr, nullptr,
                          one->file.c_str(), one->line,
                          [one]() -> testing::Test* {
                            return new keywatch::ConformanceTest(one);
                          });
  }
  if (cases->empty()) {
    std::fprintf(stderr, "no tables given\n");
    return 2;
  }
  return RUN_ALL_TESTS();
}
