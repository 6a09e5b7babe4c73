#include "absl/strings/str_cat.h"
#include "daemon/engine/baseline_evaluator.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/term_counts.h"

namespace keywatch {
namespace {

struct RareTermState {
  static constexpr int kParts = 1;
  Learning learning;
  TermCounts counts;

  void Reset() {
    learning.Reset();
    counts.Reset();
  }
  size_t HeapBytes() const { return counts.HeapBytes(); }
  void Encode(Encoder* out) const {
    learning.Encode(out);
    counts.Encode(out);
  }
  bool Decode(Decoder* in) {
    learning.Decode(in);
    return counts.Decode(in);
  }
};

// rare_term: the share that a value has of the group's events within
// `history`, before this one, satisfies the condition.
class RareTermEvaluator : public BaselineEvaluator<RareTermState> {
 public:
  RareTermEvaluator(EngineContext* context, uint32_t rule)
      : BaselineEvaluator(
            context, rule,
            context->rules().rule(rule).anomaly.baseline.forget_after_ms) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    terms_.clear();
    ForEachValue(input, [&](uint64_t hash, absl::string_view) {
      terms_.push_back(hash);
    });
    if (terms_.empty()) return;
    Record* peer = GetPeer(input, now);
    const bool peer_ready = peer != nullptr && UpdateReady(peer, now);
    Rarest by_peer;
    if (peer != nullptr) {
      peer->state.counts.AdvanceTo(now, baseline().history_ms);
      by_peer = FindRarest(peer->state.counts);
    }
    Record* record = GetLearning(group, now);
    if (!FirstOfEvent(record)) return;
    RareTermState& state = record->state;
    state.counts.AdvanceTo(now, baseline().history_ms);
    const bool ready = UpdateReady(record, now);
    const Rarest rarest = ready ? FindRarest(state.counts) : by_peer;
    const bool fires = (ready || peer_ready) && rarest.total > 0 &&
                       ConditionHolds(rule().condition, rarest.share());
    if (fires && record->episode == nullptr) {
      Fire(input, record, rarest, ready);
    } else if (fires) {
      record->episode->hold_until_ms = now;
      Fold(record, signal);
    }
    if (!fires || !baseline().learn_from_unalerted_only) {
      Learn(&state, now);
      if (peer != nullptr && peer != record) Learn(&peer->state, now);
    }
    Touch(record, now);
    Reschedule(record);
  }

 private:
  struct Rarest {
    int64_t count = 0;
    int64_t total = 0;
    double share() const {
      return static_cast<double>(count) / static_cast<double>(total);
    }
  };

  Rarest FindRarest(const TermCounts& counts) const {
    Rarest rarest;
    rarest.total = counts.total();
    rarest.count = rarest.total;
    for (uint64_t term : terms_) {
      rarest.count = std::min(rarest.count, counts.Count(term));
    }
    return rarest;
  }

  void Learn(RareTermState* state, EventTime now) {
    for (uint64_t term : terms_) state->counts.Add(term, now);
    ++state->learning.events;
  }

  void Fire(const Input& input, Record* record, const Rarest& rarest,
            bool own) {
    Firing firing;
    firing.time_ms = input.signal->time_ms;
    firing.cause = input.signal;
    firing.first_event_ms = firing.time_ms;
    firing.last_event_ms = firing.time_ms;
    firing.hold_until_ms = firing.time_ms;
    firing.count = 1;
    Start(record, firing, [&] {
      return absl::StrCat(
          ValuesText(input), " in ", rarest.count, " of ",
          FormatCount(rarest.total, "event"), " of ",
          own ? "this group" : "the peer group (the group is still learning)",
          " in ", FormatMillis(baseline().history_ms), ": share ",
          FormatShare(rarest.share()), " (",
          FormatShareCondition(rule().condition), ")");
    });
  }

  std::vector<uint64_t> terms_;  // of the event at hand
};

}  // namespace

std::unique_ptr<Evaluator> NewRareTermEvaluator(EngineContext* context,
                                                uint32_t rule) {
  return std::make_unique<RareTermEvaluator>(context, rule);
}

}  // namespace keywatch
