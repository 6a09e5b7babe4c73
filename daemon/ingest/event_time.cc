#include "daemon/ingest/event_time.h"

#include <cmath>
#include <cstring>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

constexpr EventTime kLatest = 253402300799999;  // the end of the year 9999

bool InRange(double ms) {
  return ms >= 0 && ms <= static_cast<double>(kLatest);
}

// `value` counts units of `unit_ms` milliseconds.
bool FromNumber(const Value& value, double unit_ms, EventTime* time) {
  if (value.type() == Value::Type::kInt) {
    const int64_t number = value.int_value();
    if (!InRange(static_cast<double>(number) * unit_ms)) return false;
    *time = unit_ms >= 1 ? number * static_cast<int64_t>(unit_ms)
                         : number / static_cast<int64_t>(1 / unit_ms + 0.5);
    return true;
  }
  const double ms = value.double_value() * unit_ms;
  // 1790000000.123 is a little less in binary.
  if (!InRange(ms)) return false;
  *time = static_cast<EventTime>(std::floor(ms + 1e-3));
  return true;
}

// The unit whose reading of `number` lies between 1973 and 5138.
double UnitOf(double number) {
  if (number < 1e11) return 1e3;
  if (number < 1e14) return 1;
  if (number < 1e17) return 1e-3;
  return 1e-6;
}

bool FromText(absl::string_view text, EventTime* time) {
  const absl::StatusOr<EventTime> parsed = ParseTime(text);
  if (!parsed.ok() || *parsed < 0 || *parsed > kLatest) return false;
  *time = *parsed;
  return true;
}

bool FromCommonLog(absl::string_view text, EventTime* time) {
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (!text.empty() && text.front() == '[') text.remove_prefix(1);
  if (!text.empty() && text.back() == ']') text.remove_suffix(1);
  // dd/Mon/yyyy:hh:mm:ss +hhmm
  if (text.size() != 26 || text[2] != '/' || text[6] != '/' ||
      text[11] != ':' || text[20] != ' ') {
    return false;
  }
  int month = 0;
  while (month < 12 && std::memcmp(kMonths + 3 * month, &text[3], 3) != 0) {
    ++month;
  }
  if (month == 12) return false;
  ++month;
  char iso[24];
  std::memcpy(iso, &text[7], 4);
  iso[4] = '-';
  iso[5] = static_cast<char>('0' + month / 10);
  iso[6] = static_cast<char>('0' + month % 10);
  iso[7] = '-';
  std::memcpy(iso + 8, &text[0], 2);
  iso[10] = 'T';
  std::memcpy(iso + 11, &text[12], 8);
  std::memcpy(iso + 19, &text[21], 5);
  return FromText(absl::string_view(iso, sizeof(iso)), time);
}

bool ParseNumber(absl::string_view text, Value* number) {
  int64_t integer;
  double real;
  if (text.empty() || (!absl::ascii_isdigit(text[0]) && text[0] != '.')) {
    return false;
  }
  if (absl::SimpleAtoi(text, &integer)) {
    *number = Value::Int(integer);
    return true;
  }
  if (absl::SimpleAtod(text, &real) && std::isfinite(real)) {
    *number = Value::Double(real);
    return true;
  }
  return false;
}

}  // namespace

bool ReadEventTime(const Value& value, TimeFormat format, EventTime* time) {
  Value number = value;
  if (value.is_string()) {
    const absl::string_view text = value.string_value();
    if (format == TimeFormat::kRfc3339) return FromText(text, time);
    if (format == TimeFormat::kCommonLog) return FromCommonLog(text, time);
    if (format == TimeFormat::kAuto && FromText(text, time)) return true;
    if (format == TimeFormat::kAuto && FromCommonLog(text, time)) return true;
    if (!ParseNumber(text, &number)) return false;
  }
  if (!number.is_number() || !std::isfinite(number.AsDouble())) return false;
  switch (format) {
    case TimeFormat::kAuto:
      // Nobody's clock reads 1970: a counter was taken for a time.
      return number.AsDouble() >= 1e8 &&
             FromNumber(number, UnitOf(number.AsDouble()), time);
    case TimeFormat::kUnixSeconds:
      return FromNumber(number, 1e3, time);
    case TimeFormat::kUnixMillis:
      return FromNumber(number, 1, time);
    case TimeFormat::kUnixNanos:
      return FromNumber(number, 1e-6, time);
    case TimeFormat::kRfc3339:
    case TimeFormat::kCommonLog:
      return false;
  }
  return false;
}

}  // namespace keywatch
