#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/baseline_evaluator.h"
#include "daemon/engine/evaluators.h"

namespace keywatch {
namespace {

// The first byte of the name of the row that holds the gaps.
constexpr uint8_t kGapsPart = 253;
// Gaps that are remembered, the newest ones.
constexpr size_t kMaxGaps = 256;

struct DormantState {
  static constexpr int kParts = 1;
  Learning learning;
  EventTime last_ms = 0;

  void Reset() {
    learning.Reset();
    last_ms = 0;
  }
  size_t HeapBytes() const { return 0; }
  void Encode(Encoder* out) const {
    learning.Encode(out);
    out->Signed(last_ms);
  }
  bool Decode(Decoder* in) {
    learning.Decode(in);
    last_ms = in->Signed();
    return in->ok();
  }
};

// dormant: a group is used again after it was idle for long. The condition is
// over milliseconds. A group is never forgotten for being idle, only when the
// rule has too many; min-history and min-events are asked of its last use. For
// how long a source was blind meanwhile is said in the explanation: the key may
// have been used then.
class DormantEvaluator : public BaselineEvaluator<DormantState> {
 public:
  DormantEvaluator(EngineContext* context, uint32_t rule)
      : BaselineEvaluator(context, rule, kForever) {}

  void OnGap(EventTime from_ms, EventTime to_ms) override {
    gaps_dirty_ = true;
    // Gaps grow, and those of several sources overlap.
    for (auto& [from, to] : gaps_) {
      if (from_ms > to || to_ms < from) continue;
      from = std::min(from, from_ms);
      to = std::max(to, to_ms);
      return;
    }
    if (gaps_.size() >= kMaxGaps) gaps_.erase(gaps_.begin());
    gaps_.emplace_back(from_ms, to_ms);
  }

  void TakeDirty(std::vector<StateChange>* out) override {
    BaselineEvaluator::TakeDirty(out);
    if (!gaps_dirty_) return;
    gaps_dirty_ = false;
    out->push_back(GapsRow());
  }

  void AllState(std::vector<StateChange>* out) const override {
    BaselineEvaluator::AllState(out);
    if (!gaps_.empty()) out->push_back(GapsRow());
  }

  absl::Status RestoreRow(absl::string_view group,
                          absl::string_view blob) override {
    if (group.size() != 1 || static_cast<uint8_t>(group[0]) != kGapsPart) {
      return BaselineEvaluator::RestoreRow(group, blob);
    }
    Decoder in(blob);
    gaps_.clear();
    for (uint64_t count = in.Varint(); in.ok() && count > 0; --count) {
      const EventTime from = in.Signed();
      gaps_.emplace_back(from, in.Signed());
    }
    if (in.done()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("state of rule ", rule().id.view(),
                                            ": the gaps cannot be read"));
  }

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    Record* record = GetLearning(group, now);
    if (!FirstOfEvent(record)) return;
    DormantState& state = record->state;
    if (state.learning.events > 0) {
      const bool ready = UpdateReady(record, state.last_ms);
      const int64_t idle = now - state.last_ms;
      if (ready &&
          ConditionHolds(rule().condition, static_cast<double>(idle))) {
        Fire(record, signal, idle);
      }
    }
    ++state.learning.events;
    state.last_ms = now;
    Touch(record, now);
    Reschedule(record);
  }

 private:
  void Fire(Record* record, const Signal& signal, int64_t idle) {
    if (record->episode != nullptr) {
      record->episode->hold_until_ms = signal.time_ms;
      Fold(record, signal);
      return;
    }
    Firing firing;
    firing.time_ms = signal.time_ms;
    firing.cause = &signal;
    firing.first_event_ms = signal.time_ms;
    firing.last_event_ms = signal.time_ms;
    firing.hold_until_ms = signal.time_ms;
    firing.count = 1;
    Start(record, firing, [&] {
      return absl::StrCat("not used for ", FormatMillis(idle), " (",
                          FormatDurationCondition(rule().condition),
                          "); last use ", FormatTime(record->state.last_ms),
                          ", before that ", Learned(record->state.learning),
                          BlindText(record->state.last_ms, signal.time_ms));
    });
  }

  // "; a source was blind for 2h of that time", or nothing.
  std::string BlindText(EventTime from_ms, EventTime to_ms) const {
    std::vector<std::pair<EventTime, EventTime>> gaps = gaps_;
    std::sort(gaps.begin(), gaps.end());
    int64_t blind = 0;
    EventTime seen_to = from_ms;
    for (const auto& [from, to] : gaps) {
      const EventTime begin = std::max(from, seen_to);
      const EventTime end = std::min(to, to_ms);
      if (end <= begin) continue;
      blind += end - begin;
      seen_to = end;
    }
    if (blind == 0) return "";
    return absl::StrCat("; a source was blind for ", FormatMillis(blind),
                        " of that time");
  }

  StateChange GapsRow() const {
    StateChange row;
    row.owner = owner();
    row.group.assign(1, static_cast<char>(kGapsPart));
    Encoder out(&row.blob);
    out.Varint(gaps_.size());
    for (const auto& [from, to] : gaps_) {
      out.Signed(from);
      out.Signed(to);
    }
    return row;
  }

  std::vector<std::pair<EventTime, EventTime>> gaps_;  // may overlap
  bool gaps_dirty_ = false;
};

}  // namespace

std::unique_ptr<Evaluator> NewDormantEvaluator(EngineContext* context,
                                               uint32_t rule) {
  return std::make_unique<DormantEvaluator>(context, rule);
}

}  // namespace keywatch
