#ifndef DAEMON_APP_SEEN_IDS_H_
#define DAEMON_APP_SEEN_IDS_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "daemon/core/event.h"

namespace keywatch {

// SeenIds remembers which events of one source have been taken, so that an
// event that is delivered twice counts once. Two events are one when they have
// the same id and their times are at most the horizon apart.
//
// What it answers follows from event times alone, not from when it happened to
// forget: an event older than the watermark less the horizon is not looked up,
// and what could still be asked for is not forgotten. Ids are kept as 64-bit
// seeded hashes: two different ids among n collide with a chance of about
// n^2 / 2^65. Beyond `max_ids` the oldest are forgotten first, whatever their
// time. Thread-compatible.
class SeenIds {
 public:
  // A value of 64 bits for the hash, one for the time.
  using Packed = std::vector<uint64_t>;

  SeenIds(int64_t horizon_ms, size_t max_ids)
      : horizon_ms_(horizon_ms), max_ids_(max_ids) {}

  static uint64_t Hash(absl::string_view id, uint64_t seed);

  // True when the event is new; it is remembered from now on.
  bool Insert(uint64_t hash, EventTime time_ms, EventTime watermark);

  // Whether it is remembered, and at or before `time_ms`.
  bool Contains(uint64_t hash, EventTime time_ms) const;

  // Forgets what cannot be asked for any more.
  void AdvanceTo(EventTime watermark);

  // Until when (watermark) something seen at `time_ms` may be asked for.
  EventTime NeededUntil(EventTime time_ms) const {
    return time_ms + 2 * horizon_ms_;
  }

  size_t size() const { return times_.size(); }

  // As CheckpointBatch::seen_ids holds them.
  static void Pack(uint64_t hash, EventTime time_ms, Packed* out);
  void Restore(const Packed& packed);

 private:
  // Ids in order of arrival, cut into chunks that are forgotten whole.
  struct Chunk {
    EventTime newest_ms = kMinEventTime;
    std::vector<uint64_t> ids;
  };
  static constexpr size_t kChunk = 4096;

  // Notes the arrival of an id whose time is remembered.
  void Append(uint64_t hash, EventTime time_ms);
  void DropOldest();

  const int64_t horizon_ms_;
  const size_t max_ids_;
  absl::flat_hash_map<uint64_t, EventTime> times_;
  std::deque<Chunk> chunks_;
};

}  // namespace keywatch

#endif  // DAEMON_APP_SEEN_IDS_H_
