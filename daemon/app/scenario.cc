#include "daemon/app/scenario.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/app/scenario_event.h"
#include "daemon/core/time.h"
#include "daemon/engine/supports.h"
#include "daemon/rules/compiler.h"
#include "daemon/yaml/document.h"

namespace keywatch {
namespace {

namespace fs = std::filesystem;

// Of one test: what stays in memory is 32 bytes each.
constexpr int64_t kMaxEvents = 5'000'000;
// 2026-01-05T00:00:00Z, as inline tests.
constexpr EventTime kDefaultStart = kTestStart;

// "27d2m", "90s", "0": durations, the larger unit first.
absl::optional<int64_t> ParseOffset(absl::string_view text) {
  if (text == "0") return 0;
  int64_t total = 0;
  if (text.empty()) return absl::nullopt;
  while (!text.empty()) {
    size_t end = text.find_first_not_of("0123456789");
    if (end == absl::string_view::npos) return absl::nullopt;
    end = std::min(text.find_first_of("0123456789", end), text.size());
    const absl::StatusOr<absl::Duration> part =
        ParseDuration(text.substr(0, end));
    if (!part.ok()) return absl::nullopt;
    total += absl::ToInt64Milliseconds(*part);
    text.remove_prefix(end);
  }
  return total;
}

bool HoldsNumber(const TestValue& value) {
  return absl::StrContains(value.text, "{n}") ||
         std::any_of(value.list.begin(), value.list.end(), HoldsNumber);
}

// Where the rules of a scenario stand: beside it, above it, or here.
std::string FindRules(const std::string& scenario, const std::string& path) {
  if (fs::path(path).is_absolute()) return path;
  std::error_code error;
  fs::path folder = fs::path(scenario).parent_path();
  if (folder.empty()) folder = ".";
  const fs::path absolute = fs::absolute(folder, error);
  int above = 0;
  for (fs::path at = absolute; !error; at = at.parent_path(), ++above) {
    if (fs::exists(at / path, error)) {
      // As short as the scenario's own name, for messages.
      fs::path shown = folder;
      for (int i = 0; i < above; ++i) shown /= "..";
      return (shown / path).lexically_normal().string();
    }
    if (at == at.root_path()) break;
  }
  return path;
}

class ScenarioReader {
 public:
  ScenarioReader(const yaml::File& file, IssueList* issues)
      : file_(file), issues_(issues) {}

  absl::optional<Scenario> Read() {
    Scenario out;
    out.file = file_.name();
    if (file_.documents().size() != 1) {
      Issue issue;
      issue.code = "bad-scenario";
      issue.where.file = file_.name();
      issue.message = absl::StrCat("a scenario file holds one document, not ",
                                   file_.documents().size());
      if (!issues_->has_errors()) issues_->Add(std::move(issue));
      return absl::nullopt;
    }
    yaml::MapReader reader(file_, &file_.documents()[0], issues_);
    ReadRules(&reader, &out);
    out.start = kDefaultStart;
    if (const yaml::Node* start = reader.Get("start")) {
      const absl::StatusOr<EventTime> time = ParseTime(start->text);
      if (start->is_scalar() && time.ok()) {
        out.start = *time;
      } else {
        Error(*start, "`start` is no time", "2026-08-03T00:00:00Z");
      }
    }
    out.allowed_lateness =
        reader.Duration("allowed_lateness", absl::Seconds(30));
    out.idle_timeout = reader.Duration("idle_timeout", absl::Seconds(10));
    const yaml::Node* tests = reader.Require("tests");
    reader.Finish();
    Compile(&out);
    if (tests != nullptr && !tests->is_list()) {
      Error(*tests, "`tests` is a list");
    } else if (tests != nullptr) {
      for (const yaml::Node& test : tests->list) ReadTest(test, &out);
    }
    if (issues_->has_errors()) return absl::nullopt;
    return out;
  }

 private:
  void Error(const yaml::Node& node, std::string message,
             std::string hint = "") {
    issues_->Add(file_.At(node, Issue::Severity::kError, "bad-value",
                          std::move(message), std::move(hint)));
  }

  void ReadRules(yaml::MapReader* reader, Scenario* out) {
    for (const std::string& path : reader->Strings("rules")) {
      rule_paths_.push_back(FindRules(out->file, path));
    }
    if (rule_paths_.empty()) {
      const std::string folder = fs::path(out->file).parent_path().string();
      rule_paths_.push_back(folder.empty() ? "." : folder);
    }
    if (const yaml::Node* lists = reader->Get("lists")) {
      if (!lists->is_map()) Error(*lists, "`lists` is a map of lists");
      yaml::MapReader list_reader(file_, lists, issues_);
      for (const auto& entry : lists->map) {
        compile_.lists[entry.first.text] =
            list_reader.Strings(entry.first.text);
      }
    }
    if (const yaml::Node* node = reader->Get("logsource")) {
      logsource_ = ReadLogSource(*node);
    }
  }

  LogSourceSpec ReadLogSource(const yaml::Node& node) {
    yaml::MapReader reader(file_, &node, issues_);
    LogSourceSpec spec;
    spec.product = reader.String("product");
    spec.category = reader.String("category");
    spec.service = reader.String("service");
    reader.Finish();
    return spec;
  }

  void Compile(Scenario* out) {
    // As in the tests beside rules an event has no format; a scenario that
    // says where its events come from tests the logsources, too.
    compile_.ignore_logsource = !logsource_;
    compile_.now_ms = out->start;
    compile_.supports = EngineSupports;
    const CompileResult result = CompileRules(rule_paths_, compile_);
    if (result.rules == nullptr) {
      issues_->Append(result.issues);
      return;
    }
    rules_ = result.rules;
    out->rules = rules_;
    for (const Rule& rule : rules_->rules()) rule_names_.push_back(rule.name);
  }

  // A time of the story: after its start, or as it stands in a calendar.
  int64_t Time(yaml::MapReader* reader, const char* key, int64_t fallback,
               EventTime start) {
    const yaml::Node* node = reader->Get(key);
    return node == nullptr ? fallback : TimeOf(*node, start);
  }

  int64_t TimeOf(const yaml::Node& node, EventTime start) {
    if (node.is_scalar()) {
      if (const absl::optional<int64_t> offset = ParseOffset(node.text)) {
        return *offset;
      }
      const absl::StatusOr<EventTime> time = ParseTime(node.text);
      if (time.ok() && *time >= start) return *time - start;
      if (time.ok()) {
        Error(node, absl::StrCat("\"", node.text, "\" is before the start"));
        return 0;
      }
    }
    Error(node, absl::StrCat("\"", node.text, "\" is no time"),
          "27d2m after the start, or 2026-08-03T14:00:00Z");
    return 0;
  }

  int64_t Length(yaml::MapReader* reader, const char* key) {
    const yaml::Node* node = reader->Get(key);
    if (node == nullptr) return 0;
    const absl::optional<int64_t> length =
        node->is_scalar() ? ParseOffset(node->text) : absl::nullopt;
    if (length) return *length;
    Error(*node, absl::StrCat("\"", node->text, "\" is no duration"),
          "500ms, 90s, 15m, 1d12h");
    return 0;
  }

  void ReadTest(const yaml::Node& node, Scenario* out) {
    yaml::MapReader reader(file_, &node, issues_);
    ScenarioTest test;
    test.line = node.line;
    test.name = reader.RequiredString("name");
    if (const yaml::Node* series = reader.Require("series")) {
      if (!series->is_list()) Error(*series, "`series` is a list");
      for (const yaml::Node& item : series->list) {
        ReadSeries(item, *out, &test);
      }
    }
    if (const yaml::Node* gaps = reader.Get("gaps")) {
      if (!gaps->is_list()) Error(*gaps, "`gaps` is a list");
      for (const yaml::Node& item : gaps->list) ReadGap(item, *out, &test);
    }
    if (const yaml::Node* restarts = reader.Get("restart_at")) {
      const std::vector<yaml::Node> one = {*restarts};
      for (const yaml::Node& at : restarts->is_list() ? restarts->list : one) {
        test.restart_at_ms.push_back(TimeOf(at, out->start));
      }
      std::sort(test.restart_at_ms.begin(), test.restart_at_ms.end());
    }
    if (const yaml::Node* expect = reader.Require("expect")) {
      if (!expect->is_list() || expect->list.empty()) {
        Error(*expect, "`expect` is a list of what must come true",
              "{at: 27d5m, rule: my_rule, count: 1}");
      }
      for (const yaml::Node& item : expect->list) {
        ReadExpectation(item, *out, &test);
      }
    }
    test.end_ms = Time(&reader, "until", 0, out->start);
    reader.Finish();
    Close(node, &test);
    out->tests.push_back(std::move(test));
  }

  // Sets the end, and refuses what would fill the memory.
  void Close(const yaml::Node& node, ScenarioTest* test) {
    int64_t events = 0;
    for (const ScenarioSeries& series : test->series) {
      events += series.times;
      test->end_ms = std::max(
          test->end_ms, series.at_ms + (series.times - 1) * series.every_ms +
                            series.jitter_ms + series.late_ms);
    }
    if (events > kMaxEvents) {
      Error(node, absl::StrCat("the series of a test hold at most ", kMaxEvents,
                               " events, these ", events));
    }
    for (const int64_t at : test->restart_at_ms) {
      test->end_ms = std::max(test->end_ms, at);
    }
    for (const ScenarioExpectation& expectation : test->expect) {
      test->end_ms = std::max(test->end_ms, expectation.at_ms.value_or(0));
    }
  }

  void ReadSeries(const yaml::Node& node, const Scenario& out,
                  ScenarioTest* test) {
    yaml::MapReader reader(file_, &node, issues_);
    ScenarioSeries series;
    if (const yaml::Node* event = reader.Require("event")) {
      series.event = ReadTestEvent(file_, *event, issues_);
      if (series.event.offset_ms || series.event.time_ms) {
        Error(*event, "the series gives its events their times",
              "leave @timestamp out; `at`, `every` and `jitter` say when");
      }
    }
    for (const auto& field : series.event.fields) {
      series.numbered = series.numbered || HoldsNumber(field.second);
    }
    if (const yaml::Node* vary = reader.Get("vary")) ReadVary(*vary, &series);
    series.at_ms = Time(&reader, "at", 0, out.start);
    series.every_ms = Length(&reader, "every");
    series.times = reader.Int("times", 1, 1, kMaxEvents);
    series.jitter_ms = Length(&reader, "jitter");
    series.late_ms = Length(&reader, "late");
    if (series.times > 1 && !reader.Has("every")) {
      reader.Error("times", "missing-key", "`times` needs `every`",
                   "every: 1m");
    }
    if (series.times == 1 && reader.Has("every") && !reader.Has("times")) {
      reader.Error("every", "missing-key", "`every` needs `times`",
                   "times: 100");
    }
    absl::optional<LogSourceSpec> logsource = logsource_;
    if (const yaml::Node* source = reader.Get("logsource")) {
      logsource = ReadLogSource(*source);
      if (!logsource_) {
        Error(*source, "the scenario itself has no `logsource`",
              "give one at the top; without it every rule sees every event");
      }
    }
    if (logsource && rules_ != nullptr) {
      series.route = rules_->Route(*logsource);
    }
    reader.Finish();
    test->series.push_back(std::move(series));
  }

  void ReadVary(const yaml::Node& node, ScenarioSeries* series) {
    if (!node.is_map()) {
      Error(node, "`vary` is a map of fields to lists of values");
      return;
    }
    for (const auto& [field, values] : node.map) {
      if (!values.is_list() || values.list.empty()) {
        Error(values, "the values that the field takes in turn, as a list");
        continue;
      }
      std::vector<TestValue> taken;
      for (const yaml::Node& value : values.list) {
        if (!value.is_scalar()) Error(value, "a value is a scalar here");
        taken.push_back(ReadTestValue(value));
      }
      series->vary.push_back({field.text, std::move(taken)});
    }
  }

  void ReadGap(const yaml::Node& node, const Scenario& out,
               ScenarioTest* test) {
    yaml::MapReader reader(file_, &node, issues_);
    ScenarioGap gap;
    reader.Require("from");
    reader.Require("to");
    gap.from_ms = Time(&reader, "from", 0, out.start);
    gap.to_ms = Time(&reader, "to", 0, out.start);
    reader.Finish();
    if (gap.to_ms < gap.from_ms) Error(node, "the gap ends before it begins");
    test->gaps.push_back(gap);
  }

  void ReadExpectation(const yaml::Node& node, const Scenario& out,
                       ScenarioTest* test) {
    yaml::MapReader reader(file_, &node, issues_);
    ScenarioExpectation expectation;
    expectation.line = node.line;
    expectation.column = node.column;
    const bool anytime = reader.Bool("anytime", false);
    if (reader.Has("at")) {
      expectation.at_ms = Time(&reader, "at", 0, out.start);
    }
    if (reader.Has("at") == anytime) {
      Error(node, "an expectation has either `at` or `anytime: true`");
    }
    const std::string rule = reader.RequiredString("rule");
    if (rules_ != nullptr && !rule.empty()) {
      expectation.rule = RuleIndex(rule, reader);
    }
    expectation.key = reader.String("key");
    if (const yaml::Node* group = reader.Get("group")) {
      if (!group->is_map())
        Error(*group, "`group` is a map of group-by fields");
      for (const auto& [field, value] : group->map) {
        expectation.group.push_back({field.text, value.text});
      }
    }
    if (reader.Require("count") != nullptr) {
      expectation.count = reader.Int("count", 0, 0, kMaxEvents);
    }
    reader.Finish();
    test->expect.push_back(std::move(expectation));
  }

  uint32_t RuleIndex(const std::string& name, yaml::MapReader& reader) {
    const std::vector<Rule>& rules = rules_->rules();
    for (uint32_t i = 0; i < rules.size(); ++i) {
      if (rules[i].name != name && rules[i].id.str() != name) continue;
      if (!rules[i].alerts) {
        reader.Error("rule", "no-alerts",
                     absl::StrCat("rule \"", name, "\" raises no alerts"),
                     "it is the input of a correlation; expect the alerts of "
                     "that one");
      }
      return i;
    }
    reader.Error("rule", "unknown-rule",
                 absl::StrCat("no rule \"", name, "\" among the rules tested"),
                 SuggestionHint(name, rule_names_));
    return 0;
  }

  const yaml::File& file_;
  IssueList* const issues_;
  CompileOptions compile_;
  std::vector<std::string> rule_paths_;
  absl::optional<LogSourceSpec> logsource_;
  std::shared_ptr<const RuleSet> rules_;
  std::vector<std::string> rule_names_;
};

}  // namespace

absl::optional<Scenario> LoadScenario(const std::string& path,
                                      IssueList* issues) {
  IssueList found;
  const yaml::File file = yaml::File::Read(path, &found);
  absl::optional<Scenario> scenario = ScenarioReader(file, &found).Read();
  issues->Append(found);
  return scenario;
}

}  // namespace keywatch
