#include "daemon/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/engine/engine_context.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/supports.h"

namespace keywatch {
namespace {

// The group of the row that says up to when a rule was judged by the clock; no
// evaluator's group begins like this.
constexpr char kJudgedGroup[] = "\xfe";

std::unique_ptr<Evaluator> NewEvaluator(EngineContext* context,
                                        uint32_t index) {
  const Rule& rule = context->rules().rule(index);
  switch (rule.type) {
    case RuleType::kDetection:
      return rule.alerts ? NewDetectionEvaluator(context, index) : nullptr;
    case RuleType::kEventCount:
      return JudgedAtEnd(rule) ? NewWindowEndEvaluator(context, index)
                               : NewEventCountEvaluator(context, index);
    case RuleType::kValueCount:
      return JudgedAtEnd(rule) ? NewWindowEndEvaluator(context, index)
                               : NewValueCountEvaluator(context, index);
    case RuleType::kTemporal:
      return HasNot(rule) ? NewTemporalAbsenceEvaluator(context, index)
                          : NewTemporalEvaluator(context, index);
    case RuleType::kTemporalOrdered:
      return NewTemporalOrderedEvaluator(context, index);
    case RuleType::kValueSum:
      return JudgedAtEnd(rule) ? NewWindowEndEvaluator(context, index)
                               : NewValueStatisticEvaluator(context, index);
    case RuleType::kValueAvg:
    case RuleType::kValuePercentile:
    case RuleType::kValueMedian:
      return NewValueStatisticEvaluator(context, index);
    case RuleType::kNewTerm:
      return NewNewTermEvaluator(context, index);
    case RuleType::kRareTerm:
      return NewRareTermEvaluator(context, index);
    case RuleType::kRate:
      return NewRateEvaluator(context, index);
    case RuleType::kRatio:
      return NewRatioEvaluator(context, index);
    case RuleType::kDormant:
      return NewDormantEvaluator(context, index);
    case RuleType::kAbsence:
      return NewAbsenceEvaluator(context, index);
    case RuleType::kTravel:
      return NewTravelEvaluator(context, index);
  }
  return nullptr;
}

// In order of first fire, then rule, then group; an opening before its end.
bool DetectionBefore(const Detection& a, const Detection& b) {
  if (a.first_fire_ms != b.first_fire_ms) {
    return a.first_fire_ms < b.first_fire_ms;
  }
  if (a.rule != b.rule) return a.rule < b.rule;
  if (a.group != b.group) return a.group < b.group;
  if (a.id != b.id) return a.id < b.id;
  return a.kind < b.kind;
}

class EngineImpl : public Engine {
 public:
  explicit EngineImpl(std::shared_ptr<const RuleSet> rules)
      : context_(std::move(rules)) {
    const std::vector<Rule>& all = context_.rules().rules();
    evaluators_.resize(all.size());
    judged_ms_.assign(all.size(), kMinEventTime);
    for (uint32_t i = 0; i < all.size(); ++i) {
      evaluators_[i] = NewEvaluator(&context_, i);
      if (evaluators_[i] == nullptr) continue;
      active_.push_back(evaluators_[i].get());
      owners_.emplace(OwnerOf(all[i]), i);
    }
  }

  void Observe(const Event& event) override {
    context_.MoveClock(event.time_ms);
    if (event.matches.empty()) return;
    RunTimers(event.time_ms - 1);
    context_.NextSequence();
    Signal signal;
    signal.time_ms = event.time_ms;
    signal.event_id = event.id;
    signal.event = &event;
    for (uint32_t match : event.matches) {
      ++context_.stats().matches[match];
      if (evaluators_[match] != nullptr) context_.SendTo(match, 0, &signal);
      context_.Send(match, &signal);
    }
    Dispatch();
  }

  void ObserveLate(const Event& event) override {
    if (event.matches.empty()) return;
    context_.NextSequence();
    Signal signal;
    signal.time_ms = event.time_ms;
    signal.event_id = event.id;
    signal.event = &event;
    for (uint32_t match : event.matches) {
      ++context_.stats().matches[match];
      if (evaluators_[match] != nullptr) context_.SendTo(match, 0, &signal);
      context_.Send(match, &signal);
    }
    uint32_t rule;
    while (context_.NextInputs(&rule, &inputs_)) {
      // Several inputs of one rule are one late event.
      evaluators_[rule]->OnLate(inputs_.front());
    }
  }

  void AdvanceTo(EventTime watermark) override {
    RunTimers(watermark);
    context_.MoveClock(watermark);
    if (watermark < context_.next_expiry()) return;
    context_.set_next_expiry(kMaxEventTime);
    EventTime next = kMaxEventTime;
    for (Evaluator* evaluator : active_) {
      next = std::min(next, evaluator->Expire(watermark));
    }
    context_.ExpiresAt(next);
  }

  void AdvanceClock(EventTime now) override {
    while (context_.timers().next_by_time() <= now) {
      const Timer timer = context_.timers().PopByTime();
      context_.NextSequence();
      if (!evaluators_[timer.rule]->OnTimer(timer.slot, timer.generation,
                                            timer.due)) {
        continue;
      }
      ahead_ms_ = timer.due;
      JudgedAhead(timer.rule);
      Dispatch();
      ahead_ms_ = kMinEventTime;
    }
  }

  void ObserveGap(EventTime from_ms, EventTime to_ms) override {
    for (Evaluator* evaluator : active_) evaluator->OnGap(from_ms, to_ms);
  }

  std::vector<Detection> TakeDetections() override {
    std::vector<Detection> out;
    context_.TakeNews(&news_, &out);
    for (const EngineContext::News& news : news_) {
      Detection detection;
      if (evaluators_[news.rule]->TakeEpisode(news.slot, news.generation,
                                              &detection)) {
        out.push_back(std::move(detection));
      }
    }
    std::sort(out.begin(), out.end(), DetectionBefore);
    return out;
  }

  bool HasOpened() const override { return context_.opened(); }

  std::vector<StateChange> TakeDirtyState() override {
    std::vector<StateChange> out;
    for (Evaluator* evaluator : active_) evaluator->TakeDirty(&out);
    for (uint32_t rule : moved_ahead_) out.push_back(JudgedRow(rule));
    moved_ahead_.clear();
    return out;
  }

  std::vector<StateChange> AllState() const override {
    std::vector<StateChange> out;
    for (const Evaluator* evaluator : active_) evaluator->AllState(&out);
    for (uint32_t rule = 0; rule < judged_ms_.size(); ++rule) {
      if (judged_ms_[rule] != kMinEventTime) out.push_back(JudgedRow(rule));
    }
    return out;
  }

  absl::Status RestoreRow(absl::string_view owner, absl::string_view group,
                          absl::string_view blob) override {
    auto it = owners_.find(owner);
    if (it == owners_.end()) {
      return absl::NotFoundError(
          absl::StrCat("no rule owns the state of ", owner));
    }
    if (group == kJudgedGroup) {
      Decoder decoder(blob);
      const EventTime judged = decoder.Signed();
      if (!decoder.ok()) {
        return absl::DataLossError(
            absl::StrCat("the state of ", owner, " cannot be read"));
      }
      judged_ms_[it->second] = judged;
      return absl::OkStatus();
    }
    return evaluators_[it->second]->RestoreRow(group, blob);
  }

  void FinishRestore(EventTime watermark) override {
    for (Evaluator* evaluator : active_) evaluator->FinishRestore();
    AdvanceTo(watermark);
  }

  const EngineStats& stats() const override { return context_.stats(); }

 private:
  void RunTimers(EventTime bound) {
    while (context_.timers().next() <= bound) {
      const Timer timer = context_.timers().Pop();
      context_.NextSequence();
      evaluators_[timer.rule]->OnTimer(timer.slot, timer.generation, timer.due);
      Dispatch();
    }
  }

  void Dispatch() {
    uint32_t rule;
    while (context_.NextInputs(&rule, &inputs_)) {
      if (ahead_ms_ != kMinEventTime) {
        JudgedAhead(rule);
      } else if (inputs_.front().signal->time_ms <= judged_ms_[rule]) {
        evaluators_[rule]->OnLate(inputs_.front());
        continue;
      }
      evaluators_[rule]->OnInputs(inputs_);
    }
  }

  // What `rule` said holds up to the timer that the clock has brought.
  void JudgedAhead(uint32_t rule) {
    if (judged_ms_[rule] >= ahead_ms_) return;
    judged_ms_[rule] = ahead_ms_;
    if (std::find(moved_ahead_.begin(), moved_ahead_.end(), rule) ==
        moved_ahead_.end()) {
      moved_ahead_.push_back(rule);
    }
  }

  static std::string OwnerOf(const Rule& rule) {
    return absl::StrCat(rule.id.view(), "@", rule.meaning);
  }

  StateChange JudgedRow(uint32_t rule) const {
    StateChange row;
    row.owner = OwnerOf(context_.rules().rule(rule));
    row.group = kJudgedGroup;
    Encoder(&row.blob).Signed(judged_ms_[rule]);
    return row;
  }

  EngineContext context_;
  std::vector<std::unique_ptr<Evaluator>> evaluators_;  // by rule; may be null
  std::vector<Evaluator*> active_;
  absl::flat_hash_map<std::string, uint32_t> owners_;  // to the rule
  // By rule: up to then it was judged ahead of the watermark.
  std::vector<EventTime> judged_ms_;
  std::vector<uint32_t> moved_ahead_;   // of those, what is not yet saved
  EventTime ahead_ms_ = kMinEventTime;  // of the timer that the clock brings
  std::vector<Input> inputs_;
  std::vector<EngineContext::News> news_;
};

}  // namespace

std::unique_ptr<Engine> Engine::Create(std::shared_ptr<const RuleSet> rules) {
  return std::make_unique<EngineImpl>(std::move(rules));
}

}  // namespace keywatch
