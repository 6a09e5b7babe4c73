// The matcher with its indexes and plain evaluation of the tree agree: over rules
// and events that are built from the input's bytes, out of few fields and few
// letters, so that matches are common.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"
#include "tests/fuzz/target.h"

namespace keywatch {
namespace fuzz {
namespace {

// Choices, taken from the input; zeros when it is used up.
class Choices {
 public:
  explicit Choices(absl::string_view input) : input_(input) {}
  size_t Below(size_t n) {
    if (at_ >= input_.size()) return 0;
    return static_cast<unsigned char>(input_[at_++]) % n;
  }
  bool left() const { return at_ < input_.size(); }

 private:
  const absl::string_view input_;
  size_t at_ = 0;
};

std::string Field(Choices* choices) {
  return std::string(1, static_cast<char>('f' + choices->Below(4)));
}

std::string Text(Choices* choices, bool pattern) {
  static const char* const kLetters[] = {
      "a", "B", "b", "1", "-", " ", "\xc3\xa9", "A", "*", "?", "\\\\", "\\*"};
  std::string text;
  for (size_t n = choices->Below(6); n > 0; --n) {
    text += kLetters[choices->Below(pattern ? 12 : 8)];
  }
  return text;
}

std::string Item(Choices* choices) {
  static const char* const kModifiers[] = {"",
                                           "|contains",
                                           "|startswith",
                                           "|endswith",
                                           "|cased",
                                           "|contains|all",
                                           "|re",
                                           "|re|i",
                                           "|gte",
                                           "|exists",
                                           "|fieldref",
                                           "|neq",
                                           "|lt",
                                           "|cidr",
                                           "|windash",
                                           "|contains|cased",
                                           "|re|endswith",
                                           "|fieldref|contains"};
  const size_t kind = choices->Below(18);
  const std::string key =
      absl::StrCat("'", Field(choices), kModifiers[kind], "': ");
  switch (kind) {
    case 6:
    case 7:
    case 16: {
      static const char* const kExpressions[] = {"a+b?", "^a",  "b$", "[ab]{2}",
                                                 "a|1",  "a.b", ".*", "(ab)*1"};
      return absl::StrCat(key, "'", kExpressions[choices->Below(8)], "'");
    }
    case 8:
    case 12:
      return absl::StrCat(key, choices->Below(3));
    case 9:
      return absl::StrCat(key, choices->Below(2) == 0 ? "true" : "false");
    case 10:
    case 17:
      return absl::StrCat(key, Field(choices));
    case 13:
      return absl::StrCat(
          key, choices->Below(2) == 0 ? "10.0.0.0/8" : "10.1.0.0/16");
    default:
      break;
  }
  std::vector<std::string> values;
  for (size_t n = 1 + choices->Below(3); n > 0; --n) {
    switch (choices->Below(6)) {
      case 0:
        values.push_back(absl::StrCat(choices->Below(3)));
        break;
      case 1:
        values.push_back(kind == 0 || kind == 11 ? "null" : "'a'");
        break;
      case 2:
        values.push_back(kind == 0 ? "true" : "'b'");
        break;
      default:
        values.push_back(absl::StrCat("'", Text(choices, true), "'"));
    }
  }
  return absl::StrCat(key, "[", absl::StrJoin(values, ", "), "]");
}

std::string Rule(Choices* choices) {
  static const char* const kConditions[] = {
      "a",           "a and not b",       "a or b",        "not a",
      "1 of them",   "a and b",           "not (a and b)", "(a or c) and not b",
      "all of them", "a and (b or not c)"};
  std::string rule = "detection:\n";
  for (const char* name : {"a", "b", "c"}) {
    std::vector<std::string> items;
    for (size_t n = 1 + choices->Below(2); n > 0; --n) {
      items.push_back(Item(choices));
    }
    // A field twice in one map is a mistake of another kind.
    absl::StrAppend(
        &rule, "  ", name, ": [{",
        absl::StrJoin(items, choices->Below(2) == 0 ? "}, {" : "}, {"), "}]\n");
  }
  if (choices->Below(4) == 0) {
    absl::StrAppend(&rule, "  words: ['", Text(choices, true), "a']\n");
  }
  return absl::StrCat(rule, "  condition: ", kConditions[choices->Below(10)],
                      "\n");
}

TestValue ScalarValue(Choices* choices) {
  TestValue value;
  switch (choices->Below(8)) {
    case 0:
      return value;  // null
    case 1:
      value.type = Value::Type::kInt;
      value.integer = static_cast<int64_t>(choices->Below(3));
      return value;
    case 2:
      value.type = Value::Type::kDouble;
      value.number = static_cast<double>(choices->Below(5)) / 2;
      return value;
    case 3:
      value.type = Value::Type::kBool;
      value.boolean = choices->Below(2) == 0;
      return value;
    default:
      break;
  }
  value.type = Value::Type::kString;
  value.text = choices->Below(6) == 0 ? "10.1.2.3" : Text(choices, false);
  return value;
}

TestEvent RandomEvent(Choices* choices) {
  TestEvent event;
  for (const char* field : {"f", "g", "h", "i"}) {
    const size_t shape = choices->Below(6);
    if (shape == 0) continue;
    TestValue value;
    if (shape == 1) {
      value.type = Value::Type::kList;
      for (size_t n = choices->Below(3); n > 0; --n) {
        value.list.push_back(ScalarValue(choices));
      }
    } else {
      value = ScalarValue(choices);
    }
    event.fields.push_back({field, std::move(value)});
  }
  return event;
}

}  // namespace

void RunOne(absl::string_view input) {
  Choices choices(input);
  std::vector<std::pair<std::string, std::string>> files;
  for (size_t n = 1 + choices.Below(6); n > 0; --n) {
    files.push_back({absl::StrCat(n, ".yml"), Rule(&choices)});
  }
  const CompileResult result = CompileRuleTexts(files, {}, /*leniently=*/true);
  Require(result.rules != nullptr, "a lenient set is there");
  const auto rules = static_cast<uint32_t>(result.rules->rules().size());
  const std::unique_ptr<Matcher> matcher = NewMatcher(result.rules);
  EventBatch batch;
  EventBuilder builder(result.rules.get());
  for (int i = 0; i < 12; ++i) {
    const Event& event = *builder.Build(RandomEvent(&choices), &batch);
    // Twice: the second time out of what the matcher remembers.
    for (int time = 0; time < 2; ++time) {
      std::vector<uint32_t> matches;
      matcher->Match(event, &matches);
      std::vector<uint32_t> expected;
      for (uint32_t rule = 0; rule < rules; ++rule) {
        if (DetectionMatches(*result.rules, rule, event)) {
          expected.push_back(rule);
        }
      }
      if (matches == expected) continue;
      std::string all;
      for (const auto& file : files)
        absl::StrAppend(&all, file.second, "---\n");
      for (const ExplainedRule& rule :
           ExplainDetections(*result.rules, event)) {
        absl::StrAppend(&all, FormatExplanation(rule));
      }
      Require(false, absl::StrCat("the matcher finds what holds:\n", all,
                                  "found ", absl::StrJoin(matches, " "), "\n"));
    }
  }
}

std::vector<std::string> Seeds() {
  // Bytes without a meaning of their own: a few runs of a simple generator.
  std::vector<std::string> seeds;
  uint32_t state = 1;
  for (int seed = 0; seed < 40; ++seed) {
    std::string bytes;
    for (int i = 0; i < 400; ++i) {
      state = state * 1664525 + 1013904223;
      bytes.push_back(static_cast<char>(state >> 24));
    }
    seeds.push_back(std::move(bytes));
  }
  return seeds;
}

std::vector<std::string> Words() {
  return {std::string("\0\0\0\0", 4), "\x01\x02\x03", "aaaa", "\xff\xff"};
}

}  // namespace fuzz
}  // namespace keywatch
