#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/engine/baseline_evaluator.h"
#include "daemon/engine/cron.h"
#include "daemon/engine/evaluators.h"

namespace keywatch {
namespace {

// Missed times of a schedule are counted up to here.
constexpr int64_t kMaxMissed = 10'000;

struct AbsenceState {
  static constexpr int kParts = 1;
  Learning learning;
  EventTime last_ms = 0;
  std::string last_id;
  std::string key;
  // The time that the schedule expects next; with `every`, unused.
  EventTime expected_ms = 0;
  // When that will have to be judged; kMaxEventTime when nothing is awaited.
  EventTime due_ms = kMaxEventTime;

  void Reset() {
    learning.Reset();
    last_id.clear();
    key.clear();
    due_ms = kMaxEventTime;
  }
  size_t HeapBytes() const { return last_id.size() + key.size(); }
  void Encode(Encoder* out) const {
    learning.Encode(out);
    out->Signed(last_ms);
    out->String(last_id);
    out->String(key);
    out->Signed(expected_ms);
    out->Signed(due_ms);
  }
  bool Decode(Decoder* in) {
    learning.Decode(in);
    last_ms = in->Signed();
    last_id = std::string(in->String());
    key = std::string(in->String());
    expected_ms = in->Signed();
    due_ms = in->Signed();
    return in->ok();
  }
};

// absence: an expected event did not come. A group is expected from its first
// event on. With `every`, the next event is due so long after the last one
// (and `grace`); with `schedule`, one is due from `grace` before to `grace`
// after each scheduled time. It is judged when the watermark has passed that.
// The episode lasts until the group's next event; `count` is then the number
// of times that were missed. A group that stays away for `forget-after` is
// forgotten. When the source was blind while an event was awaited there is no
// verdict: with `every` the wait begins anew at the end of the gap, with
// `schedule` that time is passed over.
class AbsenceEvaluator : public BaselineEvaluator<AbsenceState> {
 public:
  AbsenceEvaluator(EngineContext* context, uint32_t rule)
      // Groups end by their own timers.
      : BaselineEvaluator(context, rule, kForever) {
    const Anomaly& anomaly = this->rule().anomaly;
    if (!anomaly.schedule.empty()) {
      schedule_ = std::make_unique<CronSchedule>(
          CronSchedule::Parse(anomaly.schedule, anomaly.timezone).value());
    }
  }

  void OnGap(EventTime from_ms, EventTime to_ms) override {
    this->ForEachRecord([&](Record* record) {
      AbsenceState& state = record->state;
      if (state.due_ms == kMaxEventTime || to_ms < WaitBegin(state) ||
          from_ms > state.due_ms) {
        return;
      }
      if (schedule_ != nullptr) {
        Expect(&state, std::max(state.expected_ms, to_ms));
      } else {
        const EventTime due =
            to_ms + rule().anomaly.every_ms + rule().anomaly.grace_ms;
        if (due <= state.due_ms) return;
        state.due_ms = due;
      }
      MarkDirty(record);
    });
  }

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    Record* record = GetLearning(group, now);
    if (!FirstOfEvent(record)) return;
    AbsenceState& state = record->state;
    if (record->episode != nullptr) {
      record->episode->count = Missed(state, now);
      record->episode->last_event_ms = now;
      End(record, now);
    }
    ++state.learning.events;
    state.last_ms = now;
    state.last_id.assign(signal.event_id.data(), signal.event_id.size());
    state.key = signal.event != nullptr
                    ? ValueText(signal.event->at(rules().well_known().key_id))
                    : std::string(signal.key);
    if (schedule_ == nullptr) {
      state.due_ms = now + rule().anomaly.every_ms + rule().anomaly.grace_ms;
    } else if (state.due_ms == kMaxEventTime) {
      Expect(&state, now);
    }
    Touch(record, now);
    Reschedule(record);
  }

  EventTime NextDue(const Record& record) const override {
    return std::min(record.state.due_ms,
                    record.state.last_ms + baseline().forget_after_ms);
  }

  void OnDue(Record* record, EventTime due) override {
    AbsenceState& state = record->state;
    if (state.last_ms + baseline().forget_after_ms <= due) {
      Drop(record);
      return;
    }
    MarkDirty(record);
    if (schedule_ != nullptr &&
        state.last_ms >= state.expected_ms - rule().anomaly.grace_ms) {
      Expect(&state, state.expected_ms);
      return;
    }
    const bool ready = UpdateReady(record, due);
    if (!ready && schedule_ != nullptr) {
      Expect(&state, state.expected_ms);
      return;
    }
    state.due_ms = kMaxEventTime;
    if (ready) Fire(record, due);
  }

 private:
  // From when on an event would have been the awaited one.
  EventTime WaitBegin(const AbsenceState& state) const {
    return schedule_ != nullptr ? state.expected_ms - rule().anomaly.grace_ms
                                : state.last_ms;
  }

  void Expect(AbsenceState* state, EventTime after) {
    state->expected_ms = schedule_->Next(after);
    state->due_ms = state->expected_ms == kMaxEventTime
                        ? kMaxEventTime
                        : state->expected_ms + rule().anomaly.grace_ms;
  }

  int64_t Missed(const AbsenceState& state, EventTime now) const {
    if (schedule_ == nullptr) {
      return std::max<int64_t>(1,
                               (now - state.last_ms - rule().anomaly.grace_ms) /
                                   rule().anomaly.every_ms);
    }
    int64_t missed = 0;
    for (EventTime time = state.expected_ms;
         missed < kMaxMissed && time <= now - rule().anomaly.grace_ms;
         time = schedule_->Next(time)) {
      ++missed;
    }
    return std::max<int64_t>(1, missed);
  }

  void Fire(Record* record, EventTime due) {
    const AbsenceState& state = record->state;
    Signal cause;
    cause.time_ms = due;
    cause.event_id = state.last_id;
    cause.key = state.key;
    Firing firing;
    firing.time_ms = due;
    firing.cause = &cause;
    firing.first_event_ms = state.last_ms;
    firing.last_event_ms = state.last_ms;
    firing.hold_until_ms = due;
    firing.count = 1;
    const Anomaly& anomaly = rule().anomaly;
    Start(record, firing, [&] {
      std::string grace;
      if (anomaly.grace_ms > 0) {
        grace = absl::StrCat(", grace ", FormatMillis(anomaly.grace_ms));
      }
      return schedule_ == nullptr
                 ? absl::StrCat(
                       "no event for ", FormatMillis(due - state.last_ms),
                       " (expected every ", FormatMillis(anomaly.every_ms),
                       grace, "); last one ", FormatTime(state.last_ms))
                 : absl::StrCat(
                       "no event for the scheduled time ",
                       FormatTime(state.expected_ms), " (schedule ",
                       anomaly.schedule, " ",
                       anomaly.timezone.empty() ? "UTC" : anomaly.timezone,
                       grace, "); last one ", FormatTime(state.last_ms));
    });
  }

  std::unique_ptr<CronSchedule> schedule_;
};

}  // namespace

std::unique_ptr<Evaluator> NewAbsenceEvaluator(EngineContext* context,
                                               uint32_t rule) {
  return std::make_unique<AbsenceEvaluator>(context, rule);
}

}  // namespace keywatch
