#ifndef DAEMON_CORE_DETECTION_H_
#define DAEMON_CORE_DETECTION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/event.h"
#include "daemon/core/ids.h"

namespace keywatch {

// Names and values of a group, in the order of the rule's group-by.
using Group = std::vector<std::pair<std::string, std::string>>;

// One event as an alert shows it.
struct Evidence {
  std::string event_id;
  EventTime time_ms = 0;
  // Field name and text, bounded; secrets and personal data never get here.
  std::vector<std::pair<std::string, std::string>> fields;

  friend bool operator==(const Evidence& a, const Evidence& b) {
    return a.event_id == b.event_id && a.time_ms == b.time_ms &&
           a.fields == b.fields;
  }
};

// Detection is the engine's output: rule R fired for group G at event time T
// because of E. It is a snapshot of the episode so far (counts are totals, not
// increments), so that applying it twice changes nothing.
struct Detection {
  // Open: the episode begins, an alert must appear at once. Update: the episode
  // goes on. Close: the group fell below for long enough; the next crossing is
  // a new episode with a new id.
  enum class Kind { kOpen, kUpdate, kClose };
  Kind kind = Kind::kOpen;

  // Index of the rule in the RuleSet.
  uint32_t rule = 0;
  // Hash of rule id, group and the first firing event; never wall clock, host
  // or random.
  AlertId id;
  Group group;
  // The key that the alert is about; empty when the group names none and the
  // event has none.
  KeyId key;

  EventTime first_fire_ms = 0;   // when the rule crossed
  EventTime first_event_ms = 0;  // the oldest event that counted
  EventTime last_event_ms = 0;
  // Events that counted for the episode: those in the window at the crossing
  // and every one since.
  int64_t count = 0;
  // Late events that would have counted.
  int64_t late_events = 0;
  // At most kMaxEvidence, the first ones of the episode.
  std::vector<Evidence> evidence;
  // Why, in numbers that a person can check: "6 events in 15m, threshold >= 6".
  std::string explanation;

  static constexpr int kMaxEvidence = 10;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_DETECTION_H_
