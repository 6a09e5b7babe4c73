#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"
#include "daemon/engine/supports.h"
#include "daemon/engine/temporal_state.h"

namespace keywatch {
namespace {

// temporal with `not`: whether something did not happen is known when the
// window is over. Every event of an input that the expression asks for opens a
// window of `timespan` that begins with it; the expression is judged over what
// occurred from its beginning to its end, both included, when the watermark
// has passed the end. So `a and not b` is "a, and no b within timespan after".
class TemporalAbsenceEvaluator : public GroupedEvaluator<TemporalState> {
 public:
  TemporalAbsenceEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms),
        opens_(OpeningInputs(this->rule())) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    Record* record = Get(group, now);
    TemporalState& state = record->state;
    state.inputs.resize(rule().inputs.size());
    TemporalState::Last& last = state.inputs[input.input];
    last.time_ms = now;
    last.event.clear();
    AppendEvidence(signal, &last.event);
    // `times` are the beginnings of open windows. When there are too many the
    // newest are not judged: room comes back with every verdict.
    if (opens_[input.input] && state.times.size() < TemporalState::kMaxTimes &&
        (state.times.empty() || state.times.back() != now)) {
      if (state.times.empty()) state.first_event = last.event;
      state.times.Push(now, TemporalState::kMaxTimes);
    }
    Touch(record, now);
    Reschedule(record);
  }

  EventTime NextDue(const Record& record) const override {
    if (!record.state.times.empty()) {
      return record.state.times.front() + rule().timespan_ms;
    }
    return GroupedEvaluator::NextDue(record);
  }

  void OnDue(Record* record, EventTime due) override {
    if (!record->state.times.empty()) Judge(record, due);
    // While a window is open the episode waits for its verdict.
    if (record->state.times.empty() && record->episode != nullptr &&
        record->episode->hold_until_ms + rearm_ms() <= due) {
      End(record, due);
    }
  }

 private:
  // The inputs that stand under an even number of `not`s.
  static std::vector<bool> OpeningInputs(const Rule& rule) {
    std::vector<bool> opens(rule.inputs.size(), false);
    std::vector<std::vector<std::pair<uint32_t, bool>>> stack;
    for (const BooleanStep& step : rule.expression) {
      if (step.op == BooleanStep::Op::kInput) {
        stack.push_back({{step.input, true}});
      } else if (step.op == BooleanStep::Op::kNot) {
        for (auto& [input, positive] : stack.back()) positive = !positive;
      } else {
        auto right = std::move(stack.back());
        stack.pop_back();
        stack.back().insert(stack.back().end(), right.begin(), right.end());
      }
    }
    for (const auto& [input, positive] : stack.back()) {
      if (positive) opens[input] = true;
    }
    return opens;
  }

  void Judge(Record* record, EventTime end) {
    TemporalState& state = record->state;
    const EventTime begin = state.times.front();
    state.times.PopFront();
    std::string first_event;
    first_event.swap(state.first_event);
    MarkDirty(record);
    const bool holds = EvaluateExpression(
        rule().expression, rule().inputs.size(),
        [&](uint32_t i) { return state.inputs[i].time_ms >= begin; });
    if (!holds) return;
    if (record->episode != nullptr) {
      Episode& episode = *record->episode;
      ++episode.count;
      episode.last_event_ms = std::max(episode.last_event_ms, begin);
      episode.hold_until_ms = end;
      Changed(record);
      return;
    }
    Signal cause;
    cause.time_ms = end;
    Firing firing;
    firing.time_ms = end;
    firing.cause = &cause;
    firing.first_event_ms = begin;
    firing.last_event_ms = begin;
    firing.hold_until_ms = end;
    firing.count = 1;
    std::vector<Evidence> before;
    DecodeEvidenceList(first_event, &before);
    for (const TemporalState::Last& last : state.inputs) {
      if (last.time_ms < begin) continue;
      firing.last_event_ms = std::max(firing.last_event_ms, last.time_ms);
      DecodeEvidenceList(last.event, &before);
    }
    std::stable_sort(before.begin(), before.end(),
                     [](const Evidence& a, const Evidence& b) {
                       return a.time_ms < b.time_ms;
                     });
    Start(
        record, firing, [&] { return Explain(state, begin, end); }, &before);
  }

  std::string Explain(const TemporalState& state, EventTime begin,
                      EventTime end) const {
    std::string with;
    std::string without;
    for (size_t i = 0; i < rule().inputs.size(); ++i) {
      std::string& list = state.inputs[i].time_ms >= begin ? with : without;
      absl::StrAppend(&list, list.empty() ? "" : ", ",
                      rules().rule(rule().inputs[i]).name);
    }
    return absl::StrCat(with, " without ", without, " in the ",
                        FormatMillis(rule().timespan_ms), " from ",
                        FormatTime(begin), " to ", FormatTime(end));
  }

  const std::vector<bool> opens_;
};

}  // namespace

std::unique_ptr<Evaluator> NewTemporalAbsenceEvaluator(EngineContext* context,
                                                       uint32_t rule) {
  return std::make_unique<TemporalAbsenceEvaluator>(context, rule);
}

}  // namespace keywatch
