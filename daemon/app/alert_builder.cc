#include "daemon/app/alert_builder.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/crypto/hash.h"

namespace keywatch {
namespace {

// The key comes from a log, and people paste commands: nothing in it may mean
// something to a shell.
bool IsPlainWord(absl::string_view word) {
  return !word.empty() && word[0] != '-' &&
         std::all_of(word.begin(), word.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.' ||
                  c == ':';
         });
}

}  // namespace

std::string AlertFingerprint(const RuleId& rule, const Group& group) {
  std::string text;
  Encoder encoder(&text);
  encoder.String(rule.view());
  for (const auto& [name, value] : group) {
    encoder.String(name);
    encoder.String(value);
  }
  return Sha256Hex(text, 16);
}

AlertUpsert BuildAlert(const RuleSet& rules, const Detection& detection,
                       const std::vector<std::string>& default_notify) {
  const Rule& rule = rules.rule(detection.rule);
  AlertUpsert out;
  Alert& alert = out.alert;
  alert.id = detection.id;
  alert.rule_id = rule.id;
  alert.rule_name = rule.name;
  alert.title = rule.title;
  alert.level = rule.level;
  alert.stage = rule.stage;
  alert.key = detection.key;
  alert.group = detection.group;
  alert.fingerprint = AlertFingerprint(rule.id, detection.group);
  alert.first_fire_ms = detection.first_fire_ms;
  alert.first_event_ms = detection.first_event_ms;
  alert.last_event_ms = detection.last_event_ms;
  if (detection.kind == Detection::Kind::kClose) {
    alert.ended_ms = detection.last_event_ms;
  }
  alert.count = detection.count;
  alert.late_events = detection.late_events;
  alert.explanation = detection.explanation;
  alert.description = rule.description;
  alert.playbook = rule.playbook;
  if (rule.response.roll != Response::RollMode::kNever &&
      IsPlainWord(alert.key.view())) {
    absl::StrAppend(&alert.playbook, alert.playbook.empty() ? "" : "\n\n",
                    "The rule proposes to roll the key, the old one expiring ",
                    rule.response.roll_expire == "now"
                        ? "at once"
                        : absl::StrCat("after ", rule.response.roll_expire),
                    ":\n\n    keywatch roll start ", alert.key.view(),
                    " --alert ", alert.id.view(), " --reason leaked\n");
  }
  alert.tags = rule.tags;
  alert.evidence = detection.evidence;
  if (rule.stage != Stage::kShadow) {
    out.notify =
        rule.response.notify_set ? rule.response.notify : default_notify;
  }
  alert.notify = out.notify;
  return out;
}

}  // namespace keywatch
