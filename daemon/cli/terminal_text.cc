#include "daemon/cli/terminal_text.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "daemon/core/utf8.h"

namespace keywatch {
namespace {

uint32_t CodePoint(absl::string_view character) {
  const auto byte = [character](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(character[i]));
  };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    case 3:
      return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 |
             (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  }
}

// Controls act on the terminal; the others make text look like another text.
bool IsHarmful(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x00ad ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

std::string Escape(uint32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return c < 0x100 ? absl::StrFormat("\\x%02x", c)
                       : absl::StrFormat("\\u%04x", c);
  }
}

std::string SanitizeKeeping(absl::string_view text, bool keep_line_ends) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8CharLength(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    const absl::string_view character = text.substr(0, length);
    const uint32_t c = CodePoint(character);
    if (keep_line_ends && c == '\n') {
      out += '\n';
    } else if (IsHarmful(c)) {
      out += Escape(c);
    } else {
      absl::StrAppend(&out, character);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string Sanitize(absl::string_view text) {
  return SanitizeKeeping(text, false);
}

std::string SanitizeLines(absl::string_view text) {
  return SanitizeKeeping(text, true);
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  for (const char c : text) {
    if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) ++width;
  }
  return width;
}

std::string CutToWidth(absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string out;
  for (size_t i = 0; i + 1 < width; ++i) {
    const size_t length = Utf8CharLength(text);
    if (length == 0) break;
    out.append(text.data(), length);
    text.remove_prefix(length);
  }
  return out + "…";
}

std::vector<std::string> Wrap(absl::string_view text, size_t width) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    std::string current;
    size_t column = 0;
    for (absl::string_view word : absl::StrSplit(line, ' ')) {
      const size_t word_width = DisplayWidth(word);
      if (column > 0 && column + 1 + word_width > width) {
        lines.push_back(std::move(current));
        current.clear();
        column = 0;
      }
      if (column > 0) {
        current += ' ';
        ++column;
      }
      absl::StrAppend(&current, word);
      column += word_width;
    }
    lines.push_back(std::move(current));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string Reflow(absl::string_view text) {
  const auto is_item = [](absl::string_view line) {
    if (absl::StartsWith(line, "- ") || absl::StartsWith(line, "* ")) {
      return true;
    }
    const size_t digits = line.find_first_not_of("0123456789");
    return digits != 0 && digits != absl::string_view::npos &&
           (absl::StartsWith(line.substr(digits), ". ") ||
            absl::StartsWith(line.substr(digits), ") "));
  };
  std::string flowed;
  bool open = false;  // the next line may join this one
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view word = absl::StripAsciiWhitespace(line);
    const bool set_off = absl::StartsWith(line, "    ") && !open;
    const bool joins = open && !word.empty() && !is_item(word);
    if (joins) {
      absl::StrAppend(&flowed, " ", word);
      continue;
    }
    if (!flowed.empty()) flowed += '\n';
    absl::StrAppend(&flowed, set_off ? line : word);
    open = !word.empty() && !set_off;
  }
  return flowed;
}

std::string ShellQuote(absl::string_view word) {
  bool plain = !word.empty();
  for (const char c : word) {
    plain = plain &&
            (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
             absl::string_view("_-./:@%+=").find(c) != absl::string_view::npos);
  }
  if (plain) return std::string(word);
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

}  // namespace keywatch
