#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/test_value.h"

namespace keywatch {
namespace {

TestValue Scalar(const yaml::Node& node) {
  TestValue value;
  switch (node.kind) {
    case yaml::Node::Kind::kBool:
      value.type = Value::Type::kBool;
      value.boolean = node.boolean;
      break;
    case yaml::Node::Kind::kInt:
      value.type = Value::Type::kInt;
      value.integer = node.integer;
      break;
    case yaml::Node::Kind::kDouble:
      value.type = Value::Type::kDouble;
      value.number = node.number;
      break;
    case yaml::Node::Kind::kString:
      value.type = Value::Type::kString;
      value.text = node.text;
      break;
    default:
      break;
  }
  return value;
}

class TestParser {
 public:
  explicit TestParser(RuleDocument* document)
      : document_(*document), reporter_(document->reporter) {}

  void Parse(const yaml::Node& node) {
    if (!node.is_list()) {
      reporter_.Error(
          node, "bad-value",
          absl::StrCat("`tests` is a list, not ", yaml::KindName(node.kind)));
      return;
    }
    for (const yaml::Node& item : node.list) ParseTest(item);
  }

 private:
  void ParseTest(const yaml::Node& node) {
    yaml::MapReader reader(reporter_.file(), &node, reporter_.issues());
    InlineTest test;
    test.file = reporter_.file().name();
    test.line = node.line;
    test.name = reader.RequiredString("name");
    if (reader.Require("match") != nullptr) {
      test.match = reader.Int("match", 0, 0, 1'000'000);
    }
    const yaml::Node* events = reader.Require("events");
    reader.Finish();
    if (events == nullptr) return;
    if (events->is_list()) {
      for (const yaml::Node& event : events->list) ParseEvent(event, &test);
    } else if (events->kind == yaml::Node::Kind::kString) {
      test.events_file = events->text;
    } else {
      reporter_.Error(*events, "bad-value",
                      "`events` is a list of events or the name of a file of "
                      "JSON lines");
    }
    document_.tests.push_back(std::move(test));
  }

  void ParseEvent(const yaml::Node& node, InlineTest* test) {
    if (!node.is_map()) {
      reporter_.Error(
          node, "bad-value",
          absl::StrCat("an event is a map, not ", yaml::KindName(node.kind)));
      return;
    }
    TestEvent event;
    Flatten(node, "", false, &event);
    test->events.push_back(std::move(event));
  }

  // As a format reads records: maps become dotted paths, and lists give what
  // stands at the path in each element.
  void Flatten(const yaml::Node& node, const std::string& prefix, bool in_list,
               TestEvent* event) {
    for (const auto& entry : node.map) {
      const std::string path = prefix + entry.first.text;
      if (path == field::kTimestamp) {
        ParseTimestamp(entry.second, event);
      } else {
        AddValue(entry.second, path, in_list, event);
      }
    }
  }

  void AddValue(const yaml::Node& value, const std::string& path, bool in_list,
                TestEvent* event) {
    if (value.is_map()) {
      Flatten(value, path + ".", in_list, event);
    } else if (value.is_list()) {
      if (value.list.empty()) AddTestValue(path, {}, true, event);
      for (const yaml::Node& item : value.list) {
        AddValue(item, path, true, event);
      }
    } else {
      AddTestValue(path, {Scalar(value)}, in_list, event);
    }
  }

  void ParseTimestamp(const yaml::Node& node, TestEvent* event) {
    const absl::StatusOr<absl::Duration> offset = ParseDuration(node.text);
    if (node.is_scalar() && offset.ok()) {
      event->offset_ms = absl::ToInt64Milliseconds(*offset);
      return;
    }
    const absl::StatusOr<EventTime> time = ParseTime(node.text);
    if (node.is_scalar() && time.ok()) {
      event->time_ms = *time;
      return;
    }
    reporter_.Error(node, "bad-value",
                    absl::StrCat("\"", node.text, "\" is no time"),
                    "a time is 90s (after the test's start) or "
                    "2026-08-03T14:00:00Z");
  }

  RuleDocument& document_;
  Reporter& reporter_;
};

}  // namespace

void ParseTests(const yaml::Node& node, RuleDocument* document) {
  TestParser(document).Parse(node);
}

}  // namespace keywatch
