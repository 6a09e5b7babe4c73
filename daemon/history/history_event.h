#ifndef DAEMON_HISTORY_HISTORY_EVENT_H_
#define DAEMON_HISTORY_HISTORY_EVENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"

namespace keywatch {

// What the numbers in stored events stand for. A value.
struct HistorySchema {
  struct Source {
    std::string name;
    // The logsource that its format declares.
    std::string product;
    std::string category;
    std::string service;

    friend bool operator==(const Source& a, const Source& b) {
      return a.name == b.name && a.product == b.product &&
             a.category == b.category && a.service == b.service;
    }
  };
  std::vector<std::string> fields;
  std::vector<Source> sources;
};

std::string EncodeSchema(const HistorySchema& schema);
absl::optional<HistorySchema> DecodeSchema(absl::string_view payload);

// One event as the history holds it. Text and lists live in its block.
struct HistoryEvent {
  EventTime time_ms = 0;
  absl::string_view id;
  uint32_t source = 0;  // indexes HistorySchema::sources
  bool id_is_position = false;
  // Index into HistorySchema::fields, and the value; none is absent.
  std::vector<std::pair<uint32_t, Value>> values;
};

// Appends `event` to the payload of a block. `slots[i]` is the event's slot of
// the schema's field i; `*last_ms` the time of the event before it in the
// block, 0 for the first.
void EncodeEvent(const Event& event, const std::vector<Slot>& slots,
                 EventTime* last_ms, std::string* payload);
// The same for an event that was read.
void EncodeEvent(const HistoryEvent& event, EventTime* last_ms,
                 std::string* payload);

// The events of a block; lists are put into `arena`, text stays in `payload`.
// nullopt when it is not what EncodeEvent wrote.
absl::optional<std::vector<HistoryEvent>> DecodeEvents(
    absl::string_view payload, const HistorySchema& schema, EventBatch* arena);

}  // namespace keywatch

#endif  // DAEMON_HISTORY_HISTORY_EVENT_H_
