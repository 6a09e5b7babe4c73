#ifndef DAEMON_RULES_SCHEDULE_H_
#define DAEMON_RULES_SCHEDULE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// Whether `text` is a schedule as cron has it: minute, hour, day of the month,
// month and day of the week (0 or 7 is Sunday), each a list of numbers, ranges
// and `*`, with an optional step. INVALID_ARGUMENT says what is not.
absl::Status CheckSchedule(absl::string_view text);

}  // namespace keywatch

#endif  // DAEMON_RULES_SCHEDULE_H_
