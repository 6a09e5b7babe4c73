#ifndef DAEMON_ENGINE_BASELINE_EVALUATOR_H_
#define DAEMON_ENGINE_BASELINE_EVALUATOR_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/grouped_evaluator.h"

namespace keywatch {

// How much a group's baseline has seen.
struct Learning {
  bool begun = false;
  EventTime first_ms = 0;
  int64_t events = 0;
  // Sufficient: once it is, it stays so.
  bool ready = false;

  void Reset() { *this = Learning(); }
  void Encode(Encoder* out) const {
    out->Signed(first_ms);
    out->Signed(events);
    out->Bool(ready);
  }
  void Decode(Decoder* in) {
    begun = true;
    first_ms = in->Signed();
    events = in->Signed();
    ready = in->Bool();
  }
};

// BaselineEvaluator is the part that anomalies with a baseline share: when a
// group has learned enough, and the peer group that stands in until then.
// `State` has a member `Learning learning`.
//
// A peer group lies in the same table as the groups, under a key that begins
// with an empty value, which no group's does. It learns from all its groups
// and never fires itself.
template <typename State>
class BaselineEvaluator : public GroupedEvaluator<State> {
 public:
  size_t learning() const override { return learning_; }

 protected:
  using Base = GroupedEvaluator<State>;
  using typename Base::GroupName;
  using typename Base::Record;

  BaselineEvaluator(EngineContext* context, uint32_t rule, int64_t ttl_ms)
      : Base(context, rule, ttl_ms) {}

  const Baseline& baseline() const { return this->rule().anomaly.baseline; }

  // As Get; counts new groups as learning.
  Record* GetLearning(const GroupName& group, EventTime now) {
    Record* record = this->Get(group, now);
    Learning& learning = record->state.learning;
    if (!learning.begun) {
      learning.begun = true;
      learning.first_ms = now;
      CountLearning(1);
      UpdateReady(record, now);
    }
    return record;
  }

  // Whether the baseline is sufficient at `now`, before the event at `now` is
  // learned.
  bool UpdateReady(Record* record, EventTime now) {
    Learning& learning = record->state.learning;
    if (!learning.ready && learning.events >= baseline().min_events &&
        now - learning.first_ms >= baseline().min_history_ms) {
      learning.ready = true;
      CountLearning(-1);
    }
    return learning.ready;
  }

  // The group learns anew from `now` on.
  void Relearn(Record* record, EventTime now) {
    Learning& learning = record->state.learning;
    if (learning.ready) CountLearning(1);
    learning.Reset();
    learning.begun = true;
    learning.first_ms = now;
    UpdateReady(record, now);
    this->MarkDirty(record);
  }

  // The peer group of the input; nullptr when the rule has none or the input
  // lacks a field of it.
  Record* GetPeer(const Input& input, EventTime now) {
    const Anomaly& anomaly = this->rule().anomaly;
    if (anomaly.peers.size() <= input.input ||
        anomaly.peers[input.input].empty()) {
      return nullptr;
    }
    peer_key_.clear();
    AppendGroupValue(absl::string_view(), &peer_key_);
    if (!this->AppendFields(anomaly.peers[input.input], *input.signal,
                            &peer_key_)) {
      return nullptr;
    }
    Record* peer =
        GetLearning(GroupName{peer_key_, StableHash(peer_key_)}, now);
    this->Touch(peer, now);
    return peer;
  }

  void OnDropped(Record* record) override {
    const Learning& learning = record->state.learning;
    if (learning.begun && !learning.ready) CountLearning(-1);
  }
  void OnRestored(Record* record) override {
    if (!record->state.learning.ready) CountLearning(1);
  }

  // "1203 events since 2026-08-03T14:00:00.000Z".
  static std::string Learned(const Learning& learning) {
    return absl::StrCat(FormatCount(learning.events, "event"), " since ",
                        FormatTime(learning.first_ms));
  }

 private:
  void CountLearning(int64_t by) {
    learning_ += by;
    this->context().stats().learning[this->rule_index()] =
        static_cast<int64_t>(learning_);
  }

  size_t learning_ = 0;
  std::string peer_key_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_BASELINE_EVALUATOR_H_
