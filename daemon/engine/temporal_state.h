#ifndef DAEMON_ENGINE_TEMPORAL_STATE_H_
#define DAEMON_ENGINE_TEMPORAL_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/core/codec.h"
#include "daemon/core/event.h"
#include "daemon/engine/time_ring.h"

namespace keywatch {

// What a temporal rule keeps of a group: when each input occurred last, and
// that event as evidence. Thread-compatible.
struct TemporalState {
  static constexpr int kParts = 1;
  // Times kept: events of the window, to say how many they were; or windows
  // that are open.
  static constexpr size_t kMaxTimes = 1024;
  static constexpr size_t kMaxInputs = 64;

  struct Last {
    EventTime time_ms = kMinEventTime;
    std::string event;  // encoded evidence
  };
  std::vector<Last> inputs;
  TimeRing times;
  std::string first_event;  // encoded evidence of times.front()

  void Reset() {
    for (Last& last : inputs) {
      last.time_ms = kMinEventTime;
      last.event.clear();
    }
    times.Reset();
    first_event.clear();
  }
  size_t HeapBytes() const {
    size_t bytes = times.HeapBytes() + first_event.size();
    for (const Last& last : inputs) bytes += sizeof(last) + last.event.size();
    return bytes;
  }
  void Encode(Encoder* out) const {
    out->Varint(inputs.size());
    for (const Last& last : inputs) {
      out->Signed(last.time_ms);
      out->String(last.event);
    }
    times.Encode(out);
    out->String(first_event);
  }
  bool Decode(Decoder* in) {
    const uint64_t count = in->Varint();
    if (!in->ok() || count > kMaxInputs) return false;
    inputs.assign(count, Last());
    for (Last& last : inputs) {
      last.time_ms = in->Signed();
      last.event = std::string(in->String());
    }
    if (!times.Decode(in, kMaxTimes)) return false;
    first_event = std::string(in->String());
    return in->ok();
  }
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_TEMPORAL_STATE_H_
