#include "daemon/history/segment.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

constexpr char kEnding[] = ".kwh";
constexpr char kAside[] = ".aside";
constexpr char kTimeFormat[] = "%E4Y%m%dT%H%M%SZ";

}  // namespace

std::string SegmentName(uint64_t number, EventTime begin_ms) {
  return absl::StrCat(absl::StrFormat("%08d", number), "-",
                      absl::FormatTime(kTimeFormat, FromEventTime(begin_ms),
                                       absl::UTCTimeZone()),
                      kEnding);
}

absl::optional<Segment> ParseSegmentName(absl::string_view name) {
  Segment segment;
  const size_t dash = name.find('-');
  if (dash == absl::string_view::npos || !absl::EndsWith(name, kEnding) ||
      !absl::SimpleAtoi(name.substr(0, dash), &segment.number)) {
    return absl::nullopt;
  }
  absl::string_view time = name.substr(dash + 1);
  time.remove_suffix(sizeof(kEnding) - 1);
  absl::Time begin;
  if (!absl::ParseTime(kTimeFormat, std::string(time), &begin, nullptr)) {
    return absl::nullopt;
  }
  segment.begin_ms = ToEventTime(begin);
  return segment;
}

absl::StatusOr<std::vector<Segment>> ListSegments(const std::string& directory,
                                                  SegmentKind kind) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) {
    const int error = errno;
    const std::string message = absl::StrCat(directory, ": ", strerror(error));
    return error == ENOENT   ? absl::NotFoundError(message)
           : error == EACCES ? absl::PermissionDeniedError(message)
                             : absl::UnavailableError(message);
  }
  std::vector<Segment> segments;
  while (const dirent* entry = readdir(dir)) {
    absl::string_view name = entry->d_name;
    if (kind == SegmentKind::kAll) absl::ConsumeSuffix(&name, kAside);
    absl::optional<Segment> segment = ParseSegmentName(name);
    if (!segment) continue;
    segment->path = absl::StrCat(directory, "/", entry->d_name);
    struct stat found;
    if (stat(segment->path.c_str(), &found) != 0) continue;  // pruned just now
    segment->bytes = found.st_size;
    segment->written = absl::TimeFromTimespec(found.st_mtim);
    segments.push_back(*std::move(segment));
  }
  closedir(dir);
  std::sort(
      segments.begin(), segments.end(),
      [](const Segment& a, const Segment& b) { return a.number < b.number; });
  return segments;
}

}  // namespace keywatch
