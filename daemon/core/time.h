#ifndef DAEMON_CORE_TIME_H_
#define DAEMON_CORE_TIME_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/event.h"

namespace keywatch {

// "2026-08-03T14:00:00.250Z": RFC 3339 in UTC with milliseconds.
std::string FormatTime(EventTime time_ms);

// RFC 3339 / ISO 8601 date and time with `T` or a space between, any fraction,
// and `Z`, an offset, or nothing (UTC). INVALID_ARGUMENT for anything else.
// Fractions beyond milliseconds are cut off, not rounded.
absl::StatusOr<EventTime> ParseTime(absl::string_view text);

// A number and a unit: `500ms 90s 15m 26h 30d 2w`. INVALID_ARGUMENT else, and
// for negative or overflowing durations. "0" needs no unit.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// The shortest such text: "90s", "15m", "30d"; "1m30s" for mixed values,
// "inf" for an infinite one.
std::string FormatDuration(absl::Duration duration);

EventTime ToEventTime(absl::Time time);
absl::Time FromEventTime(EventTime time_ms);

}  // namespace keywatch

#endif  // DAEMON_CORE_TIME_H_
