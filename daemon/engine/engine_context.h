#ifndef DAEMON_ENGINE_ENGINE_CONTEXT_H_
#define DAEMON_ENGINE_ENGINE_CONTEXT_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/detection.h"
#include "daemon/core/event.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/evaluator.h"
#include "daemon/engine/timer_queue.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// EngineContext is what evaluators share: the rules, the timers, the signals
// on their way, the episodes with news, and group keys that several rules ask
// for. Thread-compatible.
class EngineContext {
 public:
  explicit EngineContext(std::shared_ptr<const RuleSet> rules);

  const RuleSet& rules() const { return *rules_; }
  EngineStats& stats() { return stats_; }
  const EngineStats& stats() const { return stats_; }

  // --- Time.

  // The newest instant that was heard of.
  EventTime clock() const { return clock_; }
  void MoveClock(EventTime to) {
    if (to > clock_) clock_ = to;
  }
  TimerQueue& timers() { return timers_; }
  // True for a rule with verdicts that no event brings (JudgedByTime), and for
  // those that take its signals.
  bool judged_by_time(uint32_t rule) const { return judged_by_time_[rule]; }
  // A group of some rule will be over at `time`, at the earliest.
  void ExpiresAt(EventTime time) {
    if (time < next_expiry_) next_expiry_ = time;
  }
  EventTime next_expiry() const { return next_expiry_; }
  void set_next_expiry(EventTime time) { next_expiry_ = time; }

  // --- The event (or timer) that is being dispatched.

  // Tells one from the next; never 0.
  uint64_t sequence() const { return sequence_; }
  void NextSequence() { ++sequence_; }

  // Sends what a rule gives to every rule that takes it.
  void Send(uint32_t rule, const Signal* signal);
  // The same for a signal that `rule` fires now; everything is copied.
  void SendCopy(uint32_t rule, const Signal& cause, EventTime time_ms,
                absl::string_view encoded_group, absl::string_view key);
  // Sends to one rule.
  void SendTo(uint32_t rule, uint32_t input, const Signal* signal);
  // Takes out all inputs of the next rule, the least index first; false when
  // nothing is on its way.
  bool NextInputs(uint32_t* rule, std::vector<Input>* inputs);

  // --- Group keys.

  struct GroupPlan {
    std::vector<Slot> slots;
    uint64_t sequence = 0;  // of the event that `key` was made for
    bool exists = false;    // the event has a value in every slot
    std::string key;
    uint64_t hash = 0;
  };
  // The plan of these slots; the same for equal lists.
  uint32_t AddGroupPlan(std::vector<Slot> slots);
  // The group of `event`, made once per event whatever the number of rules.
  const GroupPlan& GroupOf(uint32_t plan, const Event& event);

  // --- Episodes with news.

  void Opened() { opened_ = true; }
  bool opened() const { return opened_; }
  void AddNews(uint32_t rule, uint32_t slot, uint32_t generation) {
    news_.push_back({rule, slot, generation});
  }
  void AddDetection(Detection detection) {
    detections_.push_back(std::move(detection));
  }
  struct News {
    uint32_t rule;
    uint32_t slot;
    uint32_t generation;
  };
  // Both are emptied, and opened() is false again.
  void TakeNews(std::vector<News>* news, std::vector<Detection>* detections);

 private:
  struct Edge {
    uint32_t rule;
    uint32_t input;
  };
  struct Pending {
    uint32_t rule;
    uint32_t input;
    const Signal* signal;
  };
  struct OwnedSignal {
    Signal signal;
    std::string event_id;
    std::string group;
    std::string key;
    std::vector<absl::string_view> values;
  };

  const std::shared_ptr<const RuleSet> rules_;
  std::vector<std::vector<Edge>> edges_;    // by the rule that gives
  const std::vector<bool> judged_by_time_;  // by rule

  EngineStats stats_;
  EventTime clock_ = kMinEventTime;
  EventTime next_expiry_ = kMaxEventTime;
  TimerQueue timers_;
  uint64_t sequence_ = 0;
  std::vector<Pending> pending_;  // from pending_begin_ on, in order
  size_t pending_begin_ = 0;
  std::deque<OwnedSignal> owned_;
  std::vector<GroupPlan> plans_;
  std::vector<News> news_;
  std::vector<Detection> detections_;
  bool opened_ = false;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_ENGINE_CONTEXT_H_
