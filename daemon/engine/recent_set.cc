#include "daemon/engine/recent_set.h"

#include <algorithm>

namespace keywatch {
namespace {

constexpr size_t kKept = 64;

// Values are hashes already; the multiplication guards against patterns.
size_t Home(uint64_t value, size_t mask) {
  return static_cast<size_t>((value * 0x9e3779b97f4a7c15u) >> 32) & mask;
}

}  // namespace

uint32_t RecentSet::Find(uint64_t value) const {
  if (table_.empty()) {
    // From the newest on: what was just seen is seen again.
    for (uint32_t i = last_; i != kNone; i = entries_[i].previous) {
      if (entries_[i].value == value) return i;
    }
    return kNone;
  }
  const size_t mask = table_.size() - 1;
  for (size_t at = Home(value, mask); table_[at] != 0; at = (at + 1) & mask) {
    if (entries_[table_[at] - 1].value == value) return table_[at] - 1;
  }
  return kNone;
}

bool RecentSet::See(uint64_t value, EventTime time, size_t limit) {
  uint32_t i = Find(value);
  if (i != kNone) {
    entries_[i].time = time;
    if (i != last_) {
      Unlink(i);
      LinkLast(i);
    }
    return false;
  }
  while (size_ > 0 && size_ >= limit) DropFirst();
  if (free_ != kNone) {
    i = free_;
    free_ = entries_[i].next;
  } else {
    i = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  }
  entries_[i].value = value;
  entries_[i].time = time;
  LinkLast(i);
  ++size_;
  if (!table_.empty() && size_ * 2 <= table_.size()) {
    TableInsert(i);
  } else if (size_ > kScan) {
    BuildTable(std::max<size_t>(4 * kScan, table_.size() * 2));
  }
  return true;
}

void RecentSet::DropFirst() {
  const uint32_t i = first_;
  if (!table_.empty()) TableErase(i);
  Unlink(i);
  entries_[i].next = free_;
  free_ = i;
  --size_;
}

void RecentSet::Unlink(uint32_t i) {
  const Entry& entry = entries_[i];
  (entry.previous == kNone ? first_ : entries_[entry.previous].next) =
      entry.next;
  (entry.next == kNone ? last_ : entries_[entry.next].previous) =
      entry.previous;
}

void RecentSet::LinkLast(uint32_t i) {
  entries_[i].previous = last_;
  entries_[i].next = kNone;
  (last_ == kNone ? first_ : entries_[last_].next) = i;
  last_ = i;
}

void RecentSet::TableInsert(uint32_t i) {
  const size_t mask = table_.size() - 1;
  size_t at = Home(entries_[i].value, mask);
  while (table_[at] != 0) at = (at + 1) & mask;
  table_[at] = i + 1;
}

void RecentSet::TableErase(uint32_t i) {
  const size_t mask = table_.size() - 1;
  size_t hole = Home(entries_[i].value, mask);
  while (table_[hole] != i + 1) hole = (hole + 1) & mask;
  // Whatever could have stood in the hole moves there, so that no search ends
  // too early.
  for (size_t at = (hole + 1) & mask; table_[at] != 0; at = (at + 1) & mask) {
    const size_t home = Home(entries_[table_[at] - 1].value, mask);
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      table_[hole] = table_[at];
      hole = at;
    }
  }
  table_[hole] = 0;
}

void RecentSet::BuildTable(size_t slots) {
  table_.assign(slots, 0);
  for (uint32_t i = first_; i != kNone; i = entries_[i].next) TableInsert(i);
}

void RecentSet::Reset() {
  first_ = last_ = free_ = kNone;
  size_ = 0;
  if (entries_.capacity() > kKept) {
    std::vector<Entry>().swap(entries_);
  } else {
    entries_.clear();
  }
  std::vector<uint32_t>().swap(table_);
}

void RecentSet::Encode(Encoder* out) const {
  out->Varint(size_);
  EventTime last = 0;
  ForEach([&](uint64_t value, EventTime time) {
    out->Fixed64(value);
    out->Signed(time - last);
    last = time;
  });
}

bool RecentSet::Decode(Decoder* in, size_t limit) {
  Reset();
  const uint64_t count = in->Varint();
  if (!in->ok() || count > limit) return false;
  EventTime last = 0;
  for (uint64_t i = 0; i < count && in->ok(); ++i) {
    const uint64_t value = in->Fixed64();
    last += in->Signed();
    See(value, last, limit);
  }
  return in->ok();
}

}  // namespace keywatch
