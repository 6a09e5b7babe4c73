#ifndef DAEMON_INGEST_JSON_SCANNER_H_
#define DAEMON_INGEST_JSON_SCANNER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "daemon/core/value.h"

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
  bool TakeRestOfString(absl::string_view text);

  // A string, at its opening quote: what stands between the quotes, and whether
  // escapes are in it.
  bool String(absl::string_view* raw, bool* escaped);
  // As String, behind the opening quote.
  bool RestOfString(absl::string_view* raw, bool* escaped);
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
  const char* place() const { return place_; }
  size_t offset() const { return static_cast<size_t>(place_ - begin_); }

 private:
  const char* begin_ = nullptr;
  const char* place_ = nullptr;
  const char* end_ = nullptr;
  bool too_deep_ = false;
};

// Undoes the escapes of a string that JsonScanner gave. `out` has room for
// `raw.size()` bytes; gives the number written. A half of a surrogate pair that
// stands alone becomes U+FFFD.
size_t UnescapeJson(absl::string_view raw, char* out);

}  // namespace keywatch

#endif  // DAEMON_INGEST_JSON_SCANNER_H_
