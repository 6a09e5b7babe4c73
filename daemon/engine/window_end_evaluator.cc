#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/engine/decimal_sum.h"
#include "daemon/engine/distinct_window.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"

namespace keywatch {
namespace {

struct WindowEndState {
  static constexpr int kParts = 1;
  bool open = false;
  EventTime start_ms = 0;
  EventTime last_ms = 0;
  int64_t count = 0;
  DecimalSum sum;
  DistinctWindow values;
  std::string last_id;
  std::string key;
  std::string first_event;  // evidence, encoded

  void Reset() {
    open = false;
    count = 0;
    sum.Reset();
    values.Reset();
    last_id.clear();
    key.clear();
    first_event.clear();
  }
  size_t HeapBytes() const {
    return values.HeapBytes() + last_id.size() + key.size() +
           first_event.size();
  }
  void Encode(Encoder* out) const {
    out->Bool(open);
    if (!open) return;
    out->Signed(start_ms);
    out->Signed(last_ms);
    out->Signed(count);
    sum.Encode(out);
    values.Encode(out);
    out->String(last_id);
    out->String(key);
    out->String(first_event);
  }
  bool Decode(Decoder* in) {
    Reset();
    open = in->Bool();
    if (!open) return in->ok();
    start_ms = in->Signed();
    last_ms = in->Signed();
    count = in->Signed();
    sum.Decode(in);
    if (!values.Decode(in)) return false;
    last_id = std::string(in->String());
    key = std::string(in->String());
    first_event = std::string(in->String());
    return in->ok();
  }
};

// Conditions that are judged when a window is over (supports.h, JudgedAtEnd).
// Windows of one group follow each other: a sliding one would find few events
// at the end of every burst. While one is open the episode waits for its
// verdict.
class WindowEndEvaluator : public GroupedEvaluator<WindowEndState> {
 public:
  WindowEndEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    double number = 0;
    if (rule().type == RuleType::kValueSum &&
        !FieldNumber(rule().value_refs[input.input][0], signal, &number)) {
      return;
    }
    if (rule().type == RuleType::kValueCount) {
      bool any = false;
      ForEachValue(input, [&](uint64_t, absl::string_view) { any = true; });
      if (!any) return;
    }
    Record* record = Get(group, now);
    const bool first = FirstOfEvent(record);
    WindowEndState& state = record->state;
    if (!state.open) {
      state.Reset();
      state.open = true;
      state.start_ms = now;
      AppendEvidence(signal, &state.first_event);
      state.key = signal.event != nullptr
                      ? ValueText(signal.event->at(rules().well_known().key_id))
                      : std::string(signal.key);
    }
    if (rule().type == RuleType::kValueCount) {
      ForEachValue(input, [&](uint64_t hash, absl::string_view) {
        state.values.See(hash, now, rule().timespan_ms, INT64_MAX);
      });
    }
    if (first) {
      ++state.count;
      state.sum.Add(number);
    }
    state.last_ms = now;
    state.last_id.assign(signal.event_id.data(), signal.event_id.size());
    Touch(record, now);
    Reschedule(record);
  }

  EventTime NextDue(const Record& record) const override {
    if (record.state.open) return record.state.start_ms + rule().timespan_ms;
    return GroupedEvaluator::NextDue(record);
  }

  void OnDue(Record* record, EventTime due) override {
    if (record->state.open) Judge(record, due);
    if (!record->state.open && record->episode != nullptr &&
        record->episode->hold_until_ms + rearm_ms() <= due) {
      End(record, due);
    }
  }

 private:
  void Judge(Record* record, EventTime end) {
    WindowEndState& state = record->state;
    state.open = false;
    MarkDirty(record);
    double measure = static_cast<double>(state.count);
    if (rule().type == RuleType::kValueSum) measure = state.sum.value();
    if (rule().type == RuleType::kValueCount) {
      measure = state.values.Count(end, rule().timespan_ms);
      if (!state.values.exact())
        measure = static_cast<double>(static_cast<int64_t>(measure + 0.5));
    }
    if (!ConditionHolds(rule().condition, measure)) return;
    if (record->episode != nullptr) {
      Episode& episode = *record->episode;
      episode.count += state.count;
      episode.last_event_ms = state.last_ms;
      episode.hold_until_ms = end;
      Changed(record);
      return;
    }
    Signal cause;
    cause.time_ms = end;
    cause.event_id = state.last_id;
    cause.key = state.key;
    Firing firing;
    firing.time_ms = end;
    firing.cause = &cause;
    firing.first_event_ms = state.start_ms;
    firing.last_event_ms = state.last_ms;
    firing.hold_until_ms = end;
    firing.count = state.count;
    std::vector<Evidence> before;
    DecodeEvidenceList(state.first_event, &before);
    Start(
        record, firing, [&] { return Explain(state, measure, end); }, &before);
  }

  std::string Explain(const WindowEndState& state, double measure,
                      EventTime end) const {
    std::string what;
    switch (rule().type) {
      case RuleType::kValueSum:
        what = absl::StrCat("sum of ", ValueFieldNames(), " = ",
                            FormatNumber(measure), " over ",
                            FormatCount(state.count, "event"));
        break;
      case RuleType::kValueCount:
        what = absl::StrCat(
            state.values.exact() ? "" : "about ", FormatNumber(measure),
            state.values.exact()
                ? ""
                : absl::StrCat(" (HyperLogLog, standard error ",
                               FormatNumber(SlidingHyperLogLog::kStandardError),
                               " %)"),
            " distinct ", ValueFieldNames());
        break;
      default:
        what = FormatCount(state.count, "event");
    }
    return absl::StrCat(what, " in the ", FormatMillis(rule().timespan_ms),
                        " from ", FormatTime(state.start_ms), " to ",
                        FormatTime(end), " (",
                        FormatCondition(rule().condition), ")");
  }
};

}  // namespace

std::unique_ptr<Evaluator> NewWindowEndEvaluator(EngineContext* context,
                                                 uint32_t rule) {
  return std::make_unique<WindowEndEvaluator>(context, rule);
}

}  // namespace keywatch
