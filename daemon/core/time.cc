#include "daemon/core/time.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

bool TwoDigits(const char* p, int* out) {
  const unsigned tens = static_cast<unsigned>(p[0] - '0');
  const unsigned ones = static_cast<unsigned>(p[1] - '0');
  *out = static_cast<int>(tens * 10 + ones);
  return tens <= 9 && ones <= 9;
}

bool FourDigits(const char* p, int* out) {
  int high;
  int low;
  if (!TwoDigits(p, &high) || !TwoDigits(p + 2, &low)) return false;
  *out = high * 100 + low;
  return true;
}

// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms", days_from_civil).
int64_t DaysFromCivil(int64_t y, int m, int d) {
  y -= m <= 2;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t yoe = y - era * 400;
  const int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

int DaysInMonth(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

absl::Status BadTime(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text.substr(0, 64), "\" is not a time like 2026-08-03T14:00:00Z"));
}

}  // namespace

std::string FormatTime(EventTime time_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", FromEventTime(time_ms),
                          absl::UTCTimeZone());
}

absl::StatusOr<EventTime> ParseTime(absl::string_view text) {
  const char* p = text.data();
  const size_t n = text.size();
  int year, month, day, hour, minute, second;
  if (n < 19 || !FourDigits(p, &year) || p[4] != '-' ||
      !TwoDigits(p + 5, &month) || p[7] != '-' || !TwoDigits(p + 8, &day) ||
      (p[10] != 'T' && p[10] != 't' && p[10] != ' ') ||
      !TwoDigits(p + 11, &hour) || p[13] != ':' ||
      !TwoDigits(p + 14, &minute) || p[16] != ':' ||
      !TwoDigits(p + 17, &second)) {
    return BadTime(text);
  }
  // Second 60 is a leap second; it counts as the next minute's first.
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month) ||
      hour > 23 || minute > 59 || second > 60) {
    return BadTime(text);
  }
  size_t i = 19;
  int64_t ms = 0;
  if (i < n && (p[i] == '.' || p[i] == ',')) {
    ++i;
    int scale = 100;
    const size_t first = i;
    for (; i < n && p[i] >= '0' && p[i] <= '9'; ++i) {
      ms += (p[i] - '0') * scale;
      scale /= 10;
    }
    if (i == first) return BadTime(text);
  }
  int64_t offset_minutes = 0;
  if (i < n) {
    if ((p[i] == 'Z' || p[i] == 'z') && i + 1 == n) {
      i = n;
    } else if (p[i] == '+' || p[i] == '-') {
      const int sign = p[i] == '+' ? 1 : -1;
      int oh = 0;
      int om = 0;
      const size_t rest = n - i;
      if (rest == 6 && p[i + 3] == ':' && TwoDigits(p + i + 1, &oh) &&
          TwoDigits(p + i + 4, &om)) {
      } else if (rest == 5 && TwoDigits(p + i + 1, &oh) &&
                 TwoDigits(p + i + 3, &om)) {
      } else if (rest == 3 && TwoDigits(p + i + 1, &oh)) {
      } else {
        return BadTime(text);
      }
      if (oh > 23 || om > 59) return BadTime(text);
      offset_minutes = sign * (oh * 60 + om);
    } else {
      return BadTime(text);
    }
  }
  const int64_t days = DaysFromCivil(year, month, day);
  const int64_t seconds =
      days * 86400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
  return seconds * 1000 + ms;
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  auto bad = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text.substr(0, 64),
                     "\" is not a duration: a number and one of ms s m h d w, "
                     "like 90s or 15m"));
  };
  if (text == "0") return absl::ZeroDuration();
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  int64_t number = 0;
  if (digits == 0 || !absl::SimpleAtoi(text.substr(0, digits), &number)) {
    return bad();
  }
  const absl::string_view unit = text.substr(digits);
  int64_t ms = 0;
  if (unit == "ms") {
    ms = 1;
  } else if (unit == "s") {
    ms = 1000;
  } else if (unit == "m") {
    ms = 60'000;
  } else if (unit == "h") {
    ms = 3'600'000;
  } else if (unit == "d") {
    ms = 86'400'000;
  } else if (unit == "w") {
    ms = 604'800'000;
  } else {
    return bad();
  }
  // A thousand years is more than any window needs, and cannot overflow.
  constexpr int64_t kMaxMs = int64_t{1000} * 366 * 86'400'000;
  if (number > kMaxMs / ms) return bad();
  return absl::Milliseconds(number * ms);
}

std::string FormatDuration(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "inf";
  if (duration == -absl::InfiniteDuration()) return "-inf";
  int64_t ms = absl::ToInt64Milliseconds(duration);
  if (ms == 0) return "0s";
  std::string out;
  if (ms < 0) {
    out = "-";
    ms = -ms;
  }
  static constexpr struct {
    const char* unit;
    int64_t ms;
  } kUnits[] = {{"d", 86'400'000},
                {"h", 3'600'000},
                {"m", 60'000},
                {"s", 1000},
                {"ms", 1}};
  for (const auto& unit : kUnits) {
    if (ms >= unit.ms) {
      absl::StrAppend(&out, ms / unit.ms, unit.unit);
      ms %= unit.ms;
    }
  }
  return out;
}

EventTime ToEventTime(absl::Time time) { return absl::ToUnixMillis(time); }

absl::Time FromEventTime(EventTime time_ms) {
  if (time_ms == kMinEventTime) return absl::InfinitePast();
  if (time_ms == kMaxEventTime) return absl::InfiniteFuture();
  return absl::FromUnixMillis(time_ms);
}

}  // namespace keywatch
