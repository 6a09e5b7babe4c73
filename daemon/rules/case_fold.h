#ifndef DAEMON_RULES_CASE_FOLD_H_
#define DAEMON_RULES_CASE_FOLD_H_

#include <string>

#include "absl/strings/string_view.h"

namespace keywatch {

// Case folding as rules compare text: Unicode simple folding (each character
// becomes one character), so that "É" equals "é" and the Kelvin sign equals
// "k", while "ß" stays different from "ss". Text is UTF-8; bytes that are not
// are kept as they are. Safe from any thread.

// `text`, folded.
std::string FoldCase(absl::string_view text);

// As FoldCase, using `buffer` as memory. The result points into `buffer`, or is
// `text` itself when nothing changes.
absl::string_view FoldCaseInto(absl::string_view text, std::string* buffer);

// Reads the character at `*position` of `text` (which must be inside) and moves
// `*position` behind it. A byte that begins no UTF-8 sequence is a character of
// its own.
char32_t NextCharacter(absl::string_view text, size_t* position);

}  // namespace keywatch

#endif  // DAEMON_RULES_CASE_FOLD_H_
