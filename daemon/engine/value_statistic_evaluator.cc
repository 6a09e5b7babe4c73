#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"
#include "daemon/engine/value_window.h"

namespace keywatch {
namespace {

struct ValueStatisticState {
  static constexpr int kParts = 1;
  ValueWindow values;
  // The condition held when it was asked last; for open episodes.
  bool holds = false;

  void Reset() {
    values.Reset();
    holds = false;
  }
  size_t HeapBytes() const { return values.HeapBytes(); }
  void Encode(Encoder* out) const {
    values.Encode(out);
    out->Bool(holds);
  }
  bool Decode(Decoder* in) {
    if (!values.Decode(in)) return false;
    holds = in->Bool();
    return in->ok();
  }
};

// value_sum, value_avg, value_percentile and value_median over the numbers of
// the window; events whose field is no number do not count. It fires at an
// event.
class ValueStatisticEvaluator : public GroupedEvaluator<ValueStatisticState> {
 public:
  ValueStatisticEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    double number;
    if (!FieldNumber(rule().value_refs[input.input][0], signal, &number)) {
      return;
    }
    Record* record = Get(group, now);
    if (!FirstOfEvent(record)) return;
    ValueStatisticState& state = record->state;
    state.values.DropBefore(now - rule().timespan_ms);
    state.values.Push(now, number);
    Touch(record, now);
    const bool holds = Holds(state.values);
    if (record->episode != nullptr) {
      if (holds) {
        record->episode->hold_until_ms = now;
      } else if (state.holds) {
        record->episode->hold_until_ms =
            std::max(record->episode->hold_until_ms, now - 1);
      }
      state.holds = holds;
      Fold(record, signal);
    } else if (holds) {
      state.holds = true;
      Firing firing;
      firing.time_ms = now;
      firing.cause = &signal;
      firing.first_event_ms = state.values.front_time();
      firing.last_event_ms = now;
      firing.hold_until_ms = now;
      firing.count = static_cast<int64_t>(state.values.size());
      Start(record, firing, [&] { return Explain(state.values); });
    }
    Reschedule(record);
  }

  // An open episode is asked again whenever a number leaves: that can make the
  // condition false, and true again.
  EventTime NextDue(const Record& record) const override {
    if (record.episode == nullptr) return kMaxEventTime;
    const ValueStatisticState& state = record.state;
    EventTime due = kMaxEventTime;
    if (!state.values.empty()) {
      due = state.values.front_time() + rule().timespan_ms;
    }
    if (!state.holds) due = std::min(due, GroupedEvaluator::NextDue(record));
    return due;
  }

  void OnDue(Record* record, EventTime due) override {
    ValueStatisticState& state = record->state;
    if (state.holds) {
      record->episode->hold_until_ms = due;
    } else if (GroupedEvaluator::NextDue(*record) <= due) {
      End(record, due);
      return;
    }
    state.values.DropBefore(due + 1 - rule().timespan_ms);
    state.holds = Holds(state.values);
    MarkDirty(record);
  }

 private:
  double Measure(const ValueWindow& values) const {
    switch (rule().type) {
      case RuleType::kValueSum:
        return values.Sum();
      case RuleType::kValueAvg:
        return values.Sum() / static_cast<double>(values.size());
      case RuleType::kValueMedian:
        return values.Percentile(50);
      default:
        return values.Percentile(rule().percentile);
    }
  }

  bool Holds(const ValueWindow& values) const {
    return !values.empty() && ConditionHolds(rule().condition, Measure(values));
  }

  std::string Explain(const ValueWindow& values) const {
    std::string what;
    switch (rule().type) {
      case RuleType::kValueSum:
        what = "sum";
        break;
      case RuleType::kValueAvg:
        what = "average";
        break;
      case RuleType::kValueMedian:
        what = "median";
        break;
      default:
        what = absl::StrCat("percentile ", FormatNumber(rule().percentile));
    }
    return absl::StrCat(
        what, " of ", ValueFieldNames(), " = ", FormatNumber(Measure(values)),
        " over ", values.cut() ? "the last " : "",
        FormatCount(static_cast<int64_t>(values.size()), "event"), " in ",
        FormatMillis(rule().timespan_ms), " (",
        FormatCondition(rule().condition), ")");
  }
};

}  // namespace

std::unique_ptr<Evaluator> NewValueStatisticEvaluator(EngineContext* context,
                                                      uint32_t rule) {
  return std::make_unique<ValueStatisticEvaluator>(context, rule);
}

}  // namespace keywatch
