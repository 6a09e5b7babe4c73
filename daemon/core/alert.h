#ifndef DAEMON_CORE_ALERT_H_
#define DAEMON_CORE_ALERT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/detection.h"
#include "daemon/core/ids.h"
#include "daemon/core/level.h"

namespace keywatch {

// The life of an alert: open -> acknowledged -> resolved, or open -> resolved.
enum class AlertState { kOpen, kAcknowledged, kResolved };

absl::string_view AlertStateName(AlertState state);
absl::optional<AlertState> ParseAlertState(absl::string_view name);

// Alert is durable and deduplicated: one episode of one rule for one group,
// and what people did about it. The engine owns the facts of the episode,
// people own state and notes; neither overwrites the other.
struct Alert {
  AlertId id;
  RuleId rule_id;  // "manual" for an alert raised by hand
  std::string rule_name;
  std::string title;
  Level level = Level::kMedium;
  Stage stage = Stage::kNotify;
  KeyId key;
  Group group;
  // 16 hex digits: hash of rule id and group, the same for every episode.
  std::string fingerprint;

  EventTime first_fire_ms = 0;
  EventTime first_event_ms = 0;
  EventTime last_event_ms = 0;
  // When the episode ended; 0 while it goes on.
  EventTime ended_ms = 0;
  int64_t count = 0;
  int64_t late_events = 0;
  std::string explanation;
  std::string description;
  std::string playbook;
  std::vector<std::string> tags;
  std::vector<Evidence> evidence;
  // Notifiers that the rule (or the person who raised it) asked for.
  std::vector<std::string> notify;

  AlertState state = AlertState::kOpen;
  std::string state_by;     // who changed the state last
  int64_t state_at_ms = 0;  // when (wall clock); 0 never
  std::string note;         // what they wrote
  // Grows with every change, for compare-and-set.
  int64_t version = 0;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_ALERT_H_
