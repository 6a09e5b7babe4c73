#ifndef DAEMON_ENGINE_GROUP_TABLE_H_
#define DAEMON_ENGINE_GROUP_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/engine/episode.h"
#include "daemon/engine/eviction.h"
#include "daemon/engine/group_key.h"

namespace keywatch {

// What is known of every group, whatever its rule.
struct GroupRecord {
  uint64_t hash = 0;
  GroupKey key;
  // When it was used last, and its place in the order of use; both are saved.
  EventTime touch_ms = 0;
  uint64_t touch_sequence = 0;
  // How often it was used; saved. Says which list it stands in.
  uint64_t uses = 0;
  // The timer that is set for it, or kMaxEventTime.
  EventTime timer_ms = kMaxEventTime;
  // The event that counted last (EngineContext::sequence); not saved.
  uint64_t event_sequence = 0;
  std::unique_ptr<Episode> episode;

  uint32_t bytes = 0;  // as counted in the rule's total
  uint32_t slot = 0;
  uint32_t generation = 0;  // grows when the slot gets another group
  uint32_t previous = 0;    // in its list; slot + 1, 0 is the end
  uint32_t next = 0;
  uint8_t list = 0;
  bool live = false;
  uint8_t dirty = 0;   // parts that changed since they were taken
  uint8_t stored = 0;  // parts that the store has
};

// GroupTable holds the records of one rule's groups. A group is found by one
// probe of a flat table of (hash, slot); records stay at their address until
// they are removed, and removed ones are used again with the memory they own.
// Lists (eviction.h) keep the order of use, by how often a group was used;
// pinned ones (with an open episode) have their own. `Record` derives from
// GroupRecord and has Reset(). Thread-compatible.
template <typename Record>
class GroupTable {
 public:
  size_t size() const { return size_; }

  Record* Find(absl::string_view key, uint64_t hash) {
    if (index_.empty()) return nullptr;
    const size_t mask = index_.size() - 1;
    const uint32_t tag = static_cast<uint32_t>(hash);
    for (size_t at = tag & mask; index_[at].slot != 0; at = (at + 1) & mask) {
      if (index_[at].tag != tag) continue;
      Record* record = At(index_[at].slot - 1);
      if (record->hash == hash && record->key.view() == key) return record;
    }
    return nullptr;
  }

  // Adds a group that is not there; it is in no list yet.
  Record* Insert(absl::string_view key, uint64_t hash) {
    if ((size_ + 1) * 4 > index_.size() * 3) Grow();
    uint32_t slot;
    if (!free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    } else {
      slot = static_cast<uint32_t>(slots_++);
      if (slot / kChunk == chunks_.size()) {
        chunks_.emplace_back(new Record[kChunk]);
      }
      At(slot)->slot = slot;
    }
    Record* record = At(slot);
    record->hash = hash;
    record->key.Assign(key);
    record->live = true;
    IndexInsert(static_cast<uint32_t>(hash), slot + 1);
    ++size_;
    return record;
  }

  // The record must be in no list.
  void Remove(Record* record) {
    IndexErase(static_cast<uint32_t>(record->hash), record->slot + 1);
    record->live = false;
    record->dirty = 0;
    record->stored = 0;
    record->timer_ms = kMaxEventTime;
    record->event_sequence = 0;
    record->uses = 0;
    record->bytes = 0;
    record->episode.reset();
    ++record->generation;
    record->Reset();
    free_.push_back(record->slot);
    --size_;
  }

  Record* At(uint32_t slot) { return &chunks_[slot / kChunk][slot % kChunk]; }
  const Record* At(uint32_t slot) const {
    return &chunks_[slot / kChunk][slot % kChunk];
  }
  // Every slot that was ever used: some hold no live record.
  uint32_t slots() const { return static_cast<uint32_t>(slots_); }

  // --- The lists, each with the least recently used first.

  Record* First(uint8_t list) {
    return first_[list] == 0 ? nullptr : At(first_[list] - 1);
  }
  using ListSizes = size_t[kGroupLists];
  const ListSizes& list_sizes() const { return list_sizes_; }
  void Append(Record* record, uint8_t list) {
    record->list = list;
    record->next = 0;
    record->previous = last_[list];
    const uint32_t link = record->slot + 1;
    if (last_[list] == 0) {
      first_[list] = link;
    } else {
      At(last_[list] - 1)->next = link;
    }
    last_[list] = link;
    ++list_sizes_[list];
  }
  void Unlink(Record* record) {
    const uint8_t list = record->list;
    if (record->previous == 0) {
      first_[list] = record->next;
    } else {
      At(record->previous - 1)->next = record->next;
    }
    if (record->next == 0) {
      last_[list] = record->previous;
    } else {
      At(record->next - 1)->previous = record->previous;
    }
    --list_sizes_[list];
  }
  bool IsLast(const Record* record) const {
    return last_[record->list] == record->slot + 1;
  }

 private:
  static constexpr size_t kChunk = 64;
  struct IndexEntry {
    uint32_t tag = 0;
    uint32_t slot = 0;  // slot + 1, 0 is empty
  };

  void IndexInsert(uint32_t tag, uint32_t slot) {
    const size_t mask = index_.size() - 1;
    size_t at = tag & mask;
    while (index_[at].slot != 0) at = (at + 1) & mask;
    index_[at] = {tag, slot};
  }

  void IndexErase(uint32_t tag, uint32_t slot) {
    const size_t mask = index_.size() - 1;
    size_t hole = tag & mask;
    while (index_[hole].slot != slot) hole = (hole + 1) & mask;
    // Whatever could have stood in the hole moves there, so that no search
    // ends too early.
    for (size_t at = (hole + 1) & mask; index_[at].slot != 0;
         at = (at + 1) & mask) {
      const size_t home = index_[at].tag & mask;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        index_[hole] = index_[at];
        hole = at;
      }
    }
    index_[hole] = {};
  }

  void Grow() {
    std::vector<IndexEntry> old(index_.empty() ? 16 : index_.size() * 2);
    old.swap(index_);
    for (const IndexEntry& entry : old) {
      if (entry.slot != 0) IndexInsert(entry.tag, entry.slot);
    }
  }

  std::vector<IndexEntry> index_;  // a power of two
  std::vector<std::unique_ptr<Record[]>> chunks_;
  std::vector<uint32_t> free_;
  size_t slots_ = 0;
  size_t size_ = 0;
  uint32_t first_[kGroupLists] = {};
  uint32_t last_[kGroupLists] = {};
  ListSizes list_sizes_ = {};
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_GROUP_TABLE_H_
