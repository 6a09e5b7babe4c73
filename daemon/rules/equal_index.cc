#include "daemon/rules/equal_index.h"

namespace keywatch {
namespace {

// Bits of a table that is at most a third full.
int TableBits(size_t entries) {
  int bits = 3;
  while ((size_t{1} << bits) < entries * 3) ++bits;
  return bits;
}

}  // namespace

void EqualIndex::Add(absl::string_view text, uint32_t id) {
  entries_.push_back({TextDigest(text), id, std::string(text)});
  lengths_ |= uint64_t{1} << (text.size() < 63 ? text.size() : 63);
}

void EqualIndex::Build() {
  const int bits = TableBits(entries_.size());
  shift_ = 64 - bits;
  mask_ = (uint32_t{1} << bits) - 1;
  table_.assign(size_t{1} << bits, kNone);
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    uint32_t slot = static_cast<uint32_t>(entries_[i].digest.Hash() >> shift_);
    while (table_[slot] != kNone) slot = (slot + 1) & mask_;
    table_[slot] = i;
  }
}

uint32_t NumberIndex::Add(int64_t number, uint32_t id) {
  for (const Entry& entry : entries_) {
    if (entry.number == number) return entry.id;
  }
  Entry entry;
  entry.number = number;
  entry.id = id;
  entries_.push_back(entry);
  return id;
}

void NumberIndex::Build() {
  const int bits = TableBits(entries_.size());
  shift_ = 64 - bits;
  mask_ = (uint32_t{1} << bits) - 1;
  table_.assign(size_t{1} << bits, Entry());
  for (const Entry& entry : entries_) {
    uint32_t slot = Slot(entry.number);
    while (table_[slot].id != kNone) slot = (slot + 1) & mask_;
    table_[slot] = entry;
  }
}

}  // namespace keywatch
