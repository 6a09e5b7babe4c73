#include "absl/strings/str_cat.h"
#include "daemon/engine/baseline_evaluator.h"
#include "daemon/engine/evaluators.h"

namespace keywatch {
namespace {

struct DormantState {
  static constexpr int kParts = 1;
  Learning learning;
  EventTime last_ms = 0;

  void Reset() {
    learning.Reset();
    last_ms = 0;
  }
  size_t HeapBytes() const { return 0; }
  void Encode(Encoder* out) const {
    learning.Encode(out);
    out->Signed(last_ms);
  }
  bool Decode(Decoder* in) {
    learning.Decode(in);
    last_ms = in->Signed();
    return in->ok();
  }
};

// dormant: a group is used again after it was idle for long. The condition is
// over milliseconds. A group is never forgotten for being idle, only when the
// rule has too many; min-history and min-events are asked of its last use.
class DormantEvaluator : public BaselineEvaluator<DormantState> {
 public:
  DormantEvaluator(EngineContext* context, uint32_t rule)
      : BaselineEvaluator(context, rule, kForever) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    Record* record = GetLearning(group, now);
    if (!FirstOfEvent(record)) return;
    DormantState& state = record->state;
    if (state.learning.events > 0) {
      const bool ready = UpdateReady(record, state.last_ms);
      const int64_t idle = now - state.last_ms;
      if (ready &&
          ConditionHolds(rule().condition, static_cast<double>(idle))) {
        Fire(record, signal, idle);
      }
    }
    ++state.learning.events;
    state.last_ms = now;
    Touch(record, now);
    Reschedule(record);
  }

 private:
  void Fire(Record* record, const Signal& signal, int64_t idle) {
    if (record->episode != nullptr) {
      record->episode->hold_until_ms = signal.time_ms;
      Fold(record, signal);
      return;
    }
    Firing firing;
    firing.time_ms = signal.time_ms;
    firing.cause = &signal;
    firing.first_event_ms = signal.time_ms;
    firing.last_event_ms = signal.time_ms;
    firing.hold_until_ms = signal.time_ms;
    firing.count = 1;
    Start(record, firing, [&] {
      return absl::StrCat("not used for ", FormatMillis(idle), " (",
                          FormatDurationCondition(rule().condition),
                          "); last use ", FormatTime(record->state.last_ms),
                          ", before that ", Learned(record->state.learning));
    });
  }
};

}  // namespace

std::unique_ptr<Evaluator> NewDormantEvaluator(EngineContext* context,
                                               uint32_t rule) {
  return std::make_unique<DormantEvaluator>(context, rule);
}

}  // namespace keywatch
