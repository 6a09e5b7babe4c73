#include "daemon/engine/evaluators.h"
#include "daemon/engine/grouped_evaluator.h"

namespace keywatch {
namespace {

struct DetectionState {
  static constexpr int kParts = 1;
  void Reset() {}
  size_t HeapBytes() const { return 0; }
  void Encode(Encoder*) const {}
  bool Decode(Decoder*) { return true; }
};

// A detection that alerts: every match fires for the event's key (events
// without one together); an hour without a match ends the episode.
class DetectionEvaluator : public GroupedEvaluator<DetectionState> {
 public:
  // Every group has an open episode, and all last equally long: the order of
  // use is the order of ending, so no timers are needed.
  DetectionEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule, kDefaultRearmMs, /*pins=*/false) {}

  void OnInputs(absl::Span<const Input> inputs) override {
    for (const Input& input : inputs) Match(input, false);
  }
  void OnLate(const Input& input) override { Match(input, true); }

 protected:
  void OnInput(const Input&, const GroupName&) override {}
  EventTime NextDue(const Record&) const override { return kMaxEventTime; }

 private:
  void Match(const Input& input, bool late) {
    GroupName group;
    if (!GroupOf(input, &group)) group = {"", StableHash("")};
    const Signal& signal = *input.signal;
    // Late events count where event time stands now.
    const EventTime now =
        late ? std::max(signal.time_ms, context().clock()) : signal.time_ms;
    Record* record = Get(group, now);
    if (record->episode == nullptr) {
      Firing firing;
      firing.time_ms = signal.time_ms;
      firing.cause = &signal;
      firing.first_event_ms = signal.time_ms;
      firing.last_event_ms = signal.time_ms;
      firing.hold_until_ms = now;
      firing.count = 1;
      Start(record, firing, [] {
        return std::string(
            "every match counts; 1h without one ends the episode");
      });
    } else {
      Episode& episode = *record->episode;
      episode.first_event_ms = std::min(episode.first_event_ms, signal.time_ms);
      episode.hold_until_ms = now;
      Fold(record, signal);
    }
    if (late) ++record->episode->late_events;
    Touch(record, now);
  }
};

}  // namespace

std::unique_ptr<Evaluator> NewDetectionEvaluator(EngineContext* context,
                                                 uint32_t rule) {
  return std::make_unique<DetectionEvaluator>(context, rule);
}

}  // namespace keywatch
