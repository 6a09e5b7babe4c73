#include "daemon/ingest/json_scanner.h"

#include <cmath>
#include <cstring>
#include <system_error>

#include "absl/strings/charconv.h"
#include "daemon/ingest/escapes.h"

namespace keywatch {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The four hexadecimal digits at `p`, or -1.
int FourDigits(const char* p) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(p[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

size_t PutUtf8(uint32_t code, char* out) {
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = static_cast<char>(0xc0 | (code >> 6));
    out[1] = static_cast<char>(0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = static_cast<char>(0xe0 | (code >> 12));
    out[1] = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out[2] = static_cast<char>(0x80 | (code & 0x3f));
    return 3;
  }
  out[0] = static_cast<char>(0xf0 | (code >> 18));
  out[1] = static_cast<char>(0x80 | ((code >> 12) & 0x3f));
  out[2] = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
  out[3] = static_cast<char>(0x80 | (code & 0x3f));
  return 4;
}

}  // namespace

bool JsonScanner::RestOfStringFrom(const char* p, absl::string_view* raw,
                                   bool* escaped) {
  const char* const first = place_;
  *escaped = false;
  for (;; p = FindSpecial(p, end_)) {
    if (p > end_) p = end_;
    place_ = p;
    if (p == end_) return false;
    if (*p == '"') {
      *raw = absl::string_view(first, static_cast<size_t>(p - first));
      place_ = p + 1;
      return true;
    }
    if (*p != '\\' || end_ - p < 2) return false;
    *escaped = true;
    switch (p[1]) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        p += 2;
        break;
      case 'u':
        if (end_ - p < 6 || FourDigits(p + 2) < 0) return false;
        p += 6;
        break;
      default:
        return false;
    }
  }
}

bool JsonScanner::Number(Value* value) {
  const char* p = place_;
  const char* const first = p;
  const bool negative = p < end_ && *p == '-';
  if (negative) ++p;
  const char* const digits = p;
  uint64_t magnitude = 0;
  while (p < end_ && IsDigit(*p)) {
    magnitude = magnitude * 10 + static_cast<uint64_t>(*p - '0');
    ++p;
  }
  const auto count = p - digits;
  if (count == 0 || (count > 1 && *digits == '0')) return false;
  bool integer = true;
  if (p < end_ && *p == '.') {
    integer = false;
    const char* const fraction = ++p;
    while (p < end_ && IsDigit(*p)) ++p;
    if (p == fraction) return false;
  }
  if (p < end_ && (*p == 'e' || *p == 'E')) {
    integer = false;
    ++p;
    if (p < end_ && (*p == '+' || *p == '-')) ++p;
    const char* const exponent = p;
    while (p < end_ && IsDigit(*p)) ++p;
    if (p == exponent) return false;
  }
  place_ = p;
  // Eighteen digits cannot overflow.
  if (integer && count <= 18) {
    const int64_t number = static_cast<int64_t>(magnitude);
    *value = Value::Int(negative ? -number : number);
    return true;
  }
  const absl::string_view text(first, static_cast<size_t>(p - first));
  if (integer && count == 19) {
    const uint64_t limit = uint64_t{1} << 63;
    if (magnitude < limit || (negative && magnitude == limit)) {
      *value = Value::Int(
          static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude));
      return true;
    }
  }
  double number = 0;
  const auto result =
      absl::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec == std::errc::result_out_of_range && std::abs(number) > 1) {
    *value = Value::String(text);
  } else {
    *value = Value::Double(number);
  }
  return true;
}

bool JsonScanner::Literal(Value* value) {
  const size_t left = static_cast<size_t>(end_ - place_);
  if (left >= 4 && std::memcmp(place_, "true", 4) == 0) {
    *value = Value::Bool(true);
    place_ += 4;
  } else if (left >= 5 && std::memcmp(place_, "false", 5) == 0) {
    *value = Value::Bool(false);
    place_ += 5;
  } else if (left >= 4 && std::memcmp(place_, "null", 4) == 0) {
    *value = Value::Null();
    place_ += 4;
  } else {
    return false;
  }
  return true;
}

bool JsonScanner::Skip(uint32_t max_depth) {
  absl::string_view raw;
  bool escaped;
  Value value;
  const char c = Peek();
  switch (c) {
    case '"':
      return String(&raw, &escaped);
    case '{':
    case '[': {
      if (max_depth == 0) {
        too_deep_ = true;
        return false;
      }
      ++place_;
      const char close = c == '{' ? '}' : ']';
      if (Take(close)) return true;
      while (true) {
        if (c == '{' && (!String(&raw, &escaped) || !Take(':'))) return false;
        if (!Skip(max_depth - 1)) return false;
        if (Take(',')) continue;
        return Take(close);
      }
    }
    case 't':
    case 'f':
    case 'n':
      return Literal(&value);
    default:
      return Number(&value);
  }
}

size_t UnescapeJson(absl::string_view raw, char* out) {
  char* to = out;
  const char* p = raw.data();
  const char* const end = p + raw.size();
  while (p < end) {
    const void* found = std::memchr(p, '\\', static_cast<size_t>(end - p));
    const char* const backslash =
        found == nullptr ? end : static_cast<const char*>(found);
    std::memmove(to, p, static_cast<size_t>(backslash - p));
    to += backslash - p;
    if (backslash == end) break;
    p = backslash + 2;
    switch (backslash[1]) {
      case 'b':
        *to++ = '\b';
        break;
      case 'f':
        *to++ = '\f';
        break;
      case 'n':
        *to++ = '\n';
        break;
      case 'r':
        *to++ = '\r';
        break;
      case 't':
        *to++ = '\t';
        break;
      case 'u': {
        uint32_t code = static_cast<uint32_t>(FourDigits(p));
        p += 4;
        if (code >= 0xd800 && code < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
            p[1] == 'u') {
          const uint32_t low = static_cast<uint32_t>(FourDigits(p + 2));
          if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
          }
        }
        if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
        to += PutUtf8(code, to);
        break;
      }
      default:
        *to++ = backslash[1];
    }
  }
  return static_cast<size_t>(to - out);
}

}  // namespace keywatch
