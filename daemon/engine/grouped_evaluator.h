#ifndef DAEMON_ENGINE_GROUPED_EVALUATOR_H_
#define DAEMON_ENGINE_GROUPED_EVALUATOR_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/engine/group_table.h"
#include "daemon/engine/rule_evaluator.h"

namespace keywatch {

// First byte of every saved row; see STATE.md.
constexpr uint8_t kStateVersion = 1;
// A group with this time to live stays until the cap on groups drops it.
constexpr int64_t kForever = INT64_MAX;

// GroupedEvaluator keeps a `State` for each group of its rule: finds or makes
// it, drops it when it was not used for `ttl_ms` or when the rule has too many
// groups (the least recently used one goes), saves and restores it, and sets
// its timers. What the rule means is in the derived class:
//
//   OnInput    one signal: Get the group's record, change it, Touch it
//   NextDue    the time at which the record wants OnDue, from its state alone
//   OnDue      that time has come
//
// `State` has Reset(), Encode(Encoder*), bool Decode(Decoder*). A state that
// is large and changes rarely has a second part, saved in a row of its own:
// kParts = 2, EncodePart2, DecodePart2.
template <typename State>
class GroupedEvaluator : public RuleEvaluator {
 public:
  void OnInputs(absl::Span<const Input> inputs) override {
    for (const Input& input : inputs) {
      GroupName group;
      if (GroupOf(input, &group)) OnInput(input, group);
    }
  }

  // For stateful rules a late event is only counted on the episode that it
  // would have changed: the one whose first window, or all that came since,
  // its time falls into.
  void OnLate(const Input& input) override {
    GroupName group;
    if (!GroupOf(input, &group)) return;
    Record* record = Find(group);
    if (record == nullptr || record->episode == nullptr) return;
    Episode& episode = *record->episode;
    if (input.signal->time_ms < episode.first_fire_ms - rule().timespan_ms) {
      return;
    }
    ++episode.late_events;
    Changed(record);
    MarkDirty(record);
  }

  void OnTimer(uint32_t slot, uint32_t generation, EventTime due) override {
    Record* record = table_.At(slot);
    if (!record->live || record->generation != generation ||
        record->timer_ms != due) {
      return;
    }
    record->timer_ms = kMaxEventTime;
    if (NextDue(*record) <= due) OnDue(record, due);
    if (record->live && record->generation == generation) Reschedule(record);
  }

  EventTime Expire(EventTime bound) override {
    if (ttl_ms_ == kForever) return kMaxEventTime;
    while (true) {
      Record* record = table_.First(Table::kIdle);
      if (record == nullptr) return kMaxEventTime;
      if (record->touch_ms + ttl_ms_ > bound) return record->touch_ms + ttl_ms_;
      OnExpire(record);
    }
  }

  bool TakeEpisode(uint32_t slot, uint32_t generation,
                   Detection* out) override {
    Record* record = table_.At(slot);
    if (!record->live || record->generation != generation ||
        record->episode == nullptr ||
        record->episode->news == Episode::News::kNone) {
      return false;
    }
    *out = Snapshot(*record, record->episode->news == Episode::News::kOpen
                                 ? Detection::Kind::kOpen
                                 : Detection::Kind::kUpdate);
    record->episode->news = Episode::News::kNone;
    return true;
  }

  void TakeDirty(std::vector<StateChange>* out) override {
    for (std::string& group : erased_) {
      out->push_back({owner(), std::move(group), "", true});
    }
    erased_.clear();
    for (uint32_t slot : dirty_) {
      Record* record = table_.At(slot);
      // Twice in the list when the slot got another group: done already.
      for (int part = 0; part < State::kParts; ++part) {
        if ((record->dirty & (1 << part)) == 0) continue;
        out->push_back(Row(*record, part));
        record->stored |= 1 << part;
      }
      record->dirty = 0;
    }
    dirty_.clear();
  }

  void AllState(std::vector<StateChange>* out) const override {
    for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
      const Record* record = table_.At(slot);
      if (!record->live) continue;
      for (int part = 0; part < State::kParts; ++part) {
        out->push_back(Row(*record, part));
      }
    }
  }

  absl::Status RestoreRow(absl::string_view group,
                          absl::string_view blob) override {
    if (group.empty() || group[0] < 0 || group[0] >= State::kParts) {
      return absl::DataLossError(
          absl::StrCat("state of rule ", rule().id.view(), ": unknown part"));
    }
    const int part = group[0];
    group.remove_prefix(1);
    const uint64_t hash = StableHash(group);
    Record* record = table_.Find(group, hash);
    if (record == nullptr) record = table_.Insert(group, hash);
    record->stored |= 1 << part;
    if (!DecodeRow(record, part, blob)) {
      return absl::DataLossError(absl::StrCat(
          "state of rule ", rule().id.view(), ": a row cannot be read"));
    }
    return absl::OkStatus();
  }

  void FinishRestore() override {
    std::vector<Record*> records;
    for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
      Record* record = table_.At(slot);
      if (!record->live) continue;
      if ((record->stored & 1) != 0) {
        records.push_back(record);
      } else {
        // Its first part is missing: nothing can be done with the second.
        Forget(record);
      }
    }
    std::sort(records.begin(), records.end(),
              [](const Record* a, const Record* b) {
                return a->touch_sequence < b->touch_sequence;
              });
    for (Record* record : records) {
      touch_sequence_ = std::max(touch_sequence_, record->touch_sequence);
      Append(record);
      OnRestored(record);
      Reschedule(record);
    }
    while (table_.size() > max_groups_) Evict();
    UpdateStats();
  }

  size_t groups() const override { return table_.size(); }

 protected:
  struct Record : GroupRecord {
    State state;
    void Reset() { state.Reset(); }
  };

  // `pins`: groups with an open episode do not expire and are evicted last.
  GroupedEvaluator(EngineContext* context, uint32_t rule, int64_t ttl_ms,
                   bool pins = true)
      : RuleEvaluator(context, rule),
        ttl_ms_(ttl_ms),
        pins_(pins),
        max_groups_(std::max<size_t>(1, this->rule().max_groups)) {}

  virtual void OnInput(const Input& input, const GroupName& group) = 0;
  virtual EventTime NextDue(const Record& record) const {
    return record.episode == nullptr
               ? kMaxEventTime
               : record.episode->hold_until_ms + rearm_ms();
  }
  virtual void OnDue(Record* record, EventTime due) { End(record, due); }
  virtual void OnExpire(Record* record) { Drop(record); }
  // The record came from the store: for what is not saved.
  virtual void OnRestored(Record* record) { (void)record; }
  // The record is about to go.
  virtual void OnDropped(Record* record) { (void)record; }

  Record* Find(const GroupName& group) {
    return table_.Find(group.key, group.hash);
  }
  // The group's record, made when it is new. What was over before `now` is
  // dropped first: so it does not matter when Expire was called last.
  Record* Get(const GroupName& group, EventTime now) {
    Expire(now - 1);
    Record* record = table_.Find(group.key, group.hash);
    if (record != nullptr) return record;
    while (table_.size() >= max_groups_) Evict();
    record = table_.Insert(group.key, group.hash);
    record->touch_ms = now;
    Append(record);
    UpdateStats();
    return record;
  }
  // True the first time in an event: one that several inputs of the rule take
  // counts once.
  bool FirstOfEvent(Record* record) {
    if (record->event_sequence == context().sequence()) return false;
    record->event_sequence = context().sequence();
    return true;
  }

  // The group was used: it is the last to go, and is saved.
  void Touch(Record* record, EventTime now) {
    record->touch_ms = std::max(record->touch_ms, now);
    record->touch_sequence = ++touch_sequence_;
    if (!table_.IsLast(record)) {
      table_.Unlink(record);
      Append(record);
    }
    MarkDirty(record);
  }
  void MarkDirty(Record* record, int part = 0) {
    if (record->dirty == 0) dirty_.push_back(record->slot);
    record->dirty |= 1 << part;
  }
  // To be called whenever NextDue may have become earlier.
  void Reschedule(Record* record) {
    const EventTime due = NextDue(*record);
    if (due >= record->timer_ms) return;
    record->timer_ms = due;
    context().timers().Push(
        {due, rule_index(), record->slot, record->hash, record->generation});
  }

  // Opens an episode, as RuleEvaluator::Open.
  template <typename F>
  void Start(Record* record, const Firing& firing, F explain,
             std::vector<Evidence>* before = nullptr) {
    Open(record, firing, explain, before);
    if (pins_) {
      table_.Unlink(record);
      Append(record);
    }
    // Its new place in the order of use must be the one that is saved.
    Touch(record, firing.time_ms);
  }
  // Ends the open episode at `now`; the group then counts as used.
  void End(Record* record, EventTime now) {
    Close(record);
    table_.Unlink(record);
    Append(record);
    Touch(record, now);
  }

  void Drop(Record* record) {
    if (record->episode != nullptr) Close(record);
    table_.Unlink(record);
    Forget(record);
    UpdateStats();
  }

  template <typename F>
  void ForEachRecord(F f) {
    for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
      Record* record = table_.At(slot);
      if (record->live) f(record);
    }
  }

 private:
  using Table = GroupTable<Record>;

  void Append(Record* record) {
    const auto list =
        pins_ && record->episode != nullptr ? Table::kPinned : Table::kIdle;
    if (list == Table::kIdle && ttl_ms_ != kForever &&
        table_.First(Table::kIdle) == nullptr) {
      context().ExpiresAt(record->touch_ms + ttl_ms_);
    }
    table_.Append(record, list);
  }

  void Evict() {
    Record* victim = table_.First(Table::kIdle);
    if (victim == nullptr) victim = table_.First(Table::kPinned);
    ++context().stats().evicted[rule_index()];
    Drop(victim);
  }

  // Removes a record that is in no list.
  void Forget(Record* record) {
    OnDropped(record);
    for (int part = 0; part < State::kParts; ++part) {
      if ((record->stored & (1 << part)) != 0) {
        erased_.push_back(RowGroup(*record, part));
      }
    }
    table_.Remove(record);
  }

  void UpdateStats() {
    context().stats().groups[rule_index()] =
        static_cast<int64_t>(table_.size());
  }

  static std::string RowGroup(const Record& record, int part) {
    std::string group(1, static_cast<char>(part));
    const absl::string_view key = record.key.view();
    group.append(key.data(), key.size());
    return group;
  }

  StateChange Row(const Record& record, int part) const {
    StateChange change;
    change.owner = owner();
    change.group = RowGroup(record, part);
    change.blob.push_back(static_cast<char>(kStateVersion));
    Encoder encoder(&change.blob);
    if (part == 0) {
      encoder.Signed(record.touch_ms);
      encoder.Varint(record.touch_sequence);
      encoder.Bool(record.episode != nullptr);
      if (record.episode != nullptr) record.episode->Encode(&encoder);
      record.state.Encode(&encoder);
    } else if constexpr (State::kParts > 1) {
      record.state.EncodePart2(&encoder);
    }
    return change;
  }

  bool DecodeRow(Record* record, int part, absl::string_view blob) {
    if (blob.empty() || static_cast<uint8_t>(blob[0]) != kStateVersion) {
      return false;
    }
    Decoder decoder(blob.substr(1));
    if (part == 0) {
      record->touch_ms = decoder.Signed();
      record->touch_sequence = decoder.Varint();
      record->episode.reset();
      if (decoder.Bool()) {
        record->episode = std::make_unique<Episode>();
        if (!record->episode->Decode(&decoder)) return false;
      }
      if (!record->state.Decode(&decoder)) return false;
    } else if constexpr (State::kParts > 1) {
      if (!record->state.DecodePart2(&decoder)) return false;
    }
    return decoder.done();
  }

  const int64_t ttl_ms_;
  const bool pins_;
  const size_t max_groups_;
  Table table_;
  uint64_t touch_sequence_ = 0;
  std::vector<uint32_t> dirty_;      // slots
  std::vector<std::string> erased_;  // rows
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_GROUPED_EVALUATOR_H_
