#include "daemon/respond/webhook_body.h"

#include <utility>

#include "daemon/core/time.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

// null for a time that is not known.
Json Time(EventTime time_ms) {
  return time_ms == 0 ? Json(nullptr) : Json(FormatTime(time_ms));
}

Json Strings(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

// Pairs rather than an object: a field may come twice, and the order of a
// rule's group-by means something.
Json Pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json list = Json::array();
  for (const auto& [name, value] : pairs) {
    list.push_back({{"field", name}, {"value", value}});
  }
  return list;
}

Json Data(const Alert& alert) {
  Json data;
  data["id"] = alert.id.str();
  data["rule_id"] = alert.rule_id.str();
  data["rule_name"] = alert.rule_name;
  data["title"] = alert.title;
  data["level"] = std::string(LevelName(alert.level));
  data["stage"] = std::string(StageName(alert.stage));
  data["state"] = std::string(AlertStateName(alert.state));
  data["key_id"] = alert.key.str();
  data["group"] = Pairs(alert.group);
  data["fingerprint"] = alert.fingerprint;
  data["count"] = alert.count;
  data["late_events"] = alert.late_events;
  data["first_fire_time"] = Time(alert.first_fire_ms);
  data["first_event_time"] = Time(alert.first_event_ms);
  data["last_event_time"] = Time(alert.last_event_ms);
  data["ended_time"] = Time(alert.ended_ms);
  data["explanation"] = alert.explanation;
  data["description"] = alert.description;
  data["playbook"] = alert.playbook;
  data["tags"] = Strings(alert.tags);
  Json evidence = Json::array();
  for (const Evidence& event : alert.evidence) {
    Json item;
    item["event_id"] = event.event_id;
    item["time"] = Time(event.time_ms);
    item["fields"] = Pairs(event.fields);
    evidence.push_back(std::move(item));
  }
  data["evidence"] = std::move(evidence);
  data["state_by"] = alert.state_by;
  data["state_time"] = Time(alert.state_at_ms);
  data["note"] = alert.note;
  data["version"] = alert.version;
  return data;
}

}  // namespace

absl::string_view WebhookType(NotificationEvent event) {
  switch (event) {
    case NotificationEvent::kOpen:
      return "alert.opened";
    case NotificationEvent::kEscalate:
      return "alert.escalated";
    case NotificationEvent::kResolve:
      return "alert.resolved";
  }
  return "";
}

std::string WebhookBody(const Notification& notification) {
  Json body;
  body["type"] = std::string(WebhookType(notification.event));
  body["timestamp"] = FormatTime(ToEventTime(notification.created));
  body["data"] = Data(notification.alert);
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace keywatch
