#include "daemon/rules/inline_tests.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/rules/test_value.h"

namespace keywatch {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;

TestValue FromScalar(const Json& json) {
  TestValue value;
  switch (json.type()) {
    case Json::value_t::boolean:
      value.type = Value::Type::kBool;
      value.boolean = json.get<bool>();
      break;
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
        value.type = Value::Type::kDouble;
        value.number = json.get<double>();
        break;
      }
      value.type = Value::Type::kInt;
      value.integer = json.get<int64_t>();
      break;
    case Json::value_t::number_integer:
      value.type = Value::Type::kInt;
      value.integer = json.get<int64_t>();
      break;
    case Json::value_t::number_float:
      value.type = Value::Type::kDouble;
      value.number = json.get<double>();
      break;
    case Json::value_t::string:
      value.type = Value::Type::kString;
      value.text = ToValidUtf8(json.get_ref<const std::string&>());
      break;
    default:
      break;
  }
  return value;
}

absl::Status AddMap(const Json& map, const std::string& prefix, bool in_list,
                    int depth, TestEvent* event);

absl::Status AddValue(const Json& value, const std::string& path, bool in_list,
                      int depth, TestEvent* event) {
  if (depth > kMaxDepth) {
    return absl::InvalidArgumentError("the values are nested too deeply");
  }
  if (value.is_object()) {
    return AddMap(value, path + ".", in_list, depth + 1, event);
  }
  if (!value.is_array()) {
    AddTestValue(path, {FromScalar(value)}, in_list, event);
    return absl::OkStatus();
  }
  if (value.empty()) AddTestValue(path, {}, true, event);
  for (const Json& item : value) {
    absl::Status status = AddValue(item, path, true, depth + 1, event);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AddTimestamp(const Json& value, TestEvent* event) {
  const std::string text =
      value.is_string() ? value.get<std::string>() : value.dump();
  const absl::StatusOr<absl::Duration> offset = ParseDuration(text);
  if (offset.ok()) {
    event->offset_ms = absl::ToInt64Milliseconds(*offset);
    return absl::OkStatus();
  }
  const absl::StatusOr<EventTime> time = ParseTime(text);
  if (!time.ok()) return time.status();
  event->time_ms = *time;
  return absl::OkStatus();
}

absl::Status AddMap(const Json& map, const std::string& prefix, bool in_list,
                    int depth, TestEvent* event) {
  for (const auto& item : map.items()) {
    const std::string path = prefix + item.key();
    absl::Status status =
        path == field::kTimestamp
            ? AddTimestamp(item.value(), event)
            : AddValue(item.value(), path, in_list, depth, event);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void AppendStrings(const TestValue& value, EventBatch* batch,
                   std::vector<Value>* strings) {
  if (value.type == Value::Type::kString) {
    strings->push_back(Value::String(batch->CopyText(value.text)));
  }
  for (const TestValue& item : value.list) {
    AppendStrings(item, batch, strings);
  }
}

Value NewList(const std::vector<Value>& elements, EventBatch* batch) {
  Value* copy = batch->NewValues(elements.size());
  std::copy(elements.begin(), elements.end(), copy);
  return Value::List(copy, static_cast<uint32_t>(elements.size()));
}

}  // namespace

void AddTestValue(const std::string& path, std::vector<TestValue> values,
                  bool in_list, TestEvent* event) {
  if (!in_list) {
    event->fields.push_back({path, std::move(values.front())});
    return;
  }
  for (auto& [name, value] : event->fields) {
    if (name != path || value.type != Value::Type::kList) continue;
    for (TestValue& item : values) value.list.push_back(std::move(item));
    return;
  }
  TestValue list;
  list.type = Value::Type::kList;
  list.list = std::move(values);
  event->fields.push_back({path, std::move(list)});
}

absl::StatusOr<TestEvent> ParseTestEvent(absl::string_view json) {
  const Json parsed = Json::parse(json.begin(), json.end(), nullptr,
                                  /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  TestEvent event;
  absl::Status status = AddMap(parsed, "", false, 0, &event);
  if (!status.ok()) return status;
  return event;
}

absl::StatusOr<std::vector<TestEvent>> TestEvents(const InlineTest& test) {
  if (test.events_file.empty()) return test.events;
  std::string path = test.events_file;
  const size_t slash = test.file.rfind('/');
  if (!absl::StartsWith(path, "/") && slash != std::string::npos) {
    path = test.file.substr(0, slash + 1) + path;
  }
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  std::vector<TestEvent> events;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    absl::StatusOr<TestEvent> event = ParseTestEvent(line);
    if (!event.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", event.status().message()));
    }
    events.push_back(*std::move(event));
  }
  return events;
}

Value EventBuilder::ToValue(const TestValue& value, EventBatch* batch) const {
  switch (value.type) {
    case Value::Type::kBool:
      return Value::Bool(value.boolean);
    case Value::Type::kInt:
      return Value::Int(value.integer);
    case Value::Type::kDouble:
      return Value::Double(value.number);
    case Value::Type::kString:
      return Value::String(batch->CopyText(value.text));
    case Value::Type::kList: {
      std::vector<Value> elements;
      for (const TestValue& item : value.list) {
        elements.push_back(ToValue(item, batch));
      }
      return NewList(elements, batch);
    }
    default:
      return Value::Null();
  }
}

Event* EventBuilder::Build(const TestEvent& event, EventBatch* batch) {
  const FieldTable& fields = rules_.fields();
  Value* values = batch->NewValues(fields.size());
  Event* built = batch->Add();
  built->slots = values;
  built->slot_count = static_cast<uint32_t>(fields.size());
  built->route = route_;
  built->id = batch->CopyText(absl::StrCat(++count_));
  if (event.offset_ms) {
    last_ms_ = start_ + *event.offset_ms;
  } else if (event.time_ms) {
    last_ms_ = *event.time_ms;
  }
  built->time_ms = last_ms_;
  std::vector<Value> strings;
  const Slot all_strings = fields.Find(FieldTable::kAllStrings);
  for (const auto& [name, value] : event.fields) {
    if (name == field::kEventId && value.type == Value::Type::kString &&
        !value.text.empty()) {
      built->id = batch->CopyText(value.text);
    }
    if (all_strings != kNoSlot) AppendStrings(value, batch, &strings);
    const Slot slot = fields.Find(name);
    if (slot != kNoSlot && slot != all_strings) {
      values[slot] = ToValue(value, batch);
    }
  }
  if (all_strings != kNoSlot) values[all_strings] = NewList(strings, batch);
  const Slot time = fields.Find(field::kTimestamp);
  if (time != kNoSlot && values[time].absent()) {
    values[time] = Value::String(batch->CopyText(FormatTime(last_ms_)));
  }
  return built;
}

}  // namespace keywatch
