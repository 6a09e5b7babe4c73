// Whatever stands in a file of rules, the compiler comes back soon, refuses with
// words that can be shown or loads; and what it loads can be matched and
// explained.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"
#include "tests/fuzz/target.h"

namespace keywatch {
namespace fuzz {
namespace {

constexpr char kDetection[] = R"(title: t
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
        - h|re|startswith: 'x|y'
    words: [one, 'tw?']
    filter_x: {f|exists: false, g|neq: null}
    condition: (1 of sel_* or words) and not filter_x
fields: [a, b]
level: high
tests:
    - name: one
      match: 1
      events: [{'@timestamp': 1s, f: abcdxe, n: 6, l: [1, {m: 2}]}]
)";
constexpr char kCorrelation[] = R"(name: c
correlation:
    type: value_count
    rules: [r]
    group-by: [key, who]
    timespan: 15m
    condition: {field: [x, y], gte: 6, lt: 90}
    aliases: {who: {r: user}}
    generate: true
)";
constexpr char kTemporal[] = R"(name: t
correlation: {type: temporal, rules: [r, c], timespan: 1d, condition: r and not (c or r)}
)";
constexpr char kFilter[] = R"(title: f
expires: 2027-01-01
owner: ops
logsource: {product: p}
filter: {rules: [r], s: {f|expand: 'a%x%'}, condition: not s}
)";
constexpr char kAnomaly[] = R"(name: a
anomaly:
    type: rate
    rules: [r]
    group-by: key
    timespan: 5m
    measure: {distinct: ip}
    condition: {field: score, gte: 8}
    baseline: {history: 30d, min-history: 7d, season: hour-of-week}
response: {notify: [x], roll: {mode: approve, approvals: 2}}
)";

}  // namespace

void RunOne(absl::string_view input) {
  CompileOptions options;
  options.lint = true;
  options.lint_missing_tests = true;
  options.now_ms = int64_t{1800000000000};
  options.lists["x"] = {"one", "t*o"};
  options.known_fields = [](const LogSourceSpec&) {
    return std::vector<std::string>{"api.key.id", "source.ip"};
  };
  const CompileResult result = CompileRuleTexts({{"r.yml", std::string(input)}},
                                                options, /*leniently=*/true);
  Require(result.rules != nullptr, "a lenient set is there");
  for (const DocumentResult& document : result.documents) {
    Require(document.loaded == !document.issues.has_errors(),
            "what is refused has an error, and nothing else");
    FormatIssues(document.issues);
  }
  // As a daemon loads it: the same verdict, without advice.
  const CompileResult strict =
      CompileRuleTexts({{"r.yml", std::string(input)}}, {});
  Require((strict.rules != nullptr) == !strict.issues.has_errors(),
          "a set without errors is there");

  static const auto* const kEvent = new TestEvent(*ParseTestEvent(
      R"({"f":"abcdxe -enc","g":"abc","ip":"10.1.1.1","n":6,"l":["one",null]})"));
  EventBatch batch;
  EventBuilder builder(result.rules.get());
  const Event& event = *builder.Build(*kEvent, &batch);
  std::vector<uint32_t> matches;
  NewMatcher(result.rules)->Match(event, &matches);
  std::vector<uint32_t> expected;
  for (const ExplainedRule& rule : ExplainDetections(*result.rules, event)) {
    FormatExplanation(rule);
    if (rule.matches) expected.push_back(rule.rule);
  }
  Require(matches == expected, "the matcher finds what holds");
}

std::vector<std::string> Seeds() {
  return {kDetection,
          absl::StrCat(kDetection, "---\n", kCorrelation, "---\n", kTemporal),
          absl::StrCat(kDetection, "---\n", kFilter),
          absl::StrCat(kDetection, "---\n", kAnomaly),
          kCorrelation,
          kAnomaly};
}

std::vector<std::string> Words() {
  return {"|contains",
          "|re",
          "|all",
          "|expand",
          "|cidr",
          "|base64",
          "|wide",
          "|windash",
          "|neq",
          "|cased",
          ": ",
          "\n",
          "---\n",
          "[",
          "]",
          "{",
          "}",
          "(",
          ")",
          " and ",
          " or ",
          " not ",
          "1 of ",
          "them",
          "*",
          "?",
          "\\",
          "%x%",
          "null",
          "'",
          "\"",
          "&a ",
          "*a",
          "<<: ",
          "- ",
          "    ",
          "\t",
          "\xc3\xa9",
          "\xff",
          "0",
          "-1",
          "1e999",
          "rules: ",
          "[[[[[",
          "((((((",
          "a: ",
          "- *a\n",
          "condition: ",
          "detection:\n",
          "!!int ",
          "|\n",
          "{1,900}",
          "expires: ",
          "timespan: 9w ",
          "id: r\n"};
}

}  // namespace fuzz
}  // namespace keywatch
