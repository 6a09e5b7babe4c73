#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"
#include "daemon/engine/time_ring.h"

namespace keywatch {
namespace {

constexpr size_t kMaxCounted = 1024;
constexpr size_t kMaxStages = 64;

// The best chain of inputs 0..i: the one that began last, since it stays in
// the window longest.
struct Stage {
  EventTime start_ms = kMinEventTime;  // kMinEventTime: no chain yet
  EventTime last_ms = kMinEventTime;   // when input i occurred last
  std::string events;                  // of the chain, encoded evidence
};

struct TemporalOrderedState {
  static constexpr int kParts = 1;
  std::vector<Stage> stages;
  TimeRing times;

  void Reset() {
    for (Stage& stage : stages) {
      stage.start_ms = stage.last_ms = kMinEventTime;
      stage.events.clear();
    }
    times.Reset();
  }
  size_t HeapBytes() const {
    size_t bytes = times.HeapBytes();
    for (const Stage& stage : stages) {
      bytes += sizeof(stage) + stage.events.size();
    }
    return bytes;
  }
  void Encode(Encoder* out) const {
    out->Varint(stages.size());
    for (const Stage& stage : stages) {
      out->Signed(stage.start_ms);
      out->Signed(stage.last_ms);
      out->String(stage.events);
    }
    times.Encode(out);
  }
  bool Decode(Decoder* in) {
    const uint64_t count = in->Varint();
    if (!in->ok() || count > kMaxStages) return false;
    stages.assign(count, Stage());
    for (Stage& stage : stages) {
      stage.start_ms = in->Signed();
      stage.last_ms = in->Signed();
      stage.events = std::string(in->String());
    }
    return times.Decode(in, kMaxCounted);
  }
};

// temporal_ordered: all inputs in their order within `timespan`. Events of the
// same instant satisfy the order either way.
class TemporalOrderedEvaluator : public GroupedEvaluator<TemporalOrderedState> {
 public:
  TemporalOrderedEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    Record* record = Get(group, now);
    TemporalOrderedState& state = record->state;
    state.stages.resize(rule().inputs.size());
    const bool first = FirstOfEvent(record);
    const EventTime oldest = now - rule().timespan_ms;
    if (first) {
      state.times.DropBefore(oldest);
      state.times.Push(now, kMaxCounted);
    }
    Extend(&state, input.input, signal);
    Touch(record, now);
    const EventTime start = state.stages.back().start_ms;
    const bool holds = start >= oldest;
    if (record->episode != nullptr) {
      if (holds) record->episode->hold_until_ms = start + rule().timespan_ms;
      if (first) Fold(record, signal);
    } else if (holds) {
      // What came before the chain began is no part of it, and never will be.
      state.times.DropBefore(start);
      Firing firing;
      firing.time_ms = now;
      firing.cause = &signal;
      firing.first_event_ms = state.times.front();
      firing.last_event_ms = now;
      firing.hold_until_ms = start + rule().timespan_ms;
      firing.count = static_cast<int64_t>(state.times.size());
      std::vector<Evidence> before;
      DecodeEvidenceList(state.stages.back().events, &before);
      before.erase(std::remove_if(before.begin(), before.end(),
                                  [&](const Evidence& shown) {
                                    return shown.event_id == signal.event_id;
                                  }),
                   before.end());
      Start(
          record, firing, [&] { return Explain(start, now); }, &before);
    }
    Reschedule(record);
  }

 private:
  void Extend(TemporalOrderedState* state, uint32_t input,
              const Signal& signal) {
    std::vector<Stage>& stages = state->stages;
    const EventTime now = signal.time_ms;
    stages[input].last_ms = now;
    if (input == 0) {
      stages[0].start_ms = now;
      stages[0].events.clear();
      AppendEvidence(signal, &stages[0].events);
    } else if (stages[input - 1].start_ms > stages[input].start_ms) {
      stages[input].start_ms = stages[input - 1].start_ms;
      stages[input].events = stages[input - 1].events;
      AppendEvidence(signal, &stages[input].events);
    } else {
      return;
    }
    // Later inputs of the same instant go on from here.
    for (size_t next = input + 1; next < stages.size(); ++next) {
      if (stages[next].last_ms != now ||
          stages[next - 1].start_ms <= stages[next].start_ms) {
        break;
      }
      stages[next].start_ms = stages[next - 1].start_ms;
      stages[next].events = stages[next - 1].events;
    }
  }

  std::string Explain(EventTime start, EventTime now) const {
    std::string out;
    for (uint32_t input : rule().inputs) {
      absl::StrAppend(&out, out.empty() ? "" : ", then ",
                      rules().rule(input).name);
    }
    absl::StrAppend(&out, " within ", FormatMillis(now - start), " (timespan ",
                    FormatMillis(rule().timespan_ms), ")");
    return out;
  }
};

}  // namespace

std::unique_ptr<Evaluator> NewTemporalOrderedEvaluator(EngineContext* context,
                                                       uint32_t rule) {
  return std::make_unique<TemporalOrderedEvaluator>(context, rule);
}

}  // namespace keywatch
