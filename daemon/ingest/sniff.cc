#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "daemon/ingest/format.h"
#include "simdjson.h"

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

// A line of Keywatch's own names: `@timestamp`, and `api.key.id` by keys with
// dots or by maps.
bool LooksOwn(absl::string_view line) {
  using simdjson::dom::element;
  simdjson::dom::parser parser;
  element record;
  if (parser.parse(line.data(), line.size()).get(record) != simdjson::SUCCESS) {
    return false;
  }
  if (record["@timestamp"].error() != simdjson::SUCCESS) return false;
  for (const char* path :
       {"/api.key.id", "/api/key/id", "/api.key/id", "/api/key.id"}) {
    element key;
    if (record.at_pointer(path).get(key) == simdjson::SUCCESS &&
        key.is_string()) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string SniffFormat(absl::string_view head) {
  absl::ConsumePrefix(&head, "\xef\xbb\xbf");
  head = absl::StripLeadingAsciiWhitespace(head);
  if (head.empty() || head[0] == '{' || head[0] == '[') {
    const bool cloudtrail = absl::StrContains(head, "\"eventVersion\"") &&
                            absl::StrContains(head, "\"eventSource\"") &&
                            absl::StrContains(head, "\"eventName\"");
    if (cloudtrail) return "cloudtrail";
    return LooksOwn(head.substr(0, head.find('\n'))) ? "keywatch" : "json";
  }
  return LooksCombined(head.substr(0, head.find('\n'))) ? "combined" : "json";
}

}  // namespace keywatch
