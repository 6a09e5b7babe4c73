#ifndef DAEMON_CLI_JSON_OUTPUT_H_
#define DAEMON_CLI_JSON_OUTPUT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace keywatch {

// A message of the API as JSON, for scripts. It differs from Protobuf's own
// mapping where that one is a trap: 64-bit numbers are numbers (a string "5"
// is greater than any number to jq), enumerations are the words of the tables
// ("critical", "open"), every field that is not a message is there even when
// it is empty, and times are RFC 3339, durations seconds. Text is valid UTF-8
// and holds no raw control characters.
//
// `pretty` spreads it over lines, indented by two blanks; else it is one line.
// No newline at the end.
std::string ToJson(const google::protobuf::Message& message, bool pretty);

// A string as a JSON literal, with its quotes.
std::string JsonString(absl::string_view text);

}  // namespace keywatch

#endif  // DAEMON_CLI_JSON_OUTPUT_H_
