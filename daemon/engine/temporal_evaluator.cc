#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"
#include "daemon/engine/supports.h"
#include "daemon/engine/temporal_state.h"

namespace keywatch {
namespace {

// temporal without `not`: the expression over which inputs occurred within
// `timespan`, in any order. More events can only make it true, so it is judged
// at every event.
class TemporalEvaluator : public GroupedEvaluator<TemporalState> {
 public:
  TemporalEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    const EventTime oldest = now - rule().timespan_ms;
    Record* record = Get(group, now);
    TemporalState& state = record->state;
    state.inputs.resize(rule().inputs.size());
    const bool first = FirstOfEvent(record);
    if (first) {
      state.times.DropBefore(oldest);
      state.times.Push(now, TemporalState::kMaxTimes);
    }
    TemporalState::Last& last = state.inputs[input.input];
    last.time_ms = now;
    // An open episode shows its events itself.
    if (record->episode == nullptr) {
      last.event.clear();
      AppendEvidence(signal, &last.event);
    }
    Touch(record, now);
    const bool holds = HoldsSince(state, oldest);
    if (record->episode != nullptr) {
      if (holds) record->episode->hold_until_ms = HoldsUntil(state);
      if (first) Fold(record, signal);
    } else if (holds) {
      Firing firing;
      firing.time_ms = now;
      firing.cause = &signal;
      firing.first_event_ms = state.times.front();
      firing.last_event_ms = now;
      firing.hold_until_ms = HoldsUntil(state);
      firing.count = static_cast<int64_t>(state.times.size());
      std::vector<Evidence> before = Before(state, signal, oldest);
      Start(
          record, firing, [&] { return Explain(state, oldest); }, &before);
    }
    Reschedule(record);
  }

 private:
  bool HoldsSince(const TemporalState& state, EventTime oldest) const {
    return EvaluateExpression(
        rule().expression, rule().inputs.size(),
        [&](uint32_t i) { return state.inputs[i].time_ms >= oldest; });
  }

  // The last window in which it holds begins with the last occurrence of some
  // input.
  EventTime HoldsUntil(const TemporalState& state) const {
    EventTime begin = kMinEventTime;
    for (const TemporalState::Last& last : state.inputs) {
      if (last.time_ms > begin && HoldsSince(state, last.time_ms)) {
        begin = last.time_ms;
      }
    }
    return begin + rule().timespan_ms;
  }

  static std::vector<Evidence> Before(const TemporalState& state,
                                      const Signal& cause, EventTime oldest) {
    std::vector<Evidence> before;
    for (const TemporalState::Last& last : state.inputs) {
      if (last.time_ms >= oldest) DecodeEvidenceList(last.event, &before);
    }
    before.erase(std::remove_if(before.begin(), before.end(),
                                [&](const Evidence& shown) {
                                  return shown.event_id == cause.event_id;
                                }),
                 before.end());
    std::stable_sort(before.begin(), before.end(),
                     [](const Evidence& a, const Evidence& b) {
                       return a.time_ms < b.time_ms;
                     });
    return before;
  }

  std::string Explain(const TemporalState& state, EventTime oldest) const {
    std::string out;
    for (size_t i = 0; i < rule().inputs.size(); ++i) {
      if (state.inputs[i].time_ms < oldest) continue;
      absl::StrAppend(&out, out.empty() ? "" : ", ",
                      rules().rule(rule().inputs[i]).name);
    }
    absl::StrAppend(&out, " within ", FormatMillis(rule().timespan_ms));
    return out;
  }
};

}  // namespace

std::unique_ptr<Evaluator> NewTemporalEvaluator(EngineContext* context,
                                                uint32_t rule) {
  return std::make_unique<TemporalEvaluator>(context, rule);
}

}  // namespace keywatch
