#ifndef DAEMON_INGEST_ESCAPES_H_
#define DAEMON_INGEST_ESCAPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// The value of a hexadecimal digit, or -1.
inline int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The text with `%41` decoded, and `+` as a space when `plus_is_space`. A `%`
// without two hexadecimal digits stays as it is. The result may be invalid
// UTF-8.
std::string PercentDecode(absl::string_view text, bool plus_is_space);

// A text with escapes undone that remembers where each of its bytes stood in
// the original.
struct MappedText {
  std::string text;
  std::vector<uint32_t> begin;  // of each byte's escape, in the original
  std::vector<uint32_t> end;    // and what follows it

  static MappedText Of(absl::string_view original);
};

// One round of JSON's escapes undone (`\"`, `\/`, `\u0041`; also `\x41`, as
// nginx writes). Characters beyond ASCII become one byte 0xff: whoever looks
// for ASCII does not care which they were.
MappedText UndoJsonEscapes(const MappedText& in);

// One round of percent escapes undone.
MappedText UndoPercentEscapes(const MappedText& in);

// JSON's and percent escapes undone in any mixture and as deep as they are
// nested (`%2573`, `\\u0073`), as soon as one is complete.
MappedText UndoAllEscapes(absl::string_view original);

}  // namespace keywatch

#endif  // DAEMON_INGEST_ESCAPES_H_
