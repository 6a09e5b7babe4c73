#include "daemon/ingest/log_source.h"

namespace keywatch {

absl::string_view GapKindName(GapKind kind) {
  switch (kind) {
    case GapKind::kDown:
      return "down";
    case GapKind::kUnreachable:
      return "unreachable";
    case GapKind::kCursorExpired:
      return "cursor expired";
    case GapKind::kRotatedAway:
      return "rotated away";
    case GapKind::kRejected:
      return "rejected";
  }
  return "unknown";
}

}  // namespace keywatch
