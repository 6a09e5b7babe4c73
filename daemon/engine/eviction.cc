#include "daemon/engine/eviction.h"

#include <algorithm>
#include <cstring>

namespace keywatch {
namespace {

size_t TableBytes(size_t max_groups) {
  size_t size = EvictedGroups::kPageBytes;
  while (size < 16 * max_groups) size *= 2;
  return size;
}

}  // namespace

uint8_t ListToEvictFrom(const size_t (&sizes)[kGroupLists], size_t max_groups) {
  const size_t share = max_groups / 8;
  for (uint8_t list = 0; list < kUseClasses; ++list) {
    if (sizes[list] > share) return list;
  }
  if (sizes[kPinnedList] > 3 * share) return kPinnedList;
  uint8_t list = 0;
  while (sizes[list] == 0) ++list;
  return list;
}

EvictedGroups::EvictedGroups(size_t max_groups)
    : size_(TableBytes(max_groups)) {}

void EvictedGroups::Allocate() {
  if (!bytes_.empty()) return;
  bytes_.assign(size_, 0);
  changed_.assign(pages(), false);
}

void EvictedGroups::Add(uint64_t hash) {
  Allocate();
  const size_t at = hash & (size_ - 1);
  if (bytes_[at] == Mark(hash)) return;
  bytes_[at] = Mark(hash);
  changed_[at / kPageBytes] = true;
}

bool EvictedGroups::Contains(uint64_t hash) const {
  return !bytes_.empty() && bytes_[hash & (size_ - 1)] == Mark(hash);
}

bool EvictedGroups::PageIsEmpty(size_t index) const {
  const absl::string_view bytes = page(index);
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char byte) { return byte == 0; });
}

std::vector<size_t> EvictedGroups::TakeChanged() {
  std::vector<size_t> out;
  for (size_t i = 0; i < changed_.size(); ++i) {
    if (changed_[i]) out.push_back(i);
  }
  changed_.assign(changed_.size(), false);
  return out;
}

bool EvictedGroups::RestorePage(size_t index, absl::string_view bytes) {
  if (index >= size_ / kPageBytes || bytes.size() != kPageBytes) return false;
  Allocate();
  std::memcpy(bytes_.data() + index * kPageBytes, bytes.data(), kPageBytes);
  return true;
}

}  // namespace keywatch
