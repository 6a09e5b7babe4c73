#ifndef DAEMON_HISTORY_SEGMENT_H_
#define DAEMON_HISTORY_SEGMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"

namespace keywatch {

// One segment file of a history directory. A value.
struct Segment {
  uint64_t number = 0;  // grows from file to file
  // Every event that was stored in earlier segments is at or before it.
  EventTime begin_ms = 0;
  std::string path;
  int64_t bytes = 0;
  absl::Time written;  // when the file was changed last
};

// "00000042-20260803T140000Z.kwh".
std::string SegmentName(uint64_t number, EventTime begin_ms);
// Number and begin, from such a name; nullopt for other names.
absl::optional<Segment> ParseSegmentName(absl::string_view name);

// The segments of a directory in order of their number; kAll: also what was set
// aside. Other files are left out. NOT_FOUND when there is no such directory.
enum class SegmentKind { kCommitted, kAll };
absl::StatusOr<std::vector<Segment>> ListSegments(
    const std::string& directory, SegmentKind kind = SegmentKind::kCommitted);

}  // namespace keywatch

#endif  // DAEMON_HISTORY_SEGMENT_H_
