#ifndef DAEMON_ENGINE_CRON_H_
#define DAEMON_ENGINE_CRON_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/event.h"

namespace keywatch {

// CronSchedule is a five-field cron line (minute, hour, day of month, month,
// day of week) in a time zone: numbers, names (jan, mon), `*`, lists, ranges,
// steps. As with cron, when both day fields are restricted either one is
// enough; Sunday is 0 and 7. A local time that daylight saving skips is taken
// at the moment of the change; one that occurs twice, the first time. Immutable.
class CronSchedule {
 public:
  // INVALID_ARGUMENT with a sentence for the user; also for a schedule that
  // never comes (February 30) and for an unknown time zone. An empty one is
  // UTC.
  static absl::StatusOr<CronSchedule> Parse(absl::string_view text,
                                            absl::string_view timezone);

  // The first scheduled time after `after`, or kMaxEventTime when there is
  // none within eight years (February 29 on a Monday may take longer).
  EventTime Next(EventTime after) const;

 private:
  CronSchedule() = default;
  bool DayMatches(const absl::CivilDay& day) const;

  uint64_t minutes_ = 0;  // bit n: minute n
  uint32_t hours_ = 0;
  uint32_t days_ = 0;  // bit n: day n of the month
  uint32_t months_ = 0;
  uint32_t weekdays_ = 0;  // bit 0: Sunday
  bool any_day_ = false;
  bool any_weekday_ = false;
  absl::TimeZone zone_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_CRON_H_
