#include "daemon/engine/engine_context.h"

#include <utility>

#include "daemon/engine/group_key.h"
#include "daemon/engine/supports.h"

namespace keywatch {

namespace {

// A rule stands after its inputs.
std::vector<bool> JudgedByTime(const RuleSet& rules) {
  std::vector<bool> out;
  out.reserve(rules.rules().size());
  for (const Rule& rule : rules.rules()) {
    bool by_time = JudgedByTime(rule);
    for (uint32_t input : rule.inputs) by_time = by_time || out[input];
    out.push_back(by_time);
  }
  return out;
}

}  // namespace

EngineContext::EngineContext(std::shared_ptr<const RuleSet> rules)
    : rules_(std::move(rules)),
      judged_by_time_(JudgedByTime(*rules_)),
      timers_(judged_by_time_) {
  const size_t count = rules_->rules().size();
  stats_.matches.assign(count, 0);
  stats_.episodes.assign(count, 0);
  stats_.evicted.assign(count, 0);
  stats_.groups.assign(count, 0);
  stats_.learning.assign(count, 0);
  edges_.resize(count);
  for (uint32_t rule = 0; rule < count; ++rule) {
    const std::vector<uint32_t>& inputs = rules_->rule(rule).inputs;
    for (uint32_t input = 0; input < inputs.size(); ++input) {
      edges_[inputs[input]].push_back({rule, input});
    }
  }
}

void EngineContext::Send(uint32_t rule, const Signal* signal) {
  for (const Edge& edge : edges_[rule]) {
    SendTo(edge.rule, edge.input, signal);
  }
}

void EngineContext::SendTo(uint32_t rule, uint32_t input,
                           const Signal* signal) {
  // A rule stands after its inputs, so in order of rules everything that an
  // event has for a rule is there when it is the rule's turn.
  pending_.push_back({rule, input, signal});
  for (size_t i = pending_.size() - 1; i > pending_begin_; --i) {
    Pending& a = pending_[i - 1];
    Pending& b = pending_[i];
    if (a.rule < b.rule || (a.rule == b.rule && a.input <= b.input)) break;
    std::swap(a, b);
  }
}

void EngineContext::SendCopy(uint32_t rule, const Signal& cause,
                             EventTime time_ms, absl::string_view encoded_group,
                             absl::string_view key) {
  if (edges_[rule].empty()) return;
  owned_.emplace_back();
  OwnedSignal& owned = owned_.back();
  owned.event_id = std::string(cause.event_id);
  owned.group = std::string(encoded_group);
  owned.key = std::string(key);
  DecodeGroup(owned.group, &owned.values);
  owned.signal.time_ms = time_ms;
  owned.signal.event_id = owned.event_id;
  owned.signal.event = cause.event;
  owned.signal.group = owned.values;
  owned.signal.key = owned.key;
  Send(rule, &owned.signal);
}

bool EngineContext::NextInputs(uint32_t* rule, std::vector<Input>* inputs) {
  inputs->clear();
  if (pending_begin_ == pending_.size()) {
    pending_.clear();
    pending_begin_ = 0;
    if (!owned_.empty()) owned_.clear();
    return false;
  }
  *rule = pending_[pending_begin_].rule;
  while (pending_begin_ < pending_.size() &&
         pending_[pending_begin_].rule == *rule) {
    const Pending& pending = pending_[pending_begin_++];
    inputs->push_back({pending.input, pending.signal});
  }
  return true;
}

uint32_t EngineContext::AddGroupPlan(std::vector<Slot> slots) {
  for (uint32_t i = 0; i < plans_.size(); ++i) {
    if (plans_[i].slots == slots) return i;
  }
  plans_.emplace_back();
  plans_.back().slots = std::move(slots);
  return static_cast<uint32_t>(plans_.size() - 1);
}

const EngineContext::GroupPlan& EngineContext::GroupOf(uint32_t index,
                                                       const Event& event) {
  GroupPlan& plan = plans_[index];
  if (plan.sequence == sequence_) return plan;
  plan.sequence = sequence_;
  plan.key.clear();
  plan.exists = true;
  for (Slot slot : plan.slots) {
    if (!AppendGroupValue(event.at(slot), &plan.key)) {
      plan.exists = false;
      return plan;
    }
  }
  plan.hash = StableHash(plan.key);
  return plan;
}

void EngineContext::TakeNews(std::vector<News>* news,
                             std::vector<Detection>* detections) {
  news->clear();
  detections->clear();
  news->swap(news_);
  detections->swap(detections_);
  opened_ = false;
}

}  // namespace keywatch
