#include "daemon/cli/rule_test_runner.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "daemon/core/utf8.h"
#include "daemon/engine/engine.h"

namespace keywatch {
namespace {

// Text of an attribute or an element; characters that XML 1.0 cannot hold
// become U+FFFD.
std::string Xml(absl::string_view text) {
  std::string out;
  for (const char c : ToValidUtf8(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\xef\xbf\xbd";
        } else {
          out += c;
        }
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<RuleTestOutcome> RunRuleTest(
    const std::shared_ptr<const RuleSet>& rules, const InlineTest& test) {
  absl::StatusOr<std::vector<TestEvent>> events = TestEvents(test);
  if (!events.ok()) return events.status();

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

  RuleTestOutcome outcome;
  int64_t matched = 0;
  const std::unique_ptr<Engine> engine = Engine::Create(rules);
  const auto take = [&] {
    for (Detection& detection : engine->TakeDetections()) {
      if (detection.rule != test.rule) continue;
      if (detection.kind == Detection::Kind::kOpen) {
        outcome.alerts.push_back(std::move(detection));
      } else if (!outcome.alerts.empty()) {
        // The same episode, further on.
        for (Detection& known : outcome.alerts) {
          if (known.id == detection.id) known = detection;
        }
      }
    }
  };
  for (const Event* event : order) {
    engine->AdvanceTo(event->time_ms - 1);
    take();
    engine->Observe(*event);
    take();
    matched +=
        std::count(event->matches.begin(), event->matches.end(), test.rule);
  }
  if (!order.empty()) {
    engine->AdvanceTo(order.back()->time_ms);
    take();
  }
  outcome.count = rules->rule(test.rule).stateful()
                      ? static_cast<int64_t>(outcome.alerts.size())
                      : matched;
  return outcome;
}

std::string JUnitXml(const std::vector<RuleTestReport>& reports) {
  std::map<std::string, std::vector<const RuleTestReport*>> suites;
  size_t failures = 0;
  for (const RuleTestReport& report : reports) {
    suites[report.file].push_back(&report);
    if (!report.passed) ++failures;
  }
  std::string out = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"",
      reports.size(), "\" failures=\"", failures, "\">\n");
  for (const auto& suite : suites) {
    const auto failed = std::count_if(
        suite.second.begin(), suite.second.end(),
        [](const RuleTestReport* report) { return !report->passed; });
    absl::StrAppend(&out, "  <testsuite name=\"", Xml(suite.first),
                    "\" tests=\"", suite.second.size(), "\" failures=\"",
                    failed, "\">\n");
    for (const RuleTestReport* report : suite.second) {
      absl::StrAppend(&out, "    <testcase classname=\"", Xml(report->rule),
                      "\" name=\"", Xml(report->name), "\" file=\"",
                      Xml(report->file), "\" line=\"", report->line, "\"");
      if (report->passed) {
        out += "/>\n";
      } else {
        absl::StrAppend(&out, ">\n      <failure message=\"",
                        Xml(report->message), "\"/>\n    </testcase>\n");
      }
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace keywatch
