#ifndef DAEMON_INGEST_JSON_SCANNER_H_
#define DAEMON_INGEST_JSON_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "daemon/core/value.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace keywatch {

// JsonScanner reads the tokens of one JSON text in order, strictly as RFC 8259
// has it. It allocates nothing. The text must be valid UTF-8 and have at least
// 64 readable bytes after it. Each reading function leaves the place unchanged
// or inside the broken token when it gives false. Thread-compatible.
class JsonScanner {
 public:
  JsonScanner() = default;
  explicit JsonScanner(absl::string_view text)
      : begin_(text.data()),
        place_(text.data()),
        end_(text.data() + text.size()) {}

  // Steps over blanks; gives the character after them, 0 at the end.
  char Peek() {
    while (place_ < end_ && (*place_ == ' ' || *place_ == '\n' ||
                             *place_ == '\t' || *place_ == '\r')) {
      ++place_;
    }
    return place_ < end_ ? *place_ : '\0';
  }
  // Steps over `c`, which must stand after blanks.
  bool Take(char c) {
    if (Peek() != c || place_ == end_) return false;
    ++place_;
    return true;
  }
  // True when the string at the place, whose opening quote is stepped over, is
  // exactly `text` without escapes; then steps over it and its closing quote.
  bool TakeRestOfString(absl::string_view text) {
    if (left() <= text.size() || place_[text.size()] != '"' ||
        std::memcmp(place_, text.data(), text.size()) != 0) {
      return false;
    }
    place_ += text.size() + 1;
    return true;
  }

  // A string, at its opening quote: what stands between the quotes, and whether
  // escapes are in it.
  bool String(absl::string_view* raw, bool* escaped);
  // As String, behind the opening quote.
  bool RestOfString(absl::string_view* raw, bool* escaped);
  // A string without escapes, at its opening quote; the place is unchanged when
  // it gives false.
  bool TakePlainString(absl::string_view* raw) {
    if (*place_ != '"') return false;
    const char* const first = place_ + 1;
    const char* const p = FindSpecial(first, end_);
    if (p >= end_ || *p != '"') return false;
    *raw = absl::string_view(first, static_cast<size_t>(p - first));
    place_ = p + 1;
    return true;
  }
  // An integer of at most 18 digits that a comma or a bracket follows; the
  // place is unchanged when it gives false.
  bool TakePlainInteger(int64_t* number) {
    const char* p = place_;
    const bool negative = *p == '-';
    if (negative) ++p;
    const char* const digits = p;
    int64_t value = 0;
    while (*p >= '0' && *p <= '9' && p < digits + 18) {
      value = value * 10 + (*p - '0');
      ++p;
    }
    if (p == digits || p >= end_ || (*digits == '0' && p > digits + 1) ||
        (*p != ',' && *p != '}' && *p != ']')) {
      return false;
    }
    *number = negative ? -value : value;
    place_ = p;
    return true;
  }
  // A number. Integers beyond 64 bits become doubles, what is beyond a double
  // the text of the number.
  bool Number(Value* value);
  // true, false or null.
  bool Literal(Value* value);
  // Any value, to its end.
  bool Skip(uint32_t max_depth);
  // True when Skip, or its caller, ran into the limit of nesting.
  bool too_deep() const { return too_deep_; }
  void set_too_deep() { too_deep_ = true; }

  bool at_end() const { return place_ >= end_; }
  size_t left() const { return static_cast<size_t>(end_ - place_); }
  // Steps over what the caller knows.
  void Move(size_t bytes) { place_ += bytes; }
  const char* place() const { return place_; }
  size_t offset() const { return static_cast<size_t>(place_ - begin_); }

 private:
  // The first quote, backslash or control character at or after `p`, or `end`
  // (or later).
  static const char* FindSpecial(const char* p, const char* end);
  // RestOfString where `p` is the first special character.
  bool RestOfStringFrom(const char* p, absl::string_view* raw, bool* escaped);

  const char* begin_ = nullptr;
  const char* place_ = nullptr;
  const char* end_ = nullptr;
  bool too_deep_ = false;
};

// Undoes the escapes of a string that JsonScanner gave. `out` has room for
// `raw.size()` bytes; gives the number written. A half of a surrogate pair that
// stands alone becomes U+FFFD.
size_t UnescapeJson(absl::string_view raw, char* out);

inline const char* JsonScanner::FindSpecial(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i control = _mm_set1_epi8(0x1f);
  for (; p < end; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i special =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
                                  _mm_cmpeq_epi8(bytes, backslash)),
                     _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
    const int mask = _mm_movemask_epi8(special);
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
  }
  return end;
#else
  while (p < end && *p != '"' && *p != '\\' &&
         static_cast<unsigned char>(*p) >= 0x20) {
    ++p;
  }
  return p;
#endif
}

inline bool JsonScanner::String(absl::string_view* raw, bool* escaped) {
  if (!Take('"')) return false;
  return RestOfString(raw, escaped);
}

inline bool JsonScanner::RestOfString(absl::string_view* raw, bool* escaped) {
  const char* const p = FindSpecial(place_, end_);
  if (p < end_ && *p == '"') {
    *raw = absl::string_view(place_, static_cast<size_t>(p - place_));
    *escaped = false;
    place_ = p + 1;
    return true;
  }
  return RestOfStringFrom(p, raw, escaped);
}

}  // namespace keywatch

#endif  // DAEMON_INGEST_JSON_SCANNER_H_
