#ifndef DAEMON_APP_SEEN_IDS_H_
#define DAEMON_APP_SEEN_IDS_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "daemon/core/event.h"

namespace keywatch {

// SeenIds remembers which events of one source have been taken, for a horizon
// of event time, so that an event that is delivered twice counts once. Ids are
// kept as 64-bit seeded hashes; two different ids within the horizon collide
// with a chance of about n^2 / 2^65. Bounded: beyond `max_ids` the oldest are
// forgotten first. Thread-compatible.
class SeenIds {
 public:
  SeenIds(int64_t horizon_ms, size_t max_ids)
      : horizon_ms_(horizon_ms), max_ids_(max_ids) {}

  static uint64_t Hash(absl::string_view id, uint64_t seed);

  // True when the id is new; it is remembered from now on.
  bool Insert(uint64_t hash, EventTime time_ms);

  // Forgets the ids that are older than the horizon.
  void AdvanceTo(EventTime watermark);

  size_t size() const { return ids_.size(); }

 private:
  // Ids in order of arrival, cut into chunks that are forgotten whole.
  struct Chunk {
    EventTime newest_ms = kMinEventTime;
    std::vector<uint64_t> ids;
  };
  static constexpr size_t kChunk = 4096;

  void DropOldest();

  const int64_t horizon_ms_;
  const size_t max_ids_;
  absl::flat_hash_set<uint64_t> ids_;
  std::deque<Chunk> chunks_;
};

}  // namespace keywatch

#endif  // DAEMON_APP_SEEN_IDS_H_
