// The rules in rules/: they load without a word, the engine evaluates all of
// them, and each does what its own tests say.

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/supports.h"
#include "daemon/ingest/format.h"
#include "daemon/rules/check.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/inline_tests.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

std::shared_ptr<const RuleSet> Compile(const std::vector<std::string>& paths,
                                       bool ignore_logsource) {
  CompileOptions options;
  options.ignore_logsource = ignore_logsource;
  const CompileResult result = CompileRules(paths, options);
  EXPECT_TRUE(result.issues.empty()) << FormatIssues(result.issues);
  return result.rules;
}

// How often the rule of `test` matched (detections) or alerted.
int64_t Outcome(const std::shared_ptr<const RuleSet>& rules,
                const InlineTest& test) {
  const absl::StatusOr<std::vector<TestEvent>> events = TestEvents(test);
  EXPECT_TRUE(events.ok()) << events.status();
  if (!events.ok()) return -1;

  EventBatch batch;
  EventBuilder builder(rules.get());
  builder.Restart();
  const std::unique_ptr<Matcher> matcher = NewMatcher(rules);
  std::vector<std::vector<uint32_t>> matches(events->size());
  std::vector<Event*> order;
  for (size_t i = 0; i < events->size(); ++i) {
    Event* event = builder.Build((*events)[i], &batch);
    matcher->Match(*event, &matches[i]);
    event->matches = matches[i];
    order.push_back(event);
  }
  std::stable_sort(
      order.begin(), order.end(),
      [](const Event* a, const Event* b) { return EventBefore(*a, *b); });

  int64_t matched = 0;
  int64_t opened = 0;
  const std::unique_ptr<Engine> engine = Engine::Create(rules);
  const auto count_opened = [&] {
    for (const Detection& detection : engine->TakeDetections()) {
      if (detection.rule == test.rule &&
          detection.kind == Detection::Kind::kOpen) {
        ++opened;
      }
    }
  };
  for (const Event* event : order) {
    engine->AdvanceTo(event->time_ms - 1);
    count_opened();
    engine->Observe(*event);
    matched +=
        std::count(event->matches.begin(), event->matches.end(), test.rule);
    count_opened();
  }
  if (!order.empty()) engine->AdvanceTo(order.back()->time_ms);
  count_opened();
  return rules->rule(test.rule).stateful() ? opened : matched;
}

TEST(ShippedRules, CompileWithoutAnIssue) {
  const auto rules = Compile({"rules"}, /*ignore_logsource=*/false);
  ASSERT_NE(rules, nullptr);
  EXPECT_GT(rules->rules().size(), 40u);
}

// Whether a rule of the log source `wanted` sees events of `given`.
bool Fits(const LogSourceSpec& wanted, const LogSourceSpec& given) {
  const auto fits = [](const std::string& a, const std::string& b) {
    return a.empty() || a == b;
  };
  return fits(wanted.product, given.product) &&
         fits(wanted.category, given.category) &&
         fits(wanted.service, given.service);
}

// What `keywatch rules check` would say of them, but for what only Keywatch
// has: conditions over the names of rules.
TEST(ShippedRules, CheckHasNoAdviceForThem) {
  CheckOptions options;
  options.require_tests = true;
  options.compile.known_fields = [](const LogSourceSpec& source) {
    std::vector<std::string> fields;
    for (const std::string& name : Format::ShippedNames()) {
      const auto format = Format::Shipped(name);
      if (!Fits(source, format->logsource())) continue;
      const std::vector<std::string> names = format->field_names();
      fields.insert(fields.end(), names.begin(), names.end());
    }
    return fields;
  };
  const CheckResult result = CheckRules({"rules"}, options);
  EXPECT_EQ(result.refused, 0);
  for (const DocumentResult& document : result.documents) {
    for (const Issue& issue : document.issues.issues()) {
      if (absl::StrContains(issue.message, "conditions over the names")) {
        continue;
      }
      ADD_FAILURE() << FormatIssue(issue);
    }
  }
}

TEST(ShippedRules, EveryPackLoadsAlone) {
  for (const char* pack :
       {"rules/stripe/identity", "rules/stripe/restricted_keys",
        "rules/generic", "rules/cloudtrail"}) {
    SCOPED_TRACE(pack);
    EXPECT_NE(Compile({pack}, /*ignore_logsource=*/false), nullptr);
  }
}

TEST(ShippedRules, TheEngineEvaluatesAllOfThem) {
  const auto rules = Compile({"rules"}, /*ignore_logsource=*/false);
  ASSERT_NE(rules, nullptr);
  for (const Rule& rule : rules->rules()) {
    std::string why;
    EXPECT_TRUE(EngineSupports(rule, &why)) << rule.name << ": " << why;
  }
}

TEST(ShippedRules, WhatAlertsTellsWhatItMeansAndWhatToDo) {
  const auto rules = Compile({"rules"}, /*ignore_logsource=*/false);
  ASSERT_NE(rules, nullptr);
  std::set<std::string> names;
  for (const Rule& rule : rules->rules()) {
    SCOPED_TRACE(rule.name);
    EXPECT_TRUE(names.insert(rule.name).second) << "the name is taken";
    EXPECT_EQ(rule.id.str().size(), 36u);
    EXPECT_FALSE(rule.description.empty());
    EXPECT_EQ(rule.author, "Keywatch");
    if (!rule.alerts ||
        (rule.stage == Stage::kShadow && rule.playbook.empty())) {
      continue;
    }
    EXPECT_FALSE(rule.playbook.empty());
    EXPECT_FALSE(rule.false_positives.empty());
  }
}

// Without other rules that take it as input, a base rule must stay silent, too.
TEST(ShippedRules, BaseRulesNeverSendAnything) {
  const auto rules = Compile({"rules"}, /*ignore_logsource=*/false);
  ASSERT_NE(rules, nullptr);
  for (const Rule& rule : rules->rules()) {
    if (!rule.consumers.empty() && rule.playbook.empty()) {
      EXPECT_EQ(rule.stage, Stage::kShadow) << rule.name;
    }
  }
}

TEST(ShippedRules, EveryAlertingRuleHasAFiringAndASilentTest) {
  const auto rules = Compile({"rules"}, /*ignore_logsource=*/false);
  ASSERT_NE(rules, nullptr);
  std::set<uint32_t> firing, silent;
  for (const InlineTest& test : InlineTests(*rules)) {
    (test.match > 0 ? firing : silent).insert(test.rule);
  }
  for (uint32_t i = 0; i < rules->rules().size(); ++i) {
    const Rule& rule = rules->rule(i);
    if (!rule.alerts) continue;
    EXPECT_TRUE(firing.count(i) > 0) << rule.name << " has no test that fires";
    EXPECT_TRUE(silent.count(i) > 0) << rule.name << " has no silent test";
  }
}

TEST(ShippedRules, PassTheirOwnTests) {
  const auto rules = Compile({"rules"}, /*ignore_logsource=*/true);
  ASSERT_NE(rules, nullptr);
  ASSERT_GT(InlineTests(*rules).size(), 80u);
  for (const InlineTest& test : InlineTests(*rules)) {
    EXPECT_EQ(Outcome(rules, test), test.match)
        << test.file << ":" << test.line << ": " << rules->rule(test.rule).name
        << ": " << test.name;
  }
}

}  // namespace
}  // namespace keywatch
