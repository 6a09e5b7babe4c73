#ifndef DAEMON_ENGINE_ENGINE_FIXTURE_H_
#define DAEMON_ENGINE_ENGINE_FIXTURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/detection.h"
#include "daemon/core/event.h"
#include "daemon/engine/engine.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// The set of one text with rules, for tests of the engine; logsources do not
// matter. Ends the test run when it does not compile, or when the engine does
// not support a rule.
std::shared_ptr<const RuleSet> CompileOrDie(absl::string_view yaml);

// Detections a, b and c, each of the events whose `kind` holds its name, and the
// rule `rule`: a correlation of `type` over those of them in `names`, by key.
// No condition when `condition` is empty.
std::shared_ptr<const RuleSet> CorrelationOrDie(absl::string_view type,
                                                absl::string_view names,
                                                absl::string_view timespan,
                                                absl::string_view condition);

// The same rules with room for `max_groups` groups each.
std::shared_ptr<const RuleSet> WithCap(std::shared_ptr<const RuleSet> rules,
                                       uint32_t max_groups);

// A field of a test event.
struct TestField {
  TestField(const char* name_in, const char* text_in);
  TestField(const char* name_in, std::string text_in);
  TestField(const char* name_in, double number_in);
  TestField(const char* name_in, int number_in);
  TestField(const char* name_in, std::vector<std::string> list_in);
  TestField(const TestField& other);
  ~TestField();
  std::string name;
  std::string text;
  double number = 0;
  bool is_number = false;
  std::vector<std::string> list;
};

// TestLog makes events of a rule set, with their matches, and owns them.
class TestLog {
 public:
  explicit TestLog(std::shared_ptr<const RuleSet> rules);

  // `id` is the log's number of the event when it is empty.
  const Event& Add(EventTime time_ms, const std::vector<TestField>& fields,
                   std::string id = "");
  const std::vector<const Event*>& events() const { return events_; }
  std::shared_ptr<EventBatch> batch() const { return batch_; }
  // In EventBefore order.
  void Sort();

 private:
  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<Matcher> matcher_;
  std::shared_ptr<EventBatch> batch_;
  std::vector<const Event*> events_;
};

// EngineHarness is an engine with what surrounds it in the daemon: a store of
// its rows and of the newest snapshot of every alert. It can be killed and
// restored from the store at any time.
class EngineHarness {
 public:
  explicit EngineHarness(std::shared_ptr<const RuleSet> rules,
                         uint32_t seed = 1);

  Engine& engine() { return *engine_; }
  void Observe(const Event& event);
  void AdvanceTo(EventTime watermark);
  // One commit.
  void Commit();
  // A commit, and a new engine from what was stored, in random order of rows.
  void Restart();

  // By id: the newest snapshot. Commits first.
  const std::map<std::string, Detection>& Alerts();
  // In order of first fire; of one rule when `name` is given.
  std::vector<Detection> AlertsOf(absl::string_view name);
  // The rows of the store.
  const std::map<std::pair<std::string, std::string>, std::string>& rows()
      const {
    return rows_;
  }

 private:
  std::shared_ptr<const RuleSet> rules_;
  std::mt19937 random_;
  std::unique_ptr<Engine> engine_;
  EventTime watermark_ = kMinEventTime;
  std::map<std::pair<std::string, std::string>, std::string> rows_;
  std::map<std::string, Detection> alerts_;
};

// Everything of an alert, as text, for comparisons that show what differs.
std::string ToText(const Detection& detection);
std::string ToText(const std::map<std::string, Detection>& alerts);

// 2026-01-05T00:00:00Z, a Monday.
constexpr EventTime kStart = 1767571200000;
constexpr int64_t kSecond = 1000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

}  // namespace keywatch

#endif  // DAEMON_ENGINE_ENGINE_FIXTURE_H_
