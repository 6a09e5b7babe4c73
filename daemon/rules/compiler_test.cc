#include "daemon/rules/compiler.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/rules/check.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/inline_tests.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kBase[] =
    "name: denied\nid: d1\n"
    "logsource: {product: stripe}\n"
    "detection:\n"
    "    sel: {http.response.status_code: 403, url.path|startswith: /v1/}\n"
    "    condition: sel\n"
    "fields: [user_agent.original]\n";
constexpr char kBurst[] =
    "name: burst\nid: b1\n"
    "correlation:\n"
    "    type: event_count\n"
    "    rules: [denied]\n"
    "    group-by: [api.key.id]\n"
    "    timespan: 15m\n"
    "    condition: {gte: 6}\n";

CompileResult Compile(const std::vector<std::string>& texts,
                      const CompileOptions& options = {},
                      bool leniently = false) {
  std::vector<std::pair<std::string, std::string>> files;
  for (size_t i = 0; i < texts.size(); ++i) {
    files.push_back({absl::StrCat("r", i, ".yml"), texts[i]});
  }
  return CompileRuleTexts(files, options, leniently);
}

std::string MeaningOf(const std::string& text, const std::string& id) {
  const CompileResult result = Compile({text});
  if (result.rules == nullptr) return FormatIssues(result.issues);
  const Rule* rule = result.rules->Find(RuleId(id));
  return rule == nullptr ? "none" : rule->meaning;
}

TEST(CompilerTest, RulesStandBehindTheirInputs) {
  const CompileResult result = Compile({kBurst, kBase});
  ASSERT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  ASSERT_EQ(result.rules->rules().size(), 2u);
  const Rule& denied = result.rules->rule(0);
  const Rule& burst = result.rules->rule(1);
  EXPECT_EQ(denied.name, "denied");
  EXPECT_FALSE(denied.alerts);
  EXPECT_THAT(denied.consumers, ElementsAre(1u));
  EXPECT_TRUE(burst.alerts);
  EXPECT_THAT(burst.inputs, ElementsAre(0u));
  EXPECT_EQ(burst.timespan_ms, 900'000);
  ASSERT_EQ(burst.group_refs.size(), 1u);
  EXPECT_EQ(burst.group_refs[0][0].slot, result.rules->well_known().key_id);
  // Documents are told in the order in which they were given.
  EXPECT_EQ(result.documents[0].id, "b1");
  EXPECT_EQ(result.documents[1].id, "d1");
}

// `auto` was taken without a word, and nothing was rolled.
TEST(CompilerTest, RollsThatNobodyWouldMakeAreWarnedOf) {
  for (const char* mode : {"approve", "auto"}) {
    const CompileResult result = Compile(
        {absl::StrCat("title: T\nid: i\nresponse: {roll: {mode: ", mode, "}}\n",
                      "detection: {s: {a: 1}, condition: s}\n")});
    ASSERT_NE(result.rules, nullptr) << FormatIssues(result.issues);
    EXPECT_EQ(result.rules->rule(0).response.roll,
              Response::RollMode::kPropose);
    EXPECT_NE(
        FormatIssues(result.issues)
            .find("r0.yml:3:25: warning: Keywatch rolls no key by itself"),
        std::string::npos)
        << FormatIssues(result.issues);
  }
}

TEST(CompilerTest, TheHeaderIsKept) {
  const CompileResult result = Compile(
      {"title: T\nid: i\nlevel: high\nstatus: test\nauthor: A\n"
       "description: D\ntags: [attack.t1078]\nreferences: [u]\n"
       "falsepositives: [f]\nplaybook: P\nstage: shadow\nmax-groups: 7\n"
       "response: {notify: [n], roll: {mode: propose, approvals: 2, expire: "
       "1h}}\n"
       "detection: {s: {a: 1}, condition: s}\n"});
  ASSERT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  const Rule& rule = result.rules->rule(0);
  EXPECT_EQ(rule.title, "T");
  EXPECT_EQ(rule.name, "i");
  EXPECT_EQ(rule.level, Level::kHigh);
  EXPECT_EQ(rule.stage, Stage::kShadow);
  EXPECT_EQ(rule.description, "D");
  EXPECT_EQ(rule.playbook, "P");
  EXPECT_THAT(rule.tags, ElementsAre("attack.t1078"));
  EXPECT_THAT(rule.references, ElementsAre("u"));
  EXPECT_THAT(rule.false_positives, ElementsAre("f"));
  EXPECT_TRUE(rule.response.notify_set);
  EXPECT_THAT(rule.response.notify, ElementsAre("n"));
  EXPECT_EQ(rule.response.roll, Response::RollMode::kPropose);
  EXPECT_EQ(rule.response.approvals, 2);
  EXPECT_EQ(rule.response.roll_expire, "1h");
  EXPECT_EQ(rule.max_groups, 7u);
  EXPECT_EQ(rule.file, "r0.yml");
  EXPECT_EQ(rule.line, 1);
}

TEST(CompilerTest, TheKeyFieldIsTheOneThatTheOptionsName) {
  CompileOptions options;
  options.key_field = "userIdentity.accessKeyId";
  options.extra_fields = {"extra"};
  const CompileResult result = Compile({kBase}, options);
  ASSERT_NE(result.rules, nullptr);
  const FieldTable& fields = result.rules->fields();
  EXPECT_EQ(fields.name(result.rules->well_known().key_id),
            "userIdentity.accessKeyId");
  EXPECT_NE(fields.Find("extra"), kNoSlot);
  EXPECT_NE(fields.Find("user_agent.original"), kNoSlot);
  EXPECT_EQ(fields.Find("nobody.asks"), kNoSlot);
}

TEST(CompilerTest, EvidenceIsWhatTheRuleReads) {
  const CompileResult result = Compile({kBase, kBurst});
  ASSERT_NE(result.rules, nullptr);
  std::vector<std::string> names;
  for (const Slot slot : result.rules->rule(0).evidence_slots) {
    names.push_back(result.rules->fields().name(slot));
  }
  EXPECT_THAT(names, ElementsAre("http.response.status_code", "url.path",
                                 "user_agent.original"));
  names.clear();
  for (const Slot slot : result.rules->rule(1).evidence_slots) {
    names.push_back(result.rules->fields().name(slot));
  }
  EXPECT_THAT(names, ElementsAre("api.key.id"));
}

// What is said of a rule is no part of its meaning, nor is the order of what
// has none; what it matches is.
TEST(CompilerTest, MeaningIsWhatTheRuleMatches) {
  const std::string meaning = MeaningOf(kBase, "d1");
  EXPECT_EQ(meaning.size(), 16u);
  EXPECT_EQ(MeaningOf("# comment\ntitle: new\nid: d1\nlevel: high\n"
                      "detection:\n"
                      "    other: {url.path: '/v1/*', "
                      "http.response.status_code: 403}\n"
                      "    condition: (other)\n"
                      "logsource: {product: stripe, definition: x}\n",
                      "d1"),
            meaning);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"403", "404"},
           {"/v1/", "/v2/"},
           {"startswith", "contains"},
           {"url.path", "url.query"},
           {"stripe", "other"},
           {"condition: sel", "condition: not sel"}}) {
    std::string changed = kBase;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_NE(MeaningOf(changed, "d1"), meaning) << from;
  }
}

TEST(CompilerTest, MeaningOfACorrelationHoldsThatOfItsInputsAndFilters) {
  const std::string both = absl::StrCat(kBase, "---\n", kBurst);
  const std::string meaning = MeaningOf(both, "b1");
  std::string changed = both;
  changed.replace(changed.find("403"), 3, "401");
  EXPECT_NE(MeaningOf(changed, "b1"), meaning);
  EXPECT_NE(MeaningOf(absl::StrCat(both,
                                   "---\ntitle: f\nfilter: {rules: [denied], "
                                   "s: {a: 1}, condition: not s}\n"),
                      "b1"),
            meaning);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"gte: 6", "gte: 7"},
           {"gte: 6", "gt: 6"},
           {"15m", "16m"},
           {"api.key.id", "source.ip"}}) {
    changed = both;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_NE(MeaningOf(changed, "b1"), meaning) << to;
  }
  changed = both;
  changed.replace(changed.find("15m"), 3, "900s");
  EXPECT_EQ(MeaningOf(changed, "b1"), meaning);
}

TEST(CompilerTest, TheSetsHashIsThatOfItsRules) {
  const std::string hash = Compile({kBase, kBurst}).rules->hash();
  EXPECT_EQ(Compile({kBase, kBurst}).rules->hash(), hash);
  EXPECT_NE(Compile({kBase}).rules->hash(), hash);
}

TEST(CompilerTest, OneMistakeAndThereIsNoSet) {
  const CompileResult result =
      Compile({kBase, "detection: {s: {a|foo: 1}, condition: s}\n"});
  EXPECT_EQ(result.rules, nullptr);
  ASSERT_EQ(result.documents.size(), 2u);
  EXPECT_TRUE(result.documents[0].loaded);
  EXPECT_FALSE(result.documents[1].loaded);
  EXPECT_EQ(result.issues.issues().size(), 1u);
}

TEST(CompilerTest, LenientlyTheRestIsLoaded) {
  const CompileResult result = Compile(
      {kBase, "name: bad\ndetection: {s: {a|foo: 1}, condition: s}\n",
       "name: over\ncorrelation: {type: event_count, rules: [bad], timespan: "
       "1m, condition: {gte: 2}}\n"},
      {}, /*leniently=*/true);
  ASSERT_NE(result.rules, nullptr);
  ASSERT_EQ(result.rules->rules().size(), 1u);
  EXPECT_TRUE(result.rules->rule(0).alerts);
  EXPECT_FALSE(result.documents[2].loaded);
}

TEST(CompilerTest, AFileThatIsNoYamlIsRefusedAsAWhole) {
  const CompileResult result =
      Compile({absl::StrCat(kBase, "---\ntitle: [\n"), kBase}, {}, true);
  ASSERT_NE(result.rules, nullptr);
  ASSERT_EQ(result.documents.size(), 2u);
  EXPECT_FALSE(result.documents[0].loaded);
  EXPECT_EQ(result.documents[0].kind, "");
  EXPECT_TRUE(result.documents[1].loaded);
}

TEST(CompilerTest, WhatTheEngineCannotDoIsAnError) {
  CompileOptions options;
  options.supports = [](const Rule& rule, std::string* why) {
    EXPECT_EQ(rule.group_refs.size(), rule.inputs.size());
    *why = "not today";
    return rule.type != RuleType::kEventCount;
  };
  const CompileResult result = Compile({kBase, kBurst}, options);
  EXPECT_EQ(result.rules, nullptr);
  EXPECT_EQ(FormatIssues(result.issues),
            "r1.yml:3:1: error: not today\n"
            "    3 | correlation:\n"
            "      | ^~~~~~~~~~~\n");
}

// --- Files.

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    root_ = absl::StrCat(
        testing::TempDir(), "/keywatch_rules_",
        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/a/b");
    std::filesystem::create_directories(root_ + "/.hidden");
  }
  ~FilesTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(root_ + "/" + name) << text;
  }
  std::vector<std::string> Files(const CompileResult& result) const {
    std::vector<std::string> files;
    for (const DocumentResult& document : result.documents) {
      files.push_back(document.file.substr(root_.size() + 1));
    }
    return files;
  }

  std::string root_;
};

TEST_F(FilesTest, DirectoriesAreReadInOrderOfName) {
  const std::string rule = "detection: {s: {a: 1}, condition: s}\n";
  for (const char* name :
       {"z.yml", "a/2.yaml", "a/1.yml", "a/b/x.yml", "a/skip.txt",
        "a/x.tests.yml", ".hidden/h.yml", ".h.yml"}) {
    Write(name, rule);
  }
  const CompileResult result = CompileRules({root_}, {});
  EXPECT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  EXPECT_THAT(Files(result),
              ElementsAre("a/1.yml", "a/2.yaml", "a/b/x.yml", "z.yml"));
}

TEST_F(FilesTest, AFileThatIsNamedTwiceIsReadOnce) {
  Write("a/1.yml", "id: x\ndetection: {s: {a: 1}, condition: s}\n");
  const CompileResult result =
      CompileRules({root_ + "/a/1.yml", root_, root_ + "/a/../a/1.yml"}, {});
  EXPECT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  EXPECT_THAT(Files(result), ElementsAre("a/1.yml"));
}

TEST_F(FilesTest, APathThatIsNotThereIsAnIssue) {
  const CompileResult result = CompileRules({root_ + "/none"}, {});
  EXPECT_EQ(result.rules, nullptr);
  EXPECT_THAT(FormatIssues(result.path_issues),
              HasSubstr("none: error: cannot be read"));
}

TEST_F(FilesTest, AnEmptyFileIsToldOf) {
  Write("a/1.yml", "# nothing\n");
  const CompileResult result = CompileRules({root_}, {});
  ASSERT_EQ(result.documents.size(), 1u);
  EXPECT_FALSE(result.documents[0].loaded);
  EXPECT_THAT(FormatIssues(result.issues),
              HasSubstr("the file has no document"));
}

TEST_F(FilesTest, ChecksCountWhatWasLoadedAndRefused) {
  Write("a/1.yml",
        "detection: {s: {a: 1}, condition: s}\n---\n"
        "detection: {s: {a|foo: 1}, condition: s}\n");
  Write("a/2.yml", "title: [");
  CheckOptions options;
  options.require_tests = true;
  const CheckResult result = CheckRules({root_, root_ + "/gone"}, options);
  EXPECT_EQ(result.loaded, 1);
  EXPECT_EQ(result.refused, 2);
  EXPECT_FALSE(result.ok());
  EXPECT_TRUE(result.issues.has_errors());
  EXPECT_THAT(FormatIssues(result.documents[0].issues),
              HasSubstr("the rule has no tests"));
}

// --- Tests in rules.

TEST(InlineTestsTest, EventsGetTheirTimesAndFields) {
  const CompileResult result = Compile(
      {"id: x\ndetection: {s: {a.b: 1}, condition: s}\ntests:\n"
       "  - name: one\n    match: 2\n    events:\n"
       "      - {'@timestamp': 90s, a: {b: 1}, l: [x, {m: 1}, {m: 2}]}\n"
       "      - {a.b: 2, event.id: e7}\n"
       "      - {'@timestamp': '2026-08-03T14:00:00Z', a.b: null}\n"});
  ASSERT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  const auto& tests = InlineTests(*result.rules);
  ASSERT_EQ(tests.size(), 1u);
  EXPECT_EQ(tests[0].name, "one");
  EXPECT_EQ(tests[0].rule, 0u);
  EXPECT_EQ(tests[0].match, 2);
  EXPECT_EQ(tests[0].line, 4);
  const auto events = TestEvents(tests[0]);
  ASSERT_TRUE(events.ok());
  EventBatch batch;
  EventBuilder builder(result.rules.get());
  const Slot slot = result.rules->fields().Find("a.b");
  const Event& first = *builder.Build((*events)[0], &batch);
  EXPECT_EQ(first.time_ms, kTestStart + 90'000);
  EXPECT_EQ(first.at(slot).int_value(), 1);
  const Event& second = *builder.Build((*events)[1], &batch);
  EXPECT_EQ(second.time_ms, kTestStart + 90'000);
  EXPECT_EQ(second.id, "e7");
  EXPECT_NE(first.id, second.id);
  const Event& third = *builder.Build((*events)[2], &batch);
  EXPECT_EQ(third.time_ms, 1785765600000);
  EXPECT_EQ(third.at(slot).type(), Value::Type::kNull);
  ASSERT_EQ((*events)[0].fields.size(), 3u);
  EXPECT_EQ((*events)[0].fields[2].first, "l.m");
  EXPECT_EQ((*events)[0].fields[2].second.list.size(), 2u);
}

TEST_F(FilesTest, EventsOfATestMayStandInAFile) {
  Write("a/e.jsonl", "{\"a\":1}\n\n{\"a\":[1,{\"b\":2}],\"c\":{\"d\":true}}\n");
  Write("a/bad.jsonl", "{\"a\":1}\n[1]\n");
  Write("a/r.yml",
        "detection: {s: {a: 1}, condition: s}\ntests:\n"
        "  - {name: file, match: 2, events: e.jsonl}\n"
        "  - {name: bad, match: 2, events: bad.jsonl}\n"
        "  - {name: none, match: 2, events: none.jsonl}\n");
  const CompileResult result = CompileRules({root_}, {});
  ASSERT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  const auto& tests = InlineTests(*result.rules);
  ASSERT_EQ(tests.size(), 3u);
  const auto events = TestEvents(tests[0]);
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[1].fields[1].first, "a.b");
  EXPECT_EQ((*events)[1].fields[2].second.boolean, true);
  EXPECT_THAT(TestEvents(tests[1]).status().ToString(),
              HasSubstr("bad.jsonl:2: not a JSON object"));
  EXPECT_EQ(TestEvents(tests[2]).status().code(), absl::StatusCode::kNotFound);
}

// --- Explanations.

TEST(ExplainTest, ShowsWhatEachPartSaw) {
  const CompileResult result =
      Compile({"title: R\nlogsource: {product: p}\ndetection:\n"
               "  call: {url.path|startswith: /v1/, n|gte: 5}\n"
               "  f: {user: null}\n"
               "  condition: call and not f\n---\n"
               "title: known\nfilter: {rules: any, s: {user|fieldref: owner}, "
               "condition: not s}\n"});
  ASSERT_NE(result.rules, nullptr) << FormatIssues(result.issues);
  EventBatch batch;
  EventBuilder builder(result.rules.get(), result.rules->Route({"p", "", ""}));
  const Event& event = *builder.Build(
      *ParseTestEvent(R"({"url":{"path":"/v1/x'\n"},"n":4,"user":"u"})"),
      &batch);
  const std::vector<ExplainedRule> rules =
      ExplainDetections(*result.rules, event);
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_TRUE(rules[0].routed);
  EXPECT_FALSE(rules[0].matches);
  EXPECT_FALSE(DetectionMatches(*result.rules, 0, event));
  EXPECT_EQ(FormatExplanation(rules[0]),
            "no   and\n"
            "no     and\n"
            "no       call: and\n"
            "yes        url.path startswith '/v1/' ('/v1/x\\'\\n')\n"
            "no         n >= 5 ('4')\n"
            "yes      not\n"
            "no         f: user is null ('u')\n"
            "yes    filter known: not\n"
            "no       s: user is the value of owner ('u', absent)\n");
}

TEST(ExplainTest, OfLongListsItShowsWhatHolds) {
  std::string values = "v0";
  for (int i = 1; i < 100; ++i) absl::StrAppend(&values, ", v", i);
  const CompileResult result = Compile(
      {absl::StrCat("detection: {s: {f: [", values, "]}, condition: s}\n")});
  ASSERT_NE(result.rules, nullptr);
  EventBatch batch;
  EventBuilder builder(result.rules.get());
  const Event& event =
      *builder.Build(*ParseTestEvent(R"({"f":"v77"})"), &batch);
  const std::string text =
      FormatExplanation(ExplainDetections(*result.rules, event)[0]);
  EXPECT_THAT(text, HasSubstr("yes    f is 'v77' ('v77')\n"));
  EXPECT_THAT(text, HasSubstr("... and 91 more\n"));
}

}  // namespace
}  // namespace keywatch
