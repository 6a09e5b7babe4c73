#include "daemon/respond/alertmanager_payload.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxLabelBytes = 256;
constexpr size_t kMaxAnnotationBytes = 4096;
constexpr int kMaxEvidenceIds = 5;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// On one line, bounded: labels are shown in lists and typed into matchers.
std::string LabelValue(absl::string_view text) {
  std::string value = ToValidUtf8(text.substr(0, 4 * kMaxLabelBytes));
  for (char& c : value) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return std::string(absl::StripTrailingAsciiWhitespace(
      TruncateUtf8(absl::StripLeadingAsciiWhitespace(value), kMaxLabelBytes)));
}

void AddLabel(absl::string_view name, absl::string_view text,
              AlertmanagerLabels* labels) {
  std::string value = LabelValue(text);
  if (!value.empty()) labels->emplace_back(std::string(name), std::move(value));
}

void Annotate(absl::string_view name, absl::string_view text, Json* json) {
  if (text.empty()) return;
  const std::string valid = ToValidUtf8(text);
  (*json)[std::string(name)] =
      std::string(TruncateUtf8(valid, kMaxAnnotationBytes));
}

Json Annotations(const Alert& alert) {
  Json json = Json::object();
  Annotate("summary", alert.title, &json);
  Annotate("description", alert.description, &json);
  Annotate("explanation", alert.explanation, &json);
  Annotate("playbook", alert.playbook, &json);
  Annotate("alert_id", alert.id.str(), &json);
  Annotate("count", absl::StrCat(alert.count), &json);
  if (alert.late_events > 0) {
    Annotate("late_events", absl::StrCat(alert.late_events), &json);
  }
  if (alert.first_event_ms != 0) {
    Annotate("first_event", FormatTime(alert.first_event_ms), &json);
  }
  if (alert.last_event_ms != 0) {
    Annotate("last_event", FormatTime(alert.last_event_ms), &json);
  }
  Annotate("group",
           absl::StrJoin(alert.group, ", ",
                         [](std::string* out, const auto& member) {
                           absl::StrAppend(out, member.first, "=",
                                           member.second);
                         }),
           &json);
  std::string evidence;
  for (size_t i = 0; i < alert.evidence.size() && i < kMaxEvidenceIds; ++i) {
    absl::StrAppend(&evidence, i == 0 ? "" : ", ", alert.evidence[i].event_id);
  }
  Annotate("evidence", evidence, &json);
  Annotate("tags", absl::StrJoin(alert.tags, ", "), &json);
  if (alert.state != AlertState::kOpen) {
    Annotate("state", AlertStateName(alert.state), &json);
    Annotate("state_by", alert.state_by, &json);
    Annotate("note", alert.note, &json);
  }
  return json;
}

}  // namespace

bool IsValidLabelName(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '_';
         });
}

const std::vector<std::string>& ReservedLabelNames() {
  static const auto* const kNames = new std::vector<std::string>{
      "alertname", "fingerprint", "key_id", "rule_id", "severity", "stage"};
  return *kNames;
}

AlertmanagerLabels LabelsOf(const Alert& alert,
                            const AlertmanagerLabels& extra) {
  AlertmanagerLabels labels;
  // A rule without a name is known by its title. An alert without alertname
  // would fall through most routing trees.
  AddLabel("alertname",
           !alert.rule_name.empty() ? alert.rule_name
           : !alert.title.empty()   ? alert.title
                                    : alert.rule_id.str(),
           &labels);
  AddLabel("rule_id", alert.rule_id.str(), &labels);
  AddLabel("severity", LevelName(alert.level), &labels);
  AddLabel("stage", StageName(alert.stage), &labels);
  AddLabel("key_id", alert.key.str(), &labels);
  AddLabel("fingerprint", alert.fingerprint, &labels);
  for (const auto& [name, value] : extra) AddLabel(name, value, &labels);
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::string LabelsJson(const AlertmanagerLabels& labels) {
  Json json = Json::object();
  for (const auto& [name, value] : labels) json[name] = value;
  return Dump(json);
}

std::string AlertmanagerAlertJson(absl::string_view labels_json,
                                  const Alert& alert, EventTime starts_ms,
                                  EventTime ends_ms,
                                  absl::string_view generator_url) {
  std::string out = absl::StrCat("{\"labels\":", labels_json,
                                 ",\"annotations\":", Dump(Annotations(alert)),
                                 ",\"startsAt\":\"", FormatTime(starts_ms),
                                 "\",\"endsAt\":\"", FormatTime(ends_ms), "\"");
  if (!generator_url.empty()) {
    absl::StrAppend(
        &out, ",\"generatorURL\":", Dump(Json(std::string(generator_url))));
  }
  absl::StrAppend(&out, "}");
  return out;
}

}  // namespace keywatch
