#ifndef DAEMON_CORE_UTF8_H_
#define DAEMON_CORE_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace keywatch {

// UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing beyond
// U+10FFFF. Pure functions.

// The bytes of the character that `text` begins with, 1 to 4; 0 when it begins
// with none (or is empty).
size_t Utf8CharLength(absl::string_view text);

bool IsValidUtf8(absl::string_view text);

// The text with every byte that belongs to no character replaced by U+FFFD.
std::string ToValidUtf8(absl::string_view text);

// The beginning of a valid text, at most `max_bytes`, cut between characters.
absl::string_view TruncateUtf8(absl::string_view text, size_t max_bytes);

}  // namespace keywatch

#endif  // DAEMON_CORE_UTF8_H_
