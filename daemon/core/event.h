#ifndef DAEMON_CORE_EVENT_H_
#define DAEMON_CORE_EVENT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "daemon/core/field_table.h"
#include "daemon/core/value.h"

namespace keywatch {

// Time of an event: milliseconds since the Unix epoch, UTC. The engine, the
// store and the wire use the same integer.
using EventTime = int64_t;
constexpr EventTime kMinEventTime = INT64_MIN;
constexpr EventTime kMaxEventTime = INT64_MAX;

// Names of the fields that Keywatch itself reads; the rest are names in rules
// and formats. ECS where ECS has the field.
namespace field {
constexpr char kTimestamp[] = "@timestamp";
constexpr char kEventId[] = "event.id";
constexpr char kEventAction[] = "event.action";
constexpr char kEventOutcome[] = "event.outcome";
constexpr char kKeyId[] = "api.key.id";
constexpr char kKeyKind[] = "api.key.kind";
constexpr char kOperation[] = "api.operation";
constexpr char kMethod[] = "http.request.method";
constexpr char kPath[] = "url.path";
constexpr char kQuery[] = "url.query";
constexpr char kStatus[] = "http.response.status_code";
constexpr char kErrorCode[] = "error.code";
constexpr char kErrorMessage[] = "error.message";
constexpr char kSourceIp[] = "source.ip";
constexpr char kSourceAsn[] = "source.as.number";
constexpr char kSourceCountry[] = "source.geo.country_iso_code";
constexpr char kUserAgent[] = "user_agent.original";
constexpr char kRequestId[] = "http.request.id";
constexpr char kOrganization[] = "organization.id";
constexpr char kSensitiveFields[] = "stripe.sensitive_fields";
}  // namespace field

// Event is one API request or key-lifecycle action, normalised. It is
// immutable once its decoder and matcher are done with it. It owns nothing:
// text, values and matches live in its EventBatch.
struct Event {
  EventTime time_ms = 0;
  // Unique within the source; two events with one id are one event.
  absl::string_view id;
  // `slot_count` values, indexed by the RuleSet's FieldTable.
  const Value* slots = nullptr;
  uint32_t slot_count = 0;
  // The route (RuleSet::Route) of the logsource that the format declares.
  uint32_t route = 0;
  // Index of the source in the pipeline, and of the stream in the source.
  uint32_t source = 0;
  uint32_t stream = 0;
  // Where the event's record begins and ends in its stream.
  int64_t begin = 0;
  int64_t end = 0;
  // The scrubbed text of the record; kept for spilling and for inspection,
  // empty when nobody needs it.
  absl::string_view raw;
  // Detection rules that the event satisfies: indexes into the RuleSet,
  // ascending. Filled by the Matcher.
  absl::Span<const uint32_t> matches;
  // True when the id was made from the position because the record has none;
  // such events cannot be recognised as duplicates.
  bool id_is_position = false;
  // True when the record was read before the last commit and is read again
  // after a restart: it is not counted a second time, and observed only if it
  // was still waiting then.
  bool reread = false;

  const Value& at(Slot slot) const {
    static const Value kAbsentValue;
    return slot < slot_count ? slots[slot] : kAbsentValue;
  }
};

// Orders events as the engine observes them: by time, then by id, so that the
// order does not depend on how the records arrived.
inline bool EventBefore(const Event& a, const Event& b) {
  if (a.time_ms != b.time_ms) return a.time_ms < b.time_ms;
  return a.id < b.id;
}

// EventBatch owns the events of one page and their memory. Events stay valid
// and at their address as long as the batch lives. Thread-compatible.
class EventBatch {
 public:
  EventBatch() = default;
  EventBatch(const EventBatch&) = delete;
  EventBatch& operator=(const EventBatch&) = delete;

  // Copies `text` into the arena.
  absl::string_view CopyText(absl::string_view text);
  // Uninitialised bytes of the arena, 16-byte aligned.
  char* Allocate(size_t bytes);
  // `count` absent values.
  Value* NewValues(size_t count);
  // Keeps `owner` alive as long as the batch: the page whose bytes the values
  // point into.
  void Keep(std::shared_ptr<const void> owner) {
    owners_.push_back(std::move(owner));
  }

  Event* Add();
  // Takes back the last Add.
  void RemoveLast() { events_.pop_back(); }

  size_t size() const { return events_.size(); }
  Event& at(size_t i) { return *events_[i]; }
  const Event& at(size_t i) const { return *events_[i]; }

 private:
  static constexpr size_t kBlock = 64 * 1024;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  std::vector<Event*> events_;  // in the arena; trivially destructible
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_EVENT_H_
