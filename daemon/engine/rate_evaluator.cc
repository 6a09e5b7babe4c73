#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "daemon/engine/baseline_evaluator.h"
#include "daemon/engine/decimal_sum.h"
#include "daemon/engine/distinct_window.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/seasonal_samples.h"

namespace keywatch {
namespace {

// With fewer samples there is no band.
constexpr size_t kLeastSamples = 8;
// With fewer samples the hours beside a slot are asked how much they scatter:
// the MAD of ten samples is now and then a third of what it should be, and one
// in 200 buckets of plain noise would have a score of 6.
constexpr size_t kWantedSamples = 24;

struct RateState {
  static constexpr int kParts = 2;
  Learning learning;
  // The current bucket: events whose time / timespan is `bucket`.
  int64_t bucket = 0;
  int64_t count = 0;
  DecimalSum sum;
  DistinctWindow distinct;
  EventTime last_ms = 0;
  // The measure is out of its band since the bucket that begins then.
  EventTime out_since_ms = kMaxEventTime;
  std::string peer;  // encoded peer group of the last event
  std::string key;

  SeasonalSamples samples;

  // Not saved: the band of the current bucket.
  bool has_band = false;
  Band band;
  std::string band_name;

  void ResetBucket() {
    count = 0;
    sum.Reset();
    distinct.Reset();
    has_band = false;
  }
  void Reset() {
    learning.Reset();
    bucket = 0;
    ResetBucket();
    out_since_ms = kMaxEventTime;
    peer.clear();
    key.clear();
    samples.Reset();
  }
  size_t HeapBytes() const {
    return distinct.HeapBytes() + samples.HeapBytes() + peer.size() +
           key.size();
  }
  void Encode(Encoder* out) const {
    learning.Encode(out);
    out->Signed(bucket);
    out->Signed(count);
    sum.Encode(out);
    distinct.Encode(out);
    out->Signed(last_ms);
    out->Signed(out_since_ms);
    out->String(peer);
    out->String(key);
  }
  bool Decode(Decoder* in) {
    learning.Decode(in);
    bucket = in->Signed();
    count = in->Signed();
    sum.Decode(in);
    if (!distinct.Decode(in)) return false;
    last_ms = in->Signed();
    out_since_ms = in->Signed();
    peer = std::string(in->String());
    key = std::string(in->String());
    return in->ok();
  }
  // Samples change once in a bucket, the rest with every event.
  void EncodePart2(Encoder* out) const { samples.Encode(out); }
  bool DecodePart2(Decoder* in) { return samples.Decode(in); }
};

// rate: the measure of a time bucket (`timespan`, aligned) leaves the band
// that the same group had in earlier buckets of the same season slot:
//
//   score = (x - center) / max(scale, margin)
//
// where the margin of counts is at least the root of the centre.
// A measure that can only grow within its bucket is judged upwards at every
// event; everything else at the end of the bucket, by the watermark. Empty
// buckets count as 0 from the group's first event on. With learn-from
// unalerted no bucket in which an episode is open, or waits for its `for`,
// becomes a sample; an episode that lasts as long as the history ends, and the
// group learns anew.
class RateEvaluator : public BaselineEvaluator<RateState> {
 public:
  RateEvaluator(EngineContext* context, uint32_t rule)
      : BaselineEvaluator(
            context, rule,
            context->rules().rule(rule).anomaly.baseline.forget_after_ms),
        kind_(this->rule().anomaly.measure.kind),
        whole_(kind_ == Measure::Kind::kCount ||
               kind_ == Measure::Kind::kDistinct),
        bucket_ms_(this->rule().timespan_ms),
        shape_(baseline(), bucket_ms_, this->rule().anomaly.timezone),
        judged_live_(
            kind_ != Measure::Kind::kAvg && this->rule().anomaly.for_ms == 0 &&
            this->rule().anomaly.direction != Anomaly::Direction::kDown),
        judged_at_end_(!judged_live_ || this->rule().anomaly.direction !=
                                            Anomaly::Direction::kUp),
        rearm_after_ms_(std::max(bucket_ms_, this->rule().anomaly.keep_ms)) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    double number = 0;
    if ((kind_ == Measure::Kind::kSum || kind_ == Measure::Kind::kAvg) &&
        !FieldNumber(rule().value_refs[input.input][0], signal, &number)) {
      return;
    }
    Record* peer = GetPeer(input, now);
    Record* record = GetLearning(group, now);
    RateState& state = record->state;
    const int64_t bucket = Bucket(now);
    if (state.learning.events == 0) state.bucket = bucket;
    if (state.bucket < bucket) FinishBuckets(record, bucket, peer);
    const bool first = FirstOfEvent(record);
    if (kind_ == Measure::Kind::kDistinct) {
      ForEachValue(input, [&](uint64_t hash, absl::string_view) {
        state.distinct.See(hash, now, bucket_ms_, INT64_MAX);
      });
    }
    if (!first) return;
    ++state.count;
    state.sum.Add(number);
    ++state.learning.events;
    state.last_ms = now;
    RememberPeer(input, &state);
    Touch(record, now);
    if (record->episode != nullptr) Fold(record, signal);
    if (judged_live_) JudgeLive(record, signal);
    Reschedule(record);
  }

  EventTime NextDue(const Record& record) const override {
    EventTime due = kMaxEventTime;
    if (judged_at_end_ && !IsPeer(record)) due = BucketEnd(record.state.bucket);
    if (record.episode != nullptr) {
      due = std::min(due, record.episode->hold_until_ms + rearm_after_ms_);
    }
    return due;
  }

  void OnDue(Record* record, EventTime due) override {
    RateState& state = record->state;
    if (judged_at_end_ && BucketEnd(state.bucket) <= due) {
      if (due - state.last_ms >= baseline().forget_after_ms) {
        Drop(record);
        return;
      }
      JudgeEnd(record, due);
      FinishBuckets(record, state.bucket + 1, FindPeer(state));
      MarkDirty(record);
    }
    if (record->episode != nullptr &&
        record->episode->hold_until_ms + rearm_after_ms_ <= due) {
      // The buckets that it lasted are over before it is: none is a sample.
      const int64_t next = Bucket(due + 1);
      if (state.bucket < next) FinishBuckets(record, next, FindPeer(state));
      End(record, due);
    }
  }

 private:
  int64_t Bucket(EventTime time) const {
    return time / bucket_ms_ - (time % bucket_ms_ < 0 ? 1 : 0);
  }
  EventTime BucketEnd(int64_t bucket) const {
    return (bucket + 1) * bucket_ms_ - 1;
  }
  static bool IsPeer(const Record& record) {
    const absl::string_view key = record.key.view();
    return !key.empty() && key[0] == '\0';
  }

  double MeasureOf(const RateState& state) const {
    switch (kind_) {
      case Measure::Kind::kCount:
        return static_cast<double>(state.count);
      case Measure::Kind::kDistinct:
        return std::round(state.distinct.Count(
            std::max(state.last_ms, state.bucket * bucket_ms_), bucket_ms_));
      case Measure::Kind::kSum:
        return state.sum.value();
      case Measure::Kind::kAvg:
        return state.count == 0
                   ? 0
                   : state.sum.value() / static_cast<double>(state.count);
    }
    return 0;
  }

  void RememberPeer(const Input& input, RateState* state) {
    const Anomaly& anomaly = rule().anomaly;
    if (judged_at_end_) {
      state->key =
          input.signal->event != nullptr
              ? ValueText(input.signal->event->at(rules().well_known().key_id))
              : std::string(input.signal->key);
    }
    if (anomaly.peers.size() <= input.input ||
        anomaly.peers[input.input].empty()) {
      return;
    }
    state->peer.clear();
    AppendGroupValue(absl::string_view(), &state->peer);
    if (!AppendFields(anomaly.peers[input.input], *input.signal,
                      &state->peer)) {
      state->peer.clear();
    }
  }
  Record* FindPeer(const RateState& state) {
    if (state.peer.empty()) return nullptr;
    return Find(GroupName{state.peer, StableHash(state.peer)});
  }

  // Ends the current bucket and goes to `next`; what lies between is empty.
  void FinishBuckets(Record* record, int64_t next, Record* peer) {
    RateState& state = record->state;
    // What waits for its `for` is suspected already.
    const bool suspected =
        record->episode != nullptr || state.out_since_ms != kMaxEventTime;
    if (!suspected || !baseline().learn_from_unalerted_only) {
      Sample(record, state.bucket, MeasureOf(state));
      // An average of nothing is not 0.
      if (kind_ != Measure::Kind::kAvg) {
        const int64_t oldest = next - baseline().history_ms / bucket_ms_;
        for (int64_t b = std::max(state.bucket + 1, oldest); b < next; ++b) {
          Sample(record, b, 0);
        }
      }
      if (peer != nullptr && peer != record && state.count > 0) {
        Sample(peer, state.bucket, MeasureOf(state));
        peer->state.learning.events += state.count;
        MarkDirty(peer);
      }
    }
    state.bucket = next;
    state.ResetBucket();
    AcceptOldLevel(record, next * bucket_ms_ - 1);
  }

  // A level that is out for as long as the whole history is what there is now.
  void AcceptOldLevel(Record* record, EventTime now) {
    if (record->episode == nullptr ||
        now - record->episode->first_fire_ms < baseline().history_ms) {
      return;
    }
    End(record, now);
    record->state.samples.Reset();
    record->state.out_since_ms = kMaxEventTime;
    MarkDirty(record, 1);
    Relearn(record, now + 1);
  }

  void Sample(Record* record, int64_t bucket, double x) {
    if (bucket % shape_.stride() != 0) return;
    if (kind_ == Measure::Kind::kAvg && record->state.count == 0 &&
        !IsPeer(*record)) {
      return;
    }
    record->state.samples.Add(shape_, shape_.SlotOf(bucket * bucket_ms_), x);
    MarkDirty(record, 1);
  }

  // The band of the current bucket, by the group itself or, while that is
  // learning, by its peers. False when neither knows enough.
  bool FindBand(Record* record, EventTime now) {
    RateState& state = record->state;
    if (state.has_band) return true;
    const bool ready = UpdateReady(record, now);
    Record* by = record;
    if (!ready) {
      by = FindPeer(state);
      if (by == nullptr || !UpdateReady(by, now)) return false;
    }
    const size_t slot = shape_.SlotOf(state.bucket * bucket_ms_);
    const bool own = by->state.samples.Collect(shape_, slot, kLeastSamples,
                                               &collected_, &state.band_name);
    if (!own && collected_.size() < kLeastSamples) return false;
    if (!ready) {
      absl::StrAppend(&state.band_name, state.band_name.empty()
                                            ? "the peer group"
                                            : " in the peer group");
    }
    state.band = MakeBand(baseline().model, collected_, rule().anomaly.margin);
    if (own && shape_.slots() > 1 && collected_.size() < kWantedSamples &&
        baseline().model == Baseline::Model::kMedianMad) {
      WidenBand(by->state.samples.SpreadAround(shape_, slot), &state.band);
    }
    // Independent events scatter by the root of their number: a count that
    // varied less did so by chance, and few samples often do.
    if (whole_) {
      const double root = std::max(1.0, Root(state.band));
      state.band.scale_up = std::max(state.band.scale_up, root);
      state.band.scale_down = std::max(state.band.scale_down, root);
    }
    // Peers learn while the bucket lasts: what they say is asked each time.
    state.has_band = ready;
    return true;
  }

  static double Root(const Band& band) {
    return std::sqrt(std::max(0.0, band.center));
  }

  // 0 inside, 1 above, -1 below the band.
  int Side(const RateState& state, double x) const {
    const Anomaly& anomaly = rule().anomaly;
    const Band& band = state.band;
    if (anomaly.direction != Anomaly::Direction::kDown && x >= anomaly.floor &&
        x > band.center && x - band.center >= anomaly.score * band.scale_up) {
      return 1;
    }
    // Downwards the floor is what there used to be.
    if (anomaly.direction != Anomaly::Direction::kUp &&
        band.center >= anomaly.floor && x < band.center &&
        band.center - x >= anomaly.score * band.scale_down) {
      return -1;
    }
    return 0;
  }

  void JudgeLive(Record* record, const Signal& signal) {
    RateState& state = record->state;
    const EventTime end = BucketEnd(state.bucket);
    if (record->episode != nullptr && record->episode->hold_until_ms >= end) {
      return;
    }
    const double x = MeasureOf(state);
    if (x < rule().anomaly.floor || !FindBand(record, signal.time_ms) ||
        Side(state, x) != 1) {
      return;
    }
    if (record->episode != nullptr) {
      record->episode->hold_until_ms = end;
      return;
    }
    Fire(record, signal, x, 1, signal.time_ms, end);
  }

  void JudgeEnd(Record* record, EventTime end) {
    RateState& state = record->state;
    const double x = MeasureOf(state);
    const bool judged = !(kind_ == Measure::Kind::kAvg && state.count == 0) &&
                        FindBand(record, end);
    const int side = judged ? Side(state, x) : 0;
    if (side == 0) {
      state.out_since_ms = kMaxEventTime;
      return;
    }
    const EventTime begin = state.bucket * bucket_ms_;
    state.out_since_ms = std::min(state.out_since_ms, begin);
    if (record->episode != nullptr) {
      record->episode->hold_until_ms = end;
      Changed(record);
      return;
    }
    if (end + 1 - state.out_since_ms < rule().anomaly.for_ms) return;
    Signal cause;
    cause.time_ms = end;
    cause.key = state.key;
    Fire(record, cause, x, side, end, end);
  }

  void Fire(Record* record, const Signal& cause, double x, int side,
            EventTime time, EventTime hold_until) {
    const RateState& state = record->state;
    Firing firing;
    firing.time_ms = time;
    firing.cause = &cause;
    firing.first_event_ms =
        std::min(state.out_since_ms, state.bucket * bucket_ms_);
    firing.last_event_ms = std::max(state.last_ms, firing.first_event_ms);
    firing.hold_until_ms = hold_until;
    firing.count = state.count;
    Start(record, firing, [&] { return Explain(state, x, side); });
  }

  std::string Explain(const RateState& state, double x, int side) const {
    const Anomaly& anomaly = rule().anomaly;
    const Band& band = state.band;
    const double scale = side > 0 ? band.scale_up : band.scale_down;
    const double edge = band.center + side * anomaly.score * scale;
    std::string what;
    switch (kind_) {
      case Measure::Kind::kCount:
        what = FormatCount(static_cast<int64_t>(x), "event");
        break;
      case Measure::Kind::kDistinct:
        what = absl::StrCat(state.distinct.exact() ? "" : "about ",
                            FormatNumber(x), " distinct ", ValueFieldNames());
        break;
      case Measure::Kind::kSum:
        what = absl::StrCat("sum of ", ValueFieldNames(), " ", FormatNumber(x));
        break;
      case Measure::Kind::kAvg:
        what = absl::StrCat("average of ", ValueFieldNames(), " ",
                            FormatNumber(x));
        break;
    }
    const char* center = "median";
    const char* spread = "MAD";
    if (baseline().model == Baseline::Model::kQuantile) {
      spread = "(p95 - median) / 1.645";
    } else if (baseline().model == Baseline::Model::kEwma) {
      center = "moving average";
      spread = "standard deviation";
    }
    std::string out =
        absl::StrCat(what, " in ", FormatMillis(bucket_ms_), "; ", center,
                     state.band_name.empty() ? "" : " for ", state.band_name,
                     " = ", FormatNumber(band.center), ", ", spread, " ",
                     FormatNumber(band.spread));
    if (anomaly.margin > 0) {
      absl::StrAppend(&out, ", margin ", FormatNumber(anomaly.margin));
    }
    if (whole_ && scale == Root(band)) {
      absl::StrAppend(&out, ", root of the ", center, " ", FormatNumber(scale));
    }
    absl::StrAppend(
        &out, "; band ", side > 0 ? "top " : "bottom ", FormatNumber(edge),
        "; score ",
        scale > 0 ? FormatNumber(std::fabs(x - band.center) / scale) : "inf",
        " (", FormatCondition(rule().condition), ")");
    return out;
  }

  const Measure::Kind kind_;
  const bool whole_;  // counts something
  const int64_t bucket_ms_;
  const SampleShape shape_;
  const bool judged_live_;
  const bool judged_at_end_;
  const int64_t rearm_after_ms_;
  std::vector<double> collected_;
};

}  // namespace

std::unique_ptr<Evaluator> NewRateEvaluator(EngineContext* context,
                                            uint32_t rule) {
  return std::make_unique<RateEvaluator>(context, rule);
}

}  // namespace keywatch
