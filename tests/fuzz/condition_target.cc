// Whatever is written as a condition, of a detection or of a temporal
// correlation, is refused at a place or means a boolean over its names: the same
// for the matcher and for plain evaluation.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"
#include "tests/fuzz/target.h"

namespace keywatch {
namespace fuzz {
namespace {

// As a double-quoted YAML scalar; bytes that are no text become spaces.
std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const unsigned char u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += u < 0x20 || u >= 0x7f ? ' ' : c;
    }
  }
  return out + "\"";
}

std::string Rules(absl::string_view condition) {
  const std::string quoted = Quoted(condition);
  return absl::StrCat(
      "name: r\ndetection:\n"
      "    a: {f: 1}\n    b: {g: 1}\n    sel_1: {h: 1}\n    sel_2: {i: 1}\n"
      "    _c: {j: 1}\n    condition: ",
      quoted,
      "\n---\nname: a\ndetection: {s: {f: 1}, condition: s}"
      "\n---\nname: b\ndetection: {s: {g: 1}, condition: s}"
      "\n---\ncorrelation: {type: temporal, timespan: 1m, condition: ",
      quoted, "}\n");
}

}  // namespace

void RunOne(absl::string_view input) {
  CompileOptions options;
  options.lint = true;
  const CompileResult result =
      CompileRuleTexts({{"r.yml", Rules(input)}}, options, /*leniently=*/true);
  Require(result.rules != nullptr, "a lenient set is there");
  Require(result.documents.size() == 4, "the condition stays in its scalar");
  for (const DocumentResult& document : result.documents) {
    Require(document.loaded == !document.issues.has_errors(),
            "what is refused has an error, and nothing else");
    for (const Issue& issue : document.issues.issues()) {
      Require(issue.where.line > 0, "an issue has its place");
    }
    FormatIssues(document.issues);
  }
  const std::unique_ptr<Matcher> matcher = NewMatcher(result.rules);
  EventBatch batch;
  EventBuilder builder(result.rules.get());
  const char* const kFields[] = {"f", "g", "h", "i", "j"};
  for (int bits = 0; bits < 32; ++bits) {
    TestEvent test;
    for (int i = 0; i < 5; ++i) {
      TestValue value;
      value.type = Value::Type::kInt;
      value.integer = bits >> i & 1;
      test.fields.push_back({kFields[i], value});
    }
    const Event& event = *builder.Build(test, &batch);
    std::vector<uint32_t> matches;
    matcher->Match(event, &matches);
    std::vector<uint32_t> expected;
    for (uint32_t rule = 0; rule < result.rules->rules().size(); ++rule) {
      if (result.rules->rule(rule).stateful()) break;
      if (DetectionMatches(*result.rules, rule, event)) {
        expected.push_back(rule);
      }
    }
    Require(matches == expected, "the matcher finds what holds");
  }
}

std::vector<std::string> Seeds() {
  return {"a and not b",
          "(a or b) and not 1 of sel_*",
          "all of sel* or _c",
          "1 of them and all of them",
          "not (not a and (b or not (sel_1 and sel_2)))",
          "a and b or sel_1 and sel_2",
          "any of sel_1",
          "b and not a"};
}

std::vector<std::string> Words() {
  return {"a",      "b",      "sel_1", "sel_*", "them", "*", " and ",
          " or ",   " not ",  "1 of ", "(",     ")",    "|", " count() ",
          "all of", "any of", "NOT ",  "AND ",  "\n",   "_", "of",
          "-",      ".",      "1",     "((((",  "))))"};
}

}  // namespace fuzz
}  // namespace keywatch
