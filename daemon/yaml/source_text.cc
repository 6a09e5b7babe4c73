#include "daemon/yaml/source_text.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace keywatch {
namespace yaml {

bool DocumentMayBegin(absl::string_view text, size_t position) {
  const size_t line_begin = text.substr(0, position).rfind('\n') + 1;
  if (line_begin == position &&
      absl::StartsWith(text.substr(position), "---")) {
    return true;
  }
  absl::string_view before = text.substr(0, line_begin);
  while (!before.empty()) {
    before.remove_suffix(1);                      // the newline
    const size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    const absl::string_view line = before.substr(begin);
    if (absl::StartsWith(line, "...")) return true;
    const size_t first = line.find_first_not_of(" \t");
    if (first != absl::string_view::npos && line[first] != '#') return false;
    before = before.substr(0, begin);
  }
  return false;
}

bool QuoteIsClosed(absl::string_view rest) {
  constexpr absl::string_view kSpaces = " \t\n";
  while (!rest.empty() && (rest[0] == '&' || rest[0] == '!')) {
    rest.remove_prefix(std::min(rest.find_first_of(kSpaces), rest.size()));
    rest.remove_prefix(std::min(rest.find_first_not_of(kSpaces), rest.size()));
  }
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return true;
  const char quote = rest[0];
  for (size_t i = 1; i < rest.size(); ++i) {
    if (quote == '"' && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == quote) {
      const bool doubled =
          quote == '\'' && i + 1 < rest.size() && rest[i + 1] == quote;
      if (!doubled) return true;
      ++i;
    }
  }
  return false;
}

absl::string_view WrittenNull(absl::string_view rest, bool after_key) {
  for (absl::string_view word : {"~", "null", "Null", "NULL"}) {
    if (!absl::StartsWith(rest, word)) continue;
    const absl::string_view after = rest.substr(word.size());
    const bool ends =
        after.empty() || absl::string_view(" \t\n,]}:").find(after[0]) !=
                             absl::string_view::npos;
    const bool is_next_key = after_key && absl::StartsWith(after, ":");
    if (ends && !is_next_key) return word;
  }
  return "";
}

}  // namespace yaml
}  // namespace keywatch
