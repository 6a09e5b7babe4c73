#include <cmath>

#include "absl/strings/str_cat.h"
#include "daemon/engine/distinct_window.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"
#include "daemon/engine/supports.h"
#include "daemon/engine/time_ring.h"

namespace keywatch {
namespace {

// Times of events kept to say how many were in the window when it crossed; the
// verdict does not need them.
constexpr size_t kMaxCounted = 1024;

struct ValueCountState {
  static constexpr int kParts = 1;
  DistinctWindow values;
  TimeRing times;

  void Reset() {
    values.Reset();
    times.Reset();
  }
  size_t HeapBytes() const { return values.HeapBytes() + times.HeapBytes(); }
  void Encode(Encoder* out) const {
    values.Encode(out);
    times.Encode(out);
  }
  bool Decode(Decoder* in) {
    return values.Decode(in) && times.Decode(in, kMaxCounted);
  }
};

// value_count with gt and gte: holds from the event that brings the N-th
// distinct value within `timespan` on.
class ValueCountEvaluator : public GroupedEvaluator<ValueCountState> {
 public:
  ValueCountEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms),
        least_(LeastCount(this->rule().condition)) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    Record* record = nullptr;
    bool grew = false;
    ForEachValue(input, [&](uint64_t hash, absl::string_view) {
      if (record == nullptr) record = Get(group, now);
      grew |= record->state.values.See(hash, now, rule().timespan_ms, least_);
    });
    if (record == nullptr) return;
    const bool first = FirstOfEvent(record);
    ValueCountState& state = record->state;
    if (first) {
      state.times.DropBefore(now - rule().timespan_ms);
      state.times.Push(now, kMaxCounted);
    }
    Touch(record, now);
    EventTime until;
    const bool holds =
        WorthAsking(*record, grew, now) &&
        state.values.HasAtLeast(least_, now, rule().timespan_ms, &until);
    if (record->episode != nullptr) {
      if (holds) {
        record->episode->hold_until_ms =
            std::max(record->episode->hold_until_ms, until);
      }
      if (first) Fold(record, signal);
    } else if (holds) {
      Firing firing;
      firing.time_ms = now;
      firing.cause = &signal;
      firing.first_event_ms = state.times.front();
      firing.last_event_ms = now;
      firing.hold_until_ms = until;
      firing.count = static_cast<int64_t>(state.times.size());
      Start(record, firing, [&] { return Explain(state, now); });
    }
    Reschedule(record);
  }

 private:
  // An estimate reads all registers: it is made when it may have crossed, and
  // for an open episode when its end has moved noticeably.
  bool WorthAsking(const Record& record, bool grew, EventTime now) const {
    if (record.state.values.exact()) return true;
    if (record.episode == nullptr) return grew;
    const int64_t timespan = rule().timespan_ms;
    return record.episode->hold_until_ms < now + timespan - timespan / 64;
  }

  std::string Explain(const ValueCountState& state, EventTime now) const {
    const double count = state.values.Count(now, rule().timespan_ms);
    std::string out =
        state.values.exact()
            ? FormatNumber(count)
            : absl::StrCat("about ", FormatNumber(std::round(count)),
                           " (HyperLogLog, standard error ",
                           FormatNumber(SlidingHyperLogLog::kStandardError),
                           " %)");
    absl::StrAppend(&out, " distinct ", ValueFieldNames(), " in ",
                    FormatMillis(rule().timespan_ms), " (",
                    FormatCondition(rule().condition), ")");
    return out;
  }

  const int64_t least_;
};

}  // namespace

std::unique_ptr<Evaluator> NewValueCountEvaluator(EngineContext* context,
                                                  uint32_t rule) {
  return std::make_unique<ValueCountEvaluator>(context, rule);
}

}  // namespace keywatch
