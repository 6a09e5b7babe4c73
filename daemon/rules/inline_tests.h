#ifndef DAEMON_RULES_INLINE_TESTS_H_
#define DAEMON_RULES_INLINE_TESTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/core/value.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// A field's value as a test writes it.
struct TestValue {
  Value::Type type = Value::Type::kNull;  // never kAbsent
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<TestValue> list;  // scalars
};

// One event of a test: its fields by dotted path, and its time.
struct TestEvent {
  std::vector<std::pair<std::string, TestValue>> fields;
  // Milliseconds after the test's start; when neither is given, the time of
  // the event before it.
  absl::optional<int64_t> offset_ms;
  absl::optional<EventTime> time_ms;
};

// InlineTest is one entry of a rule's `tests:`. A value.
struct InlineTest {
  std::string name;
  // The rule that it tests, as an index into the RuleSet.
  uint32_t rule = 0;
  // Alerts expected of the rule; for a detection, matching events.
  int64_t match = 0;
  std::vector<TestEvent> events;
  // Where events stand when they are not in the rule: a file of JSON lines,
  // beside the rule unless absolute. Empty otherwise.
  std::string events_file;
  std::string file;  // of the rule
  int line = 0;      // of the test
};

// The start of every test whose events have no time of their own:
// 2026-01-05T00:00:00Z, a Monday.
constexpr EventTime kTestStart = 1767571200000;

// The tests of all rules of the set, in the order of the documents.
const std::vector<InlineTest>& InlineTests(const RuleSet& rules);

// The events of a test, read from its file when it names one. NOT_FOUND or
// INVALID_ARGUMENT with file and line when that cannot be read.
absl::StatusOr<std::vector<TestEvent>> TestEvents(const InlineTest& test);

// One JSON object as a test's event: nested objects become dotted paths, lists
// keep their scalars. INVALID_ARGUMENT when it is none.
absl::StatusOr<TestEvent> ParseTestEvent(absl::string_view json);

// EventBuilder makes events of a RuleSet out of fields by name, for tests and
// for `rules explain`. Thread-compatible.
class EventBuilder {
 public:
  // `rules` must outlive the builder; the events get `route`.
  explicit EventBuilder(const RuleSet* rules, uint32_t route = 0)
      : rules_(*rules), route_(route) {}

  // Adds the event to `batch`. Fields that the set does not know are left out
  // (but searched by keywords). The id is the field `event.id`, else "1", "2",
  // and so on.
  Event* Build(const TestEvent& event, EventBatch* batch);

  // The next test begins: its times count from `start`.
  void Restart(EventTime start = kTestStart) {
    start_ = start;
    last_ms_ = start;
  }

 private:
  Value ToValue(const TestValue& value, EventBatch* batch) const;

  const RuleSet& rules_;
  const uint32_t route_;
  EventTime start_ = kTestStart;
  EventTime last_ms_ = kTestStart;
  int64_t count_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_INLINE_TESTS_H_
