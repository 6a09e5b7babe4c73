#include "daemon/engine/cron.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

struct FieldSpec {
  const char* name;
  int least;
  int greatest;
  std::vector<std::string> names;  // of `first_named`, and so on
  int first_named;
};

absl::Status Bad(const FieldSpec& spec, absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a ", spec.name,
                   " of a cron schedule: ", spec.least, " to ", spec.greatest,
                   ", *, lists a,b, ranges a-b, steps */n"));
}

bool ParseOne(const FieldSpec& spec, absl::string_view text, int* out) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (size_t i = 0; i < spec.names.size(); ++i) {
    if (lower == spec.names[i]) {
      *out = spec.first_named + static_cast<int>(i);
      return true;
    }
  }
  if (text.empty() || !absl::ascii_isdigit(text[0])) return false;
  return absl::SimpleAtoi(text, out) && *out >= spec.least &&
         *out <= spec.greatest;
}

absl::StatusOr<uint64_t> ParseField(const FieldSpec& spec,
                                    absl::string_view text) {
  uint64_t bits = 0;
  for (absl::string_view item : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(item, '/');
    int step = 1;
    if (parts.size() > 2 ||
        (parts.size() == 2 &&
         (!absl::SimpleAtoi(parts[1], &step) || step < 1))) {
      return Bad(spec, item);
    }
    int from = spec.least;
    int to = spec.greatest;
    if (parts[0] != "*") {
      const std::vector<absl::string_view> ends = absl::StrSplit(parts[0], '-');
      if (ends.size() > 2 || !ParseOne(spec, ends[0], &from)) {
        return Bad(spec, item);
      }
      // "5/10" counts from 5 to the end, as cron does.
      to = parts.size() == 2 ? spec.greatest : from;
      if (ends.size() == 2 && (!ParseOne(spec, ends[1], &to) || to < from)) {
        return Bad(spec, item);
      }
    }
    for (int n = from; n <= to; n += step) bits |= uint64_t{1} << n;
  }
  return bits;
}

}  // namespace

absl::StatusOr<CronSchedule> CronSchedule::Parse(absl::string_view text,
                                                 absl::string_view timezone) {
  static const auto* const kSpecs = new std::vector<FieldSpec>{
      {"minute", 0, 59, {}, 0},
      {"hour", 0, 23, {}, 0},
      {"day of month", 1, 31, {}, 0},
      {"month",
       1,
       12,
       {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct",
        "nov", "dec"},
       1},
      {"day of week",
       0,
       7,
       {"sun", "mon", "tue", "wed", "thu", "fri", "sat"},
       0}};
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::StripAsciiWhitespace(text), absl::ByAnyChar(" \t"),
                     absl::SkipEmpty());
  if (fields.size() != kSpecs->size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is not a cron schedule of five fields: minute, hour, "
                     "day of month, month, day of week"));
  }
  uint64_t bits[5];
  for (size_t i = 0; i < fields.size(); ++i) {
    absl::StatusOr<uint64_t> parsed = ParseField((*kSpecs)[i], fields[i]);
    if (!parsed.ok()) return parsed.status();
    bits[i] = *parsed;
  }
  CronSchedule out;
  out.minutes_ = bits[0];
  out.hours_ = static_cast<uint32_t>(bits[1]);
  out.days_ = static_cast<uint32_t>(bits[2]);
  out.months_ = static_cast<uint32_t>(bits[3]);
  out.weekdays_ = static_cast<uint32_t>((bits[4] & 0x7f) | (bits[4] >> 7));
  out.any_day_ = absl::StartsWith(fields[2], "*");
  out.any_weekday_ = absl::StartsWith(fields[4], "*");
  out.zone_ = absl::UTCTimeZone();
  if (!timezone.empty() && !absl::LoadTimeZone(timezone, &out.zone_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the time zone \"", timezone, "\" is not known"));
  }
  if (out.Next(0) == kMaxEventTime) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schedule \"", text, "\" never comes"));
  }
  return out;
}

bool CronSchedule::DayMatches(const absl::CivilDay& day) const {
  if ((months_ >> day.month() & 1) == 0) return false;
  const bool in_days = (days_ >> day.day() & 1) != 0;
  // absl's Weekday begins with Monday.
  const int weekday = (static_cast<int>(absl::GetWeekday(day)) + 1) % 7;
  const bool in_weekdays = (weekdays_ >> weekday & 1) != 0;
  if (any_day_ || any_weekday_) return in_days && in_weekdays;
  return in_days || in_weekdays;
}

EventTime CronSchedule::Next(EventTime after) const {
  constexpr int kMaxDays = 8 * 366;
  absl::CivilDay day(absl::ToCivilMinute(FromEventTime(after), zone_));
  for (int i = 0; i < kMaxDays; ++i, ++day) {
    if (!DayMatches(day)) continue;
    for (int hour = 0; hour < 24; ++hour) {
      if ((hours_ >> hour & 1) == 0) continue;
      for (int minute = 0; minute < 60; ++minute) {
        if ((minutes_ >> minute & 1) == 0) continue;
        const EventTime time = ToEventTime(absl::FromCivil(
            absl::CivilMinute(day.year(), day.month(), day.day(), hour, minute),
            zone_));
        if (time > after) return time;
      }
    }
  }
  return kMaxEventTime;
}

}  // namespace keywatch
