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

// First byte of every saved row; see STATE.md. Rows of version 1 have no number
// of uses.
constexpr uint8_t kStateVersion = 2;
// The part that holds a page of the dropped groups.
constexpr uint8_t kEvictedPart = 255;
// What a rule's groups may take together, for each that it may have.
constexpr size_t kBytesPerGroup = 4096;
// A group with this time to live stays until the cap on groups drops it.
constexpr int64_t kForever = INT64_MAX;

// GroupedEvaluator keeps a `State` for each group of its rule: finds or makes
// it, drops it when it was not used for `ttl_ms` or when the rule has too many
// groups or they take too much memory (eviction.h says which one goes), saves
// and restores it, and sets its timers. What the rule means is in the derived
// class:
//
//   OnInput    one signal: Get the group's record, change it, Touch it
//   NextDue    the time at which the record wants OnDue, from its state alone
//   OnDue      that time has come
//
// `State` has Reset(), Encode(Encoder*), bool Decode(Decoder*), and HeapBytes():
// what it holds beyond itself, counted by content and not by capacity, so that
// a restored state counts the same. A state that is large and changes rarely
// has a second part, saved in a row of its own: kParts = 2, EncodePart2,
// DecodePart2.
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
    SettleChanged();
  }

  bool OnTimer(uint32_t slot, uint32_t generation, EventTime due) override {
    Record* record = table_.At(slot);
    if (!record->live || record->generation != generation ||
        record->timer_ms != due) {
      return false;
    }
    record->timer_ms = kMaxEventTime;
    const bool is_due = NextDue(*record) <= due;
    if (is_due) OnDue(record, due);
    if (record->live && record->generation == generation) Reschedule(record);
    SettleChanged();
    return is_due;
  }

  EventTime Expire(EventTime bound) override {
    if (bound < next_expiry_) return next_expiry_;
    next_expiry_ = kMaxEventTime;
    for (uint8_t list = 0; list < kUseClasses; ++list) {
      Record* record = table_.First(list);
      while (record != nullptr && ExpiryOf(*record) <= bound) {
        OnExpire(record);
        record = table_.First(list);
      }
      if (record != nullptr) {
        next_expiry_ = std::min(next_expiry_, ExpiryOf(*record));
      }
    }
    return next_expiry_;
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
    for (size_t page : evicted_.TakeChanged()) out->push_back(PageRow(page));
  }

  void AllState(std::vector<StateChange>* out) const override {
    for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
      const Record* record = table_.At(slot);
      if (!record->live) continue;
      for (int part = 0; part < State::kParts; ++part) {
        out->push_back(Row(*record, part));
      }
    }
    for (size_t page = 0; page < evicted_.pages(); ++page) {
      if (!evicted_.PageIsEmpty(page)) out->push_back(PageRow(page));
    }
  }

  absl::Status RestoreRow(absl::string_view group,
                          absl::string_view blob) override {
    const int part = group.empty() ? -1 : static_cast<uint8_t>(group[0]);
    if (part == kEvictedPart) return RestorePage(group.substr(1), blob);
    if (part < 0 || part >= State::kParts) {
      return absl::DataLossError(
          absl::StrCat("state of rule ", rule().id.view(), ": unknown part"));
    }
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
      Settle(record);
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
        max_groups_(std::max<size_t>(1, this->rule().max_groups)),
        max_bytes_(std::max(kLeastBytes, max_groups_ * kBytesPerGroup)),
        evicted_(max_groups_) {}

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
    // What was changed before counts now, so that it does not matter when it
    // was counted.
    SettleChanged();
    while (bytes_ > max_bytes_ && table_.size() > 1) Evict();
    Record* record = table_.Find(group.key, group.hash);
    if (record == nullptr) {
      while (table_.size() >= max_groups_) Evict();
      record = table_.Insert(group.key, group.hash);
      record->touch_ms = now;
      if (evicted_.Contains(group.hash)) record->uses = 1;
      Append(record);
      UpdateStats();
    }
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
    ++record->uses;
    if (!table_.IsLast(record) || record->list != ListOf(*record)) {
      table_.Unlink(record);
      Append(record);
    }
    MarkDirty(record);
  }
  void MarkDirty(Record* record, int part = 0) {
    if (record->dirty == 0) dirty_.push_back(record->slot);
    record->dirty |= 1 << part;
    unsettled_.push_back(record->slot);
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
    // It goes to another list, and its place there must be the one that is
    // saved.
    Touch(record, firing.time_ms);
  }
  // Ends the open episode at `now`; the group then counts as used.
  void End(Record* record, EventTime now) {
    Close(record);
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

  // A table too small for this is not worth a bound.
  static constexpr size_t kLeastBytes = size_t{16} << 20;

  EventTime ExpiryOf(const Record& record) const {
    return ttl_ms_ == kForever ? kMaxEventTime : record.touch_ms + ttl_ms_;
  }

  uint8_t ListOf(const Record& record) const {
    return pins_ && record.episode != nullptr ? kPinnedList
                                              : UseClass(record.uses);
  }

  void Append(Record* record) {
    const uint8_t list = ListOf(*record);
    if (list != kPinnedList && ExpiryOf(*record) < next_expiry_) {
      next_expiry_ = ExpiryOf(*record);
      context().ExpiresAt(next_expiry_);
    }
    table_.Append(record, list);
  }

  void Evict() {
    const uint8_t list = ListToEvictFrom(table_.list_sizes(), max_groups_);
    Record* victim = table_.First(list);
    evicted_.Add(victim->hash);
    ++context().stats().evicted[rule_index()];
    Drop(victim);
  }

  // Counts the record's bytes as they are now.
  void Settle(Record* record) {
    size_t bytes = sizeof(Record) + record->state.HeapBytes();
    if (record->episode != nullptr) bytes += record->episode->Bytes();
    bytes = std::min<size_t>(bytes, UINT32_MAX);
    bytes_ += bytes - record->bytes;
    record->bytes = static_cast<uint32_t>(bytes);
  }
  void SettleChanged() {
    for (uint32_t slot : unsettled_) {
      if (Record* record = table_.At(slot); record->live) Settle(record);
    }
    unsettled_.clear();
  }

  // Removes a record that is in no list.
  void Forget(Record* record) {
    OnDropped(record);
    for (int part = 0; part < State::kParts; ++part) {
      if ((record->stored & (1 << part)) != 0) {
        erased_.push_back(RowGroup(*record, part));
      }
    }
    bytes_ -= record->bytes;
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

  StateChange PageRow(size_t page) const {
    StateChange change;
    change.owner = owner();
    change.group.push_back(static_cast<char>(kEvictedPart));
    Encoder(&change.group).Varint(page);
    change.blob.push_back(static_cast<char>(kStateVersion));
    const absl::string_view bytes = evicted_.page(page);
    change.blob.append(bytes.data(), bytes.size());
    return change;
  }
  absl::Status RestorePage(absl::string_view index, absl::string_view blob) {
    Decoder decoder(index);
    const uint64_t page = decoder.Varint();
    if (!decoder.done() || blob.empty() ||
        static_cast<uint8_t>(blob[0]) != kStateVersion ||
        !evicted_.RestorePage(page, blob.substr(1))) {
      return absl::DataLossError(absl::StrCat(
          "state of rule ", rule().id.view(), ": a page cannot be read"));
    }
    return absl::OkStatus();
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
      encoder.Varint(record.uses);
      encoder.Bool(record.episode != nullptr);
      if (record.episode != nullptr) record.episode->Encode(&encoder);
      record.state.Encode(&encoder);
    } else if constexpr (State::kParts > 1) {
      record.state.EncodePart2(&encoder);
    }
    return change;
  }

  bool DecodeRow(Record* record, int part, absl::string_view blob) {
    const int version = blob.empty() ? 0 : static_cast<uint8_t>(blob[0]);
    if (version < 1 || version > kStateVersion) return false;
    Decoder decoder(blob.substr(1));
    if (part == 0) {
      record->touch_ms = decoder.Signed();
      record->touch_sequence = decoder.Varint();
      record->uses = version == 1 ? 1 : decoder.Varint();
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
  const size_t max_bytes_;
  Table table_;
  EvictedGroups evicted_;
  size_t bytes_ = 0;                       // of all records that are settled
  std::vector<uint32_t> unsettled_;        // slots whose bytes may have changed
  EventTime next_expiry_ = kMaxEventTime;  // no group is over before
  uint64_t touch_sequence_ = 0;
  std::vector<uint32_t> dirty_;      // slots
  std::vector<std::string> erased_;  // rows
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_GROUPED_EVALUATOR_H_
