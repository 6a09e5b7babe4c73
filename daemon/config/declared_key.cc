#include "daemon/config/declared_key.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"

namespace keywatch {
namespace {

constexpr int kMinutesOfDay = 24 * 60;

// 0 is Monday; -1: no day.
int DayOf(absl::string_view text) {
  static constexpr absl::string_view kDays[] = {"mon", "tue", "wed", "thu",
                                                "fri", "sat", "sun"};
  const std::string day = absl::AsciiStrToLower(text);
  const auto* found = std::find(std::begin(kDays), std::end(kDays), day);
  return found == std::end(kDays) ? -1
                                  : static_cast<int>(found - std::begin(kDays));
}

absl::StatusOr<std::bitset<7>> ParseDays(absl::string_view text) {
  std::bitset<7> days;
  if (text.empty()) return days.set();
  for (absl::string_view item : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends =
        absl::StrSplit(absl::StripAsciiWhitespace(item), '-');
    const int first = DayOf(ends.front());
    const int last = DayOf(ends.back());
    if (ends.size() > 2 || first < 0 || last < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text,
                       "\" names no days; write them like mon-fri or "
                       "mon,wed,sat"));
    }
    for (int day = first;; day = (day + 1) % 7) {
      days.set(static_cast<size_t>(day));
      if (day == last) break;
    }
  }
  return days;
}

// Minutes of the day of "07:30"; 24:00 is the day's end.
bool ParseMinute(absl::string_view text, int* minute) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  int hours = 0;
  int minutes = 0;
  if (parts.size() != 2 || parts[0].size() != 2 || parts[1].size() != 2 ||
      !std::all_of(parts[0].begin(), parts[0].end(), absl::ascii_isdigit) ||
      !std::all_of(parts[1].begin(), parts[1].end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(parts[0], &hours) ||
      !absl::SimpleAtoi(parts[1], &minutes)) {
    return false;
  }
  *minute = hours * 60 + minutes;
  return minutes < 60 && *minute <= kMinutesOfDay;
}

}  // namespace

absl::StatusOr<ActiveHours> ActiveHours::Parse(absl::string_view days,
                                               absl::string_view hours,
                                               absl::string_view timezone) {
  ActiveHours active;
  absl::StatusOr<std::bitset<7>> parsed = ParseDays(days);
  if (!parsed.ok()) return parsed.status();
  active.days_ = *parsed;
  if (!hours.empty()) {
    const std::vector<absl::string_view> ends = absl::StrSplit(hours, '-');
    if (ends.size() != 2 || !ParseMinute(ends[0], &active.from_) ||
        !ParseMinute(ends[1], &active.to_) || active.from_ == kMinutesOfDay ||
        active.from_ == active.to_) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", hours,
                       "\" are no hours of a day; write them like "
                       "07:00-20:00"));
    }
  }
  active.timezone_ = absl::UTCTimeZone();
  if (!timezone.empty() &&
      !absl::LoadTimeZone(std::string(timezone), &active.timezone_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", timezone,
                     "\" is no time zone that this machine knows; write a "
                     "name like Europe/Berlin"));
  }
  return active;
}

bool ActiveHours::Contains(absl::Time time) const {
  const absl::CivilMinute minute(absl::ToCivilMinute(time, timezone_));
  const int at = minute.hour() * 60 + minute.minute();
  const auto day = static_cast<size_t>(absl::GetWeekday(minute));
  if (from_ == to_) return days_.test(day);
  if (from_ < to_) return days_.test(day) && at >= from_ && at < to_;
  return at >= from_ ? days_.test(day) : at < to_ && days_.test((day + 6) % 7);
}

absl::optional<bool> InNetworks(const std::vector<Network>& networks,
                                absl::string_view ip) {
  const absl::StatusOr<Network> address = ParseNetwork(ip);
  if (!address.ok() || ip.find('/') != absl::string_view::npos) {
    return absl::nullopt;
  }
  return std::any_of(
      networks.begin(), networks.end(),
      [ip](const Network& network) { return network.Contains(ip); });
}

bool MatchesOperation(const std::vector<std::string>& patterns,
                      absl::string_view operation) {
  const auto matches = [operation](absl::string_view pattern) {
    const std::vector<absl::string_view> parts = absl::StrSplit(pattern, '*');
    absl::string_view rest = operation;
    if (rest.substr(0, parts.front().size()) != parts.front()) return false;
    rest.remove_prefix(parts.front().size());
    if (parts.size() == 1) return rest.empty();
    for (size_t i = 1; i + 1 < parts.size(); ++i) {
      const size_t at = rest.find(parts[i]);
      if (at == absl::string_view::npos) return false;
      rest.remove_prefix(at + parts[i].size());
    }
    const absl::string_view last = parts.back();
    return rest.size() >= last.size() &&
           rest.substr(rest.size() - last.size()) == last;
  };
  return std::any_of(patterns.begin(), patterns.end(), matches);
}

}  // namespace keywatch
