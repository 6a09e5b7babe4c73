#include "daemon/engine/engine_fixture.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/engine/supports.h"
#include "daemon/rules/compiler.h"
#include "gtest/gtest.h"

namespace keywatch {

std::shared_ptr<const RuleSet> CompileOrDie(absl::string_view yaml) {
  CompileOptions options;
  options.ignore_logsource = true;
  CompileResult result =
      CompileRuleTexts({{"test.yml", std::string(yaml)}}, options);
  if (result.rules == nullptr) {
    std::cerr << FormatIssues(result.issues);
    std::abort();
  }
  for (const Rule& rule : result.rules->rules()) {
    std::string why;
    if (!EngineSupports(rule, &why)) {
      std::cerr << rule.name << ": " << why << "\n";
      std::abort();
    }
  }
  return result.rules;
}

namespace {

// The cap is not in the language of rules.
class CappedRuleSet : public RuleSet {
 public:
  CappedRuleSet(std::shared_ptr<const RuleSet> from, uint32_t max_groups)
      : from_(std::move(from)) {
    fields_ = from_->fields();
    rules_ = from_->rules();
    well_known_ = from_->well_known();
    for (Rule& rule : rules_) rule.max_groups = max_groups;
  }
  uint32_t Route(const LogSourceSpec& source) const override {
    return from_->Route(source);
  }

 private:
  const std::shared_ptr<const RuleSet> from_;
};

}  // namespace

std::shared_ptr<const RuleSet> CorrelationOrDie(absl::string_view type,
                                                absl::string_view names,
                                                absl::string_view timespan,
                                                absl::string_view condition) {
  std::string yaml;
  for (const char* name : {"a", "b", "c"}) {
    absl::StrAppend(&yaml, "title: ", name, "\nname: ", name,
                    "\ndetection: {sel: {kind|contains: ", name,
                    "}, condition: sel}\n---\n");
  }
  absl::StrAppend(
      &yaml, "title: Rule\nname: rule\ncorrelation:\n    type: ", type,
      "\n    rules: [", names,
      "]\n    group-by: [api.key.id]\n    timespan: ", timespan, "\n");
  if (!condition.empty()) {
    absl::StrAppend(&yaml, "    condition: ", condition, "\n");
  }
  return CompileOrDie(yaml);
}

std::shared_ptr<const RuleSet> WithCap(std::shared_ptr<const RuleSet> rules,
                                       uint32_t max_groups) {
  return std::make_shared<CappedRuleSet>(std::move(rules), max_groups);
}

// Not in the header: GCC 12 finds fault with what it inlines of them.
TestField::TestField(const char* name_in, const char* text_in)
    : name(name_in), text(text_in) {}
TestField::TestField(const char* name_in, std::string text_in)
    : name(name_in), text(std::move(text_in)) {}
TestField::TestField(const char* name_in, double number_in)
    : name(name_in), number(number_in), is_number(true) {}
TestField::TestField(const char* name_in, int number_in)
    : TestField(name_in, static_cast<double>(number_in)) {}
TestField::TestField(const char* name_in, std::vector<std::string> list_in)
    : name(name_in), list(std::move(list_in)) {}
TestField::TestField(const TestField& other) = default;
TestField::~TestField() = default;

TestLog::TestLog(std::shared_ptr<const RuleSet> rules)
    : rules_(rules),
      matcher_(NewMatcher(rules)),
      batch_(std::make_shared<EventBatch>()) {}

const Event& TestLog::Add(EventTime time_ms,
                          const std::vector<TestField>& fields,
                          std::string id) {
  Event* event = batch_->Add();
  event->time_ms = time_ms;
  if (id.empty()) id = absl::StrCat("e", events_.size());
  event->id = batch_->CopyText(id);
  event->slot_count = static_cast<uint32_t>(rules_->fields().size());
  Value* values = batch_->NewValues(event->slot_count);
  for (const TestField& field : fields) {
    const Slot slot = rules_->fields().Find(field.name);
    if (slot == kNoSlot) continue;
    if (field.is_number) {
      values[slot] = field.number == std::floor(field.number)
                         ? Value::Int(static_cast<int64_t>(field.number))
                         : Value::Double(field.number);
    } else if (!field.list.empty()) {
      Value* list = batch_->NewValues(field.list.size());
      for (size_t i = 0; i < field.list.size(); ++i) {
        list[i] = Value::String(batch_->CopyText(field.list[i]));
      }
      values[slot] =
          Value::List(list, static_cast<uint32_t>(field.list.size()));
    } else {
      values[slot] = Value::String(batch_->CopyText(field.text));
    }
  }
  event->slots = values;
  event->route = rules_->Route(LogSourceSpec());
  std::vector<uint32_t> matches;
  matcher_->Match(*event, &matches);
  if (!matches.empty()) {
    auto* kept = reinterpret_cast<uint32_t*>(
        batch_->Allocate(matches.size() * sizeof(uint32_t)));
    std::copy(matches.begin(), matches.end(), kept);
    event->matches = absl::MakeSpan(kept, matches.size());
  }
  events_.push_back(event);
  return *event;
}

void TestLog::Sort() {
  std::sort(events_.begin(), events_.end(),
            [](const Event* a, const Event* b) { return EventBefore(*a, *b); });
}

EngineHarness::EngineHarness(std::shared_ptr<const RuleSet> rules,
                             uint32_t seed)
    : rules_(rules), random_(seed), engine_(Engine::Create(rules)) {}

void EngineHarness::Observe(const Event& event) {
  ASSERT_GT(event.time_ms, watermark_);
  engine_->Observe(event);
}

void EngineHarness::AdvanceTo(EventTime watermark) {
  watermark_ = std::max(watermark_, watermark);
  engine_->AdvanceTo(watermark);
}

void EngineHarness::Commit() {
  bool opened = false;
  for (StateChange& change : engine_->TakeDirtyState()) {
    const auto row =
        std::make_pair(std::move(change.owner), std::move(change.group));
    if (change.erased) {
      EXPECT_EQ(rows_.count(row), 1u) << "erased a row that was never stored";
      rows_.erase(row);
    } else {
      rows_[row] = std::move(change.blob);
    }
  }
  const bool has_opened = engine_->HasOpened();
  std::map<std::pair<std::string, int>, int> seen;
  for (Detection& detection : engine_->TakeDetections()) {
    const bool is_open = detection.kind == Detection::Kind::kOpen;
    opened |= is_open;
    // An episode is told of once, or as opened and closed.
    const int kind = detection.kind == Detection::Kind::kClose ? 1 : 0;
    EXPECT_EQ(++seen[std::make_pair(detection.id.str(), kind)], 1);
    const auto known = alerts_.find(detection.id.str());
    EXPECT_EQ(known == alerts_.end(), is_open) << ToText(detection);
    if (known != alerts_.end()) {
      EXPECT_NE(known->second.kind, Detection::Kind::kClose)
          << "an episode went on after its end: " << ToText(detection);
      EXPECT_GE(detection.count, known->second.count);
    }
    alerts_[detection.id.str()] = std::move(detection);
  }
  EXPECT_EQ(opened, has_opened);
  EXPECT_FALSE(engine_->HasOpened());
}

void EngineHarness::Restart() {
  Commit();
  engine_ = Engine::Create(rules_);
  std::vector<std::pair<std::pair<std::string, std::string>, std::string>> rows(
      rows_.begin(), rows_.end());
  std::shuffle(rows.begin(), rows.end(), random_);
  for (const auto& [row, blob] : rows) {
    const absl::Status status =
        engine_->RestoreRow(row.first, row.second, blob);
    EXPECT_TRUE(status.ok()) << status;
  }
  engine_->FinishRestore(watermark_);
}

const std::map<std::string, Detection>& EngineHarness::Alerts() {
  Commit();
  return alerts_;
}

std::vector<Detection> EngineHarness::AlertsOf(absl::string_view name) {
  std::vector<Detection> out;
  for (const auto& [id, detection] : Alerts()) {
    if (name.empty() || rules_->rule(detection.rule).name == name) {
      out.push_back(detection);
    }
  }
  std::sort(out.begin(), out.end(), [](const Detection& a, const Detection& b) {
    if (a.first_fire_ms != b.first_fire_ms) {
      return a.first_fire_ms < b.first_fire_ms;
    }
    return a.group < b.group;
  });
  return out;
}

std::string ToText(const Detection& detection) {
  std::string out =
      absl::StrCat("rule ", detection.rule, " ", detection.id.view(),
                   " key=", detection.key.view());
  for (const auto& [name, value] : detection.group) {
    absl::StrAppend(&out, " ", name, "=", value);
  }
  absl::StrAppend(&out, " fire=", FormatTime(detection.first_fire_ms),
                  " first=", FormatTime(detection.first_event_ms),
                  " last=", FormatTime(detection.last_event_ms),
                  " count=", detection.count, " late=", detection.late_events,
                  " ",
                  detection.kind == Detection::Kind::kClose ? "closed" : "open",
                  " \"", detection.explanation, "\"");
  for (const Evidence& evidence : detection.evidence) {
    absl::StrAppend(&out, "\n    ", evidence.event_id, "@",
                    FormatTime(evidence.time_ms));
    for (const auto& [name, text] : evidence.fields) {
      absl::StrAppend(&out, " ", name, "=", text);
    }
  }
  return out;
}

std::string ToText(const std::map<std::string, Detection>& alerts) {
  std::string out;
  for (const auto& [id, detection] : alerts) {
    absl::StrAppend(&out, ToText(detection), "\n");
  }
  return out;
}

}  // namespace keywatch
