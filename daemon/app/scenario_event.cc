#include "daemon/app/scenario_event.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const yaml::Node& node) {
  switch (node.kind) {
    case yaml::Node::Kind::kBool:
      return node.boolean;
    case yaml::Node::Kind::kInt:
      return node.integer;
    case yaml::Node::Kind::kDouble:
      // JSON has no infinity; the text is what a log would hold.
      return std::isfinite(node.number) ? Json(node.number) : Json(node.text);
    case yaml::Node::Kind::kString:
      return node.text;
    case yaml::Node::Kind::kList: {
      Json list = Json::array();
      for (const yaml::Node& item : node.list) list.push_back(ToJson(item));
      return list;
    }
    case yaml::Node::Kind::kMap: {
      Json map = Json::object();
      for (const auto& entry : node.map) {
        map[entry.first.text] = ToJson(entry.second);
      }
      return map;
    }
    default:
      return Json();
  }
}

}  // namespace

TestEvent ReadTestEvent(const yaml::File& file, const yaml::Node& node,
                        IssueList* issues) {
  absl::StatusOr<TestEvent> event =
      absl::InvalidArgumentError("an event is a map of fields");
  if (node.is_map()) event = ParseTestEvent(ToJson(node).dump());
  if (event.ok()) return *std::move(event);
  issues->Add(file.At(node, Issue::Severity::kError, "bad-value",
                      std::string(event.status().message())));
  return TestEvent();
}

TestValue ReadTestValue(const yaml::Node& node) {
  const Json event = {{"value", node.is_scalar() ? ToJson(node) : Json()}};
  const absl::StatusOr<TestEvent> read = ParseTestEvent(event.dump());
  return read.ok() && !read->fields.empty() ? read->fields[0].second
                                            : TestValue();
}

}  // namespace keywatch
