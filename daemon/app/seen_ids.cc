#include "daemon/app/seen_ids.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>

namespace keywatch {

uint64_t SeenIds::Hash(absl::string_view id, uint64_t seed) {
  return XXH3_64bits_withSeed(id.data(), id.size(), seed);
}

bool SeenIds::Insert(uint64_t hash, EventTime time_ms, EventTime watermark) {
  if (watermark != kMinEventTime && time_ms < watermark - horizon_ms_) {
    return true;
  }
  auto [it, inserted] = times_.try_emplace(hash, time_ms);
  if (!inserted) {
    if (std::abs(time_ms - it->second) <= horizon_ms_) return false;
    it->second = time_ms;
  }
  Append(hash, time_ms);
  return true;
}

bool SeenIds::Contains(uint64_t hash, EventTime time_ms) const {
  const auto it = times_.find(hash);
  return it != times_.end() && it->second <= time_ms;
}

void SeenIds::Append(uint64_t hash, EventTime time_ms) {
  if (chunks_.empty() || chunks_.back().ids.size() >= kChunk) {
    chunks_.emplace_back();
    chunks_.back().ids.reserve(kChunk);
  }
  Chunk& chunk = chunks_.back();
  chunk.ids.push_back(hash);
  chunk.newest_ms = std::max(chunk.newest_ms, time_ms);
  while (times_.size() > max_ids_ && chunks_.size() > 1) DropOldest();
}

void SeenIds::AdvanceTo(EventTime watermark) {
  while (!chunks_.empty() &&
         NeededUntil(chunks_.front().newest_ms) < watermark) {
    DropOldest();
  }
}

void SeenIds::DropOldest() {
  const EventTime newest = chunks_.front().newest_ms;
  for (uint64_t hash : chunks_.front().ids) {
    auto it = times_.find(hash);
    // An id that came again later stands in a later chunk, too.
    if (it != times_.end() && it->second <= newest) times_.erase(it);
  }
  chunks_.pop_front();
}

void SeenIds::Pack(uint64_t hash, EventTime time_ms, Packed* out) {
  out->push_back(hash);
  out->push_back(static_cast<uint64_t>(time_ms));
}

void SeenIds::Restore(const Packed& packed) {
  for (size_t i = 0; i + 1 < packed.size(); i += 2) {
    const auto time_ms = static_cast<EventTime>(packed[i + 1]);
    times_[packed[i]] = time_ms;
    Append(packed[i], time_ms);
  }
}

}  // namespace keywatch
