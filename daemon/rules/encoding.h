#ifndef DAEMON_RULES_ENCODING_H_
#define DAEMON_RULES_ENCODING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/rules/pattern.h"

namespace keywatch {

// The encodings that modifiers apply to the values of a rule. Pure functions;
// INVALID_ARGUMENT says why a value cannot be encoded.

enum class Utf16 { kLittleEndian, kBigEndian, kLittleEndianWithMark };

// The pattern's literal text as UTF-16 bytes; wildcards stay.
Pattern EncodeUtf16(const Pattern& pattern, Utf16 form);

// Base64 of the pattern's bytes; a pattern with wildcards or without text is
// refused.
absl::StatusOr<Pattern> EncodeBase64(const Pattern& pattern);

// What stands in the Base64 of any text that holds the pattern's bytes: one
// pattern for each of the three positions that they can have. A pattern with
// wildcards or of less than two bytes is refused.
absl::StatusOr<std::vector<Pattern>> EncodeBase64Offsets(
    const Pattern& pattern);

// Every combination of `-`, `/`, en dash, em dash and horizontal bar at the
// places where the pattern has one of them before a word and not behind one.
// More than five such places are refused.
absl::StatusOr<std::vector<Pattern>> ExpandDashes(const Pattern& pattern);

}  // namespace keywatch

#endif  // DAEMON_RULES_ENCODING_H_
