#ifndef DAEMON_CLI_TERMINAL_TEXT_H_
#define DAEMON_CLI_TERMINAL_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// Text of log records on its way to a terminal: an attacker chose it. Pure
// functions; widths count characters, which is right for all but East Asian
// and combining ones.

// One line of harmless text: control characters and those that reverse or hide
// text are shown as escapes (`\n`, `\x1b`, `\u202e`), bytes that are no UTF-8
// as U+FFFD.
std::string Sanitize(absl::string_view text);

// The same with line ends kept: for what a rule's author wrote.
std::string SanitizeLines(absl::string_view text);

size_t DisplayWidth(absl::string_view text);

// The text cut to `width` columns, its last one then "…". Valid UTF-8 only.
std::string CutToWidth(absl::string_view text, size_t width);

// The lines of a text wrapped at blanks to `width` columns; line ends in it are
// kept.
std::vector<std::string> Wrap(absl::string_view text, size_t width);

// The lines of a text that somebody wrapped by hand, put together to paragraphs:
// a blank line, a list's item (`- `, `* `, `1. `) and what is set off by four
// blanks begin a new one.
std::string Reflow(absl::string_view text);

// A word as a shell reads it back: quoted when it must be.
std::string ShellQuote(absl::string_view word);

}  // namespace keywatch

#endif  // DAEMON_CLI_TERMINAL_TEXT_H_
