#include "daemon/ingest/escapes.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace keywatch {
namespace {

constexpr char kOther = '\xff';
constexpr size_t kLongestEscape = 6;  // \u0041

void Push(char c, uint32_t begin, uint32_t end, MappedText* out) {
  out->text.push_back(c);
  out->begin.push_back(begin);
  out->end.push_back(end);
}

// Appends the bytes [from, to) of `in` as they are.
void Append(const MappedText& in, size_t from, size_t to, MappedText* out) {
  const auto at = [](const std::vector<uint32_t>& places, size_t i) {
    return places.begin() + static_cast<std::ptrdiff_t>(i);
  };
  out->text.append(in.text, from, to - from);
  out->begin.insert(out->begin.end(), at(in.begin, from), at(in.begin, to));
  out->end.insert(out->end.end(), at(in.end, from), at(in.end, to));
}

MappedText Reserved(size_t bytes) {
  MappedText out;
  out.text.reserve(bytes);
  out.begin.reserve(bytes);
  out.end.reserve(bytes);
  return out;
}

// The value of `digits` hexadecimal digits at `at`, or -1.
int HexValue(absl::string_view text, size_t at, size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = HexDigit(text[at + i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// The character of a one-letter escape, or 0.
char SimpleEscape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

char ToByte(int code) { return code < 0x80 ? static_cast<char>(code) : kOther; }

// Replaces the last `count` bytes of `out` by `c`.
void Collapse(size_t count, char c, MappedText* out) {
  const size_t first = out->text.size() - count;
  const uint32_t begin = out->begin[first];
  const uint32_t end = out->end.back();
  out->text.resize(first);
  out->begin.resize(first);
  out->end.resize(first);
  Push(c, begin, end, out);
}

// Undoes the escape that ends at the last byte of `out`; false when none does.
bool CollapseLast(MappedText* out) {
  const absl::string_view text = out->text;
  const size_t n = text.size();
  if (n >= 3 && text[n - 3] == '%') {
    const int code = HexValue(text, n - 2, 2);
    if (code >= 0) {
      Collapse(3, ToByte(code), out);
      return true;
    }
  }
  if (n >= 6 && text[n - 6] == '\\' && (text[n - 5] | 0x20) == 'u') {
    const int code = HexValue(text, n - 4, 4);
    if (code >= 0) {
      Collapse(6, ToByte(code), out);
      return true;
    }
  }
  if (n >= 4 && text[n - 4] == '\\' && text[n - 3] == 'x') {
    const int code = HexValue(text, n - 2, 2);
    if (code >= 0) {
      Collapse(4, ToByte(code), out);
      return true;
    }
  }
  if (n >= 2 && text[n - 2] == '\\') {
    const char c = SimpleEscape(text[n - 1]);
    if (c != 0) {
      Collapse(2, c, out);
      // A backslash may begin the next escape; anything else ends here.
      return true;
    }
  }
  return false;
}

}  // namespace

std::string PercentDecode(absl::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int code = HexValue(text, i + 1, 2);
      if (code >= 0) {
        out.push_back(static_cast<char>(code));
        i += 2;
        continue;
      }
    }
    out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
  }
  return out;
}

MappedText MappedText::Of(absl::string_view original) {
  MappedText out;
  out.text.assign(original.data(), original.size());
  out.begin.resize(original.size());
  out.end.resize(original.size());
  for (size_t i = 0; i < original.size(); ++i) {
    out.begin[i] = static_cast<uint32_t>(i);
    out.end[i] = static_cast<uint32_t>(i + 1);
  }
  return out;
}

MappedText UndoJsonEscapes(const MappedText& in) {
  MappedText out = Reserved(in.text.size());
  const absl::string_view text = in.text;
  size_t i = 0;
  while (true) {
    const size_t next = std::min(text.find('\\', i), text.size());
    Append(in, i, next, &out);
    if (next == text.size()) return out;
    i = next;
    char c = '\\';
    size_t length = 1;
    int code;
    if (i + 1 == text.size()) {
      // Nothing follows: it stays.
    } else if ((text[i + 1] | 0x20) == 'u' &&
               (code = HexValue(text, i + 2, 4)) >= 0) {
      c = ToByte(code);
      length = 6;
    } else if (text[i + 1] == 'x' && (code = HexValue(text, i + 2, 2)) >= 0) {
      c = ToByte(code);
      length = 4;
    } else if (SimpleEscape(text[i + 1]) != 0) {
      c = SimpleEscape(text[i + 1]);
      length = 2;
    }
    Push(c, in.begin[i], in.end[i + length - 1], &out);
    i += length;
  }
}

MappedText UndoPercentEscapes(const MappedText& in) {
  MappedText out = Reserved(in.text.size());
  const absl::string_view text = in.text;
  size_t i = 0;
  while (true) {
    const size_t next = std::min(text.find('%', i), text.size());
    Append(in, i, next, &out);
    if (next == text.size()) return out;
    i = next;
    const int code = HexValue(text, i + 1, 2);
    const size_t length = code >= 0 ? 3 : 1;
    Push(code >= 0 ? ToByte(code) : '%', in.begin[i], in.end[i + length - 1],
         &out);
    i += length;
  }
}

MappedText UndoAllEscapes(absl::string_view original) {
  const MappedText in = MappedText::Of(original);
  MappedText out = Reserved(original.size());
  size_t i = 0;
  // Whether an escape may have begun that is not complete.
  auto open = [&out] {
    const size_t longest = std::min(out.text.size(), kLongestEscape);
    return absl::string_view(out.text)
               .substr(out.text.size() - longest)
               .find_first_of("\\%") != absl::string_view::npos;
  };
  while (i < original.size()) {
    if (!open()) {
      const size_t next =
          std::min(original.find_first_of("\\%", i), original.size());
      Append(in, i, next, &out);
      i = next;
      if (i == original.size()) break;
    }
    Push(original[i], in.begin[i], in.end[i], &out);
    ++i;
    // What an escape stands for may complete the escape around it.
    while (CollapseLast(&out)) {
    }
  }
  return out;
}

}  // namespace keywatch
