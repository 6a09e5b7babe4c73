#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "daemon/ingest/format.h"

namespace keywatch {
namespace {

// `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "`
bool LooksCombined(absl::string_view line) {
  const size_t bracket = line.find(" [");
  if (bracket == absl::string_view::npos) return false;
  const absl::string_view time = line.substr(bracket + 2);
  return time.size() > 28 && absl::ascii_isdigit(time[0]) && time[2] == '/' &&
         time[6] == '/' && time[11] == ':' &&
         absl::StartsWith(time.substr(26), "] \"");
}

}  // namespace

std::string SniffFormat(absl::string_view head) {
  absl::ConsumePrefix(&head, "\xef\xbb\xbf");
  head = absl::StripLeadingAsciiWhitespace(head);
  if (head.empty() || head[0] == '{' || head[0] == '[') {
    const bool cloudtrail = absl::StrContains(head, "\"eventVersion\"") &&
                            absl::StrContains(head, "\"eventSource\"") &&
                            absl::StrContains(head, "\"eventName\"");
    return cloudtrail ? "cloudtrail" : "json";
  }
  return LooksCombined(head.substr(0, head.find('\n'))) ? "combined" : "json";
}

}  // namespace keywatch
