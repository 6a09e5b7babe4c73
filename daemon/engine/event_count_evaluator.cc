#include "absl/strings/str_cat.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"
#include "daemon/engine/supports.h"
#include "daemon/engine/time_ring.h"

namespace keywatch {
namespace {

struct EventCountState {
  static constexpr int kParts = 1;
  // Whether there are N events in the window is a question to the N-th newest:
  // more than N are never kept.
  TimeRing times;

  void Reset() { times.Reset(); }
  size_t HeapBytes() const { return times.HeapBytes(); }
  void Encode(Encoder* out) const { times.Encode(out); }
  bool Decode(Decoder* in) {
    return times.Decode(in, static_cast<size_t>(kMaxEventCount));
  }
};

// event_count with gt and gte: holds from the N-th event within `timespan` on,
// until the N-th newest is older than that.
class EventCountEvaluator : public GroupedEvaluator<EventCountState> {
 public:
  EventCountEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms),
        least_(static_cast<size_t>(LeastCount(this->rule().condition))) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    Record* record = Get(group, now);
    if (!FirstOfEvent(record)) return;
    TimeRing& times = record->state.times;
    times.DropBefore(now - rule().timespan_ms);
    times.Push(now, least_);
    Touch(record, now);
    const bool holds = times.size() == least_;
    const EventTime until = times.front() + rule().timespan_ms;
    if (record->episode != nullptr) {
      if (holds) record->episode->hold_until_ms = until;
      Fold(record, signal);
    } else if (holds) {
      Firing firing;
      firing.time_ms = now;
      firing.cause = &signal;
      firing.first_event_ms = times.front();
      firing.last_event_ms = now;
      firing.hold_until_ms = until;
      firing.count = static_cast<int64_t>(times.size());
      Start(record, firing, [&] {
        return absl::StrCat(FormatCount(firing.count, "event"), " in ",
                            FormatMillis(rule().timespan_ms), " (",
                            FormatCondition(rule().condition), ")");
      });
    }
    Reschedule(record);
  }

 private:
  const size_t least_;
};

}  // namespace

std::unique_ptr<Evaluator> NewEventCountEvaluator(EngineContext* context,
                                                  uint32_t rule) {
  return std::make_unique<EventCountEvaluator>(context, rule);
}

}  // namespace keywatch
