#include "daemon/app/seen_ids.h"

#include <xxhash.h>

#include <algorithm>

namespace keywatch {

uint64_t SeenIds::Hash(absl::string_view id, uint64_t seed) {
  return XXH3_64bits_withSeed(id.data(), id.size(), seed);
}

bool SeenIds::Insert(uint64_t hash, EventTime time_ms) {
  if (!ids_.insert(hash).second) return false;
  if (chunks_.empty() || chunks_.back().ids.size() >= kChunk) {
    chunks_.emplace_back();
    chunks_.back().ids.reserve(kChunk);
  }
  Chunk& chunk = chunks_.back();
  chunk.ids.push_back(hash);
  chunk.newest_ms = std::max(chunk.newest_ms, time_ms);
  while (ids_.size() > max_ids_ && chunks_.size() > 1) DropOldest();
  return true;
}

void SeenIds::AdvanceTo(EventTime watermark) {
  while (!chunks_.empty() &&
         chunks_.front().newest_ms < watermark - horizon_ms_) {
    DropOldest();
  }
}

void SeenIds::DropOldest() {
  for (uint64_t hash : chunks_.front().ids) ids_.erase(hash);
  chunks_.pop_front();
}

}  // namespace keywatch
