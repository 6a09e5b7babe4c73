#ifndef DAEMON_CLI_TIME_TEXT_H_
#define DAEMON_CLI_TIME_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace keywatch {

// Times for people. Pure functions.

absl::Time FromProto(const google::protobuf::Timestamp& time);
void SetProto(absl::Time time, google::protobuf::Timestamp* out);

// "just now", "3m ago", "2h 5m ago", "9d ago"; "in 3m" for the future.
std::string RelativeTime(absl::Time time, absl::Time now);

// "2026-08-03T14:00:07.000Z": everywhere, so that one can be looked for.
std::string UtcTime(absl::Time time);

// "2026-08-03T14:00:07.000Z (3m ago)"
std::string BothTimes(absl::Time time, absl::Time now);

// "14s", "3m 5s", "2h 5m", "9d 4h": the two greatest units.
std::string ShortDuration(absl::Duration duration);

// What a person types for a time: "now", a duration (`15m`: so long before
// `now`, or after it with `future`), or a date and time. INVALID_ARGUMENT else.
absl::StatusOr<absl::Time> ParseTypedTime(absl::string_view text,
                                          absl::Time now, bool future);

}  // namespace keywatch

#endif  // DAEMON_CLI_TIME_TEXT_H_
