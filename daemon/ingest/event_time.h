#ifndef DAEMON_INGEST_EVENT_TIME_H_
#define DAEMON_INGEST_EVENT_TIME_H_

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/core/value.h"

namespace keywatch {

// How a record writes its time.
enum class TimeFormat {
  // RFC 3339, the time of the common log format, or a number (also as text)
  // whose size tells its unit.
  kAuto,
  kRfc3339,
  kUnixSeconds,  // fractions allowed
  kUnixMillis,
  kUnixNanos,
  // "17/May/2015:10:05:03 +0000", as web servers write.
  kCommonLog,
};

// Reads the time of a record. False for anything else than the format says,
// for NaN, and for times before 1970 or after the year 9999.
bool ReadEventTime(const Value& value, TimeFormat format, EventTime* time);

}  // namespace keywatch

#endif  // DAEMON_INGEST_EVENT_TIME_H_
