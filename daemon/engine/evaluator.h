#ifndef DAEMON_ENGINE_EVALUATOR_H_
#define DAEMON_ENGINE_EVALUATOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "daemon/core/detection.h"
#include "daemon/core/event.h"
#include "daemon/engine/engine.h"

namespace keywatch {

// Signal is what a rule gives to those that take it as input: a detection for
// every event that matches, a stateful rule each time it fires.
struct Signal {
  EventTime time_ms = 0;
  absl::string_view event_id;
  // The event that made it; null when the watermark did.
  const Event* event = nullptr;
  // Group of the rule that gives the signal; empty for detections.
  absl::Span<const absl::string_view> group;
  // The key it is about; empty for detections (the event names it) and when
  // unknown.
  absl::string_view key;
};

// A signal on its way to one rule: `input` indexes the rule's inputs.
struct Input {
  uint32_t input = 0;
  const Signal* signal = nullptr;
};

// Evaluator holds the state of one rule and judges it. The engine calls it in
// order of event time. One class per kind of rule; see grouped_evaluator.h.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  // All signals that one event (or one timer) has for this rule.
  virtual void OnInputs(absl::Span<const Input> inputs) = 0;
  // A matching event that came too late to be judged in order.
  virtual void OnLate(const Input& input) = 0;
  // A timer that this rule has set is due: no event at or before `due` will
  // come any more, and none after it has been seen. Stale timers are ignored:
  // false then, and the state is as it was.
  virtual bool OnTimer(uint32_t slot, uint32_t generation, EventTime due) = 0;
  // The sources saw nothing from `from_ms` to `to_ms`.
  virtual void OnGap(EventTime from_ms, EventTime to_ms) {
    (void)from_ms;
    (void)to_ms;
  }
  // Drops groups whose time was over at `bound`; gives the time of the next
  // one to go, or kMaxEventTime.
  virtual EventTime Expire(EventTime bound) = 0;

  // A snapshot of the open episode of that group; false when it is not there
  // any more.
  virtual bool TakeEpisode(uint32_t slot, uint32_t generation,
                           Detection* out) = 0;

  virtual void TakeDirty(std::vector<StateChange>* out) = 0;
  virtual void AllState(std::vector<StateChange>* out) const = 0;
  virtual absl::Status RestoreRow(absl::string_view group,
                                  absl::string_view blob) = 0;
  virtual void FinishRestore() = 0;

  virtual size_t groups() const = 0;
  // Groups whose baseline is not yet sufficient.
  virtual size_t learning() const { return 0; }
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_EVALUATOR_H_
