#include "absl/strings/str_cat.h"
#include "daemon/engine/baseline_evaluator.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/recent_set.h"

namespace keywatch {
namespace {

// More values of one group are not kept: the one seen longest ago goes.
constexpr size_t kMaxTerms = 1024;

struct NewTermState {
  static constexpr int kParts = 1;
  Learning learning;
  RecentSet terms;

  void Reset() {
    learning.Reset();
    terms.Reset();
  }
  size_t HeapBytes() const { return terms.HeapBytes(); }
  void Encode(Encoder* out) const {
    learning.Encode(out);
    terms.Encode(out);
  }
  bool Decode(Decoder* in) {
    learning.Decode(in);
    return terms.Decode(in, kMaxTerms);
  }
};

// new_term: a value that the group was not seen with within `history`. The
// very first event of a group has nothing to be compared with and never fires.
// With learn-from unalerted the new value is not learned: the episode goes on
// while it is used, and it fires again when it comes back later.
class NewTermEvaluator : public BaselineEvaluator<NewTermState> {
 public:
  NewTermEvaluator(EngineContext* context, uint32_t rule)
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
    // Making room for one record may drop the other, so the peer comes first.
    Record* peer = GetPeer(input, now);
    const bool peer_ready = peer != nullptr && UpdateReady(peer, now);
    if (peer != nullptr) {
      peer->state.terms.DropBefore(now - baseline().history_ms);
    }
    const bool new_to_peer = peer_ready && AnyNew(peer->state);
    Record* record = GetLearning(group, now);
    if (!FirstOfEvent(record)) return;
    NewTermState& state = record->state;
    state.terms.DropBefore(now - baseline().history_ms);
    const bool ready = UpdateReady(record, now);
    const bool fires = ready ? state.learning.events > 0 && AnyNew(state)
                             : new_to_peer && AnyNew(state);
    const bool learns = !fires || !baseline().learn_from_unalerted_only;
    if (fires && record->episode == nullptr) {
      Fire(input, record, ready ? state : peer->state, ready);
    } else if (fires) {
      record->episode->hold_until_ms = now;
      Fold(record, signal);
    }
    Learn(&state, now, learns);
    if (peer != nullptr && peer != record) Learn(&peer->state, now, learns);
    Touch(record, now);
    Reschedule(record);
  }

 private:
  bool AnyNew(const NewTermState& state) const {
    for (uint64_t term : terms_) {
      if (!state.terms.Contains(term)) return true;
    }
    return false;
  }

  // What is known is refreshed in any case.
  void Learn(NewTermState* state, EventTime now, bool learns) {
    for (uint64_t term : terms_) {
      if (learns || state->terms.Contains(term)) {
        state->terms.See(term, now, kMaxTerms);
      }
    }
    if (learns) ++state->learning.events;
  }

  void Fire(const Input& input, Record* record, const NewTermState& by,
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
          ValuesText(input), " not seen in ",
          FormatMillis(baseline().history_ms), " for this ",
          own ? "group" : "peer group (the group itself is still learning)",
          "; it is known with ",
          FormatCount(static_cast<int64_t>(by.terms.size()), "other value"),
          " from ", Learned(by.learning));
    });
  }

  std::vector<uint64_t> terms_;  // of the event at hand
};

}  // namespace

std::unique_ptr<Evaluator> NewNewTermEvaluator(EngineContext* context,
                                               uint32_t rule) {
  return std::make_unique<NewTermEvaluator>(context, rule);
}

}  // namespace keywatch
