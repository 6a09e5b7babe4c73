#include "daemon/cli/time_text.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"

namespace keywatch {

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

void SetProto(absl::Time time, google::protobuf::Timestamp* out) {
  const EventTime ms = ToEventTime(time);
  const int64_t rest = ((ms % 1000) + 1000) % 1000;
  out->set_seconds((ms - rest) / 1000);
  out->set_nanos(static_cast<int32_t>(rest * 1'000'000));
}

std::string ShortDuration(absl::Duration duration) {
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  int64_t seconds = absl::ToInt64Seconds(
      duration < absl::ZeroDuration() ? -duration : duration);
  for (size_t i = 0; i < 4; ++i) {
    if (seconds < kUnits[i].seconds) continue;
    std::string text =
        absl::StrCat(seconds / kUnits[i].seconds, kUnits[i].name);
    if (i + 1 < 4) {
      const int64_t rest = seconds % kUnits[i].seconds / kUnits[i + 1].seconds;
      if (rest > 0) absl::StrAppend(&text, " ", rest, kUnits[i + 1].name);
    }
    return text;
  }
  return "0s";
}

std::string RelativeTime(absl::Time time, absl::Time now) {
  const absl::Duration age = now - time;
  if (age < absl::Seconds(1) && age > -absl::Seconds(1)) return "just now";
  if (age < absl::ZeroDuration())
    return absl::StrCat("in ", ShortDuration(age));
  return absl::StrCat(ShortDuration(age), " ago");
}

std::string UtcTime(absl::Time time) { return FormatTime(ToEventTime(time)); }

std::string BothTimes(absl::Time time, absl::Time now) {
  return absl::StrCat(UtcTime(time), " (", RelativeTime(time, now), ")");
}

absl::StatusOr<absl::Time> ParseTypedTime(absl::string_view text,
                                          absl::Time now, bool future) {
  if (text == "now") return now;
  absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (duration.ok()) return future ? now + *duration : now - *duration;
  absl::StatusOr<EventTime> time = ParseTime(text);
  if (time.ok()) return FromEventTime(*time);
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is no time: write a duration such as 15m, 26h or 7d, or ",
      "a date and time such as 2026-08-03T14:00:00Z"));
}

}  // namespace keywatch
