#include <array>

#include "absl/strings/str_cat.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"

namespace keywatch {
namespace {

// A window is this many buckets and the part of the newest that has passed:
// an event leaves it when its bucket does.
constexpr int64_t kBuckets = 60;

struct RatioState {
  static constexpr int kParts = 1;
  struct Counts {
    uint32_t numerator = 0;
    uint32_t denominator = 0;
  };
  std::array<Counts, kBuckets> buckets;
  int64_t bucket = INT64_MIN;  // the newest, since the epoch
  int64_t numerator = 0;       // sums over the window
  int64_t denominator = 0;
  EventTime first_ms = 0;  // of the newest run without an empty window

  void Reset() { *this = RatioState(); }
  size_t HeapBytes() const { return 0; }
  void Encode(Encoder* out) const {
    out->Signed(bucket);
    out->Signed(first_ms);
    for (const Counts& counts : buckets) {
      out->Varint(counts.numerator);
      out->Varint(counts.denominator);
    }
  }
  bool Decode(Decoder* in) {
    Reset();
    bucket = in->Signed();
    first_ms = in->Signed();
    for (Counts& counts : buckets) {
      counts.numerator = static_cast<uint32_t>(in->Varint());
      counts.denominator = static_cast<uint32_t>(in->Varint());
      numerator += counts.numerator;
      denominator += counts.denominator;
    }
    return in->ok();
  }

  void AdvanceTo(int64_t to) {
    if (bucket == INT64_MIN || to - bucket >= kBuckets) {
      buckets.fill(Counts());
      numerator = denominator = 0;
    } else {
      for (int64_t b = bucket + 1; b <= to; ++b) {
        Counts& counts = buckets[static_cast<uint64_t>(b) % kBuckets];
        numerator -= counts.numerator;
        denominator -= counts.denominator;
        counts = Counts();
      }
    }
    bucket = to;
  }
};

// ratio: numerator's count over denominator's count per `timespan`, judged at
// every event of either once the denominator has reached its floor. An event
// of both counts as both before it is judged. The numerator's events are those
// that an episode counts.
class RatioEvaluator : public GroupedEvaluator<RatioState> {
 public:
  RatioEvaluator(EngineContext* context, uint32_t rule)
      : GroupedEvaluator(context, rule,
                         context->rules().rule(rule).timespan_ms),
        bucket_ms_(std::max<int64_t>(1, this->rule().timespan_ms / kBuckets)) {}

  void OnInputs(absl::Span<const Input> inputs) override {
    touched_.clear();
    for (const Input& input : inputs) {
      GroupName group;
      if (GroupOf(input, &group)) OnInput(input, group);
    }
    for (const Touched& touched : touched_) {
      Judge(touched, *inputs.front().signal);
    }
  }

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const EventTime now = input.signal->time_ms;
    Record* record = Get(group, now);
    RatioState& state = record->state;
    const int64_t bucket = Bucket(now);
    if (bucket != state.bucket) state.AdvanceTo(bucket);
    if (state.denominator == 0 && state.numerator == 0) state.first_ms = now;
    RatioState::Counts& counts =
        state.buckets[static_cast<uint64_t>(bucket) % kBuckets];
    if (FirstOfEvent(record)) touched_.push_back({record, false});
    if (input.input == rule().anomaly.numerator) {
      ++counts.numerator;
      ++state.numerator;
      for (Touched& touched : touched_) {
        if (touched.record == record) touched.numerator = true;
      }
    }
    if (input.input == rule().anomaly.denominator) {
      ++counts.denominator;
      ++state.denominator;
    }
    Touch(record, now);
  }

 private:
  // A group that the event at hand changed.
  struct Touched {
    Record* record;
    bool numerator;
  };

  int64_t Bucket(EventTime time) const {
    return time / bucket_ms_ - (time % bucket_ms_ < 0 ? 1 : 0);
  }

  void Judge(const Touched& touched, const Signal& signal) {
    Record* record = touched.record;
    const RatioState& state = record->state;
    const double floor = std::max(1.0, rule().anomaly.floor_denominator);
    const bool holds =
        static_cast<double>(state.denominator) >= floor &&
        ConditionHolds(rule().condition,
                       static_cast<double>(state.numerator) /
                           static_cast<double>(state.denominator));
    if (record->episode != nullptr) {
      if (holds) record->episode->hold_until_ms = signal.time_ms;
      if (touched.numerator) Fold(record, signal);
    } else if (holds) {
      Firing firing;
      firing.time_ms = signal.time_ms;
      firing.cause = &signal;
      firing.first_event_ms =
          std::max(state.first_ms, signal.time_ms - rule().timespan_ms);
      firing.last_event_ms = signal.time_ms;
      firing.hold_until_ms = signal.time_ms;
      firing.count = state.numerator;
      Start(record, firing, [&] {
        const double ratio = static_cast<double>(state.numerator) /
                             static_cast<double>(state.denominator);
        return absl::StrCat(
            state.numerator, " / ", state.denominator, " = ",
            FormatShare(ratio), " in ", FormatMillis(rule().timespan_ms), " (",
            FormatShareCondition(rule().condition), "; denominator at least ",
            FormatNumber(floor), ")");
      });
    }
    Reschedule(record);
  }

  const int64_t bucket_ms_;
  std::vector<Touched> touched_;
};

}  // namespace

std::unique_ptr<Evaluator> NewRatioEvaluator(EngineContext* context,
                                             uint32_t rule) {
  return std::make_unique<RatioEvaluator>(context, rule);
}

}  // namespace keywatch
