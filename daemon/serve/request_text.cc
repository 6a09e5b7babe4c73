#include "daemon/serve/request_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace keywatch {

absl::StatusOr<std::string> RequestText::Optional(absl::string_view field,
                                                  absl::string_view text,
                                                  size_t max_bytes) const {
  text = absl::StripAsciiWhitespace(text);
  if (text.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", text.size(),
                                                   " bytes long; at most ",
                                                   max_bytes, " are taken"));
  }
  return redact_(text);
}

absl::StatusOr<std::string> RequestText::Required(absl::string_view field,
                                                  absl::string_view text,
                                                  size_t max_bytes) const {
  if (absl::StripAsciiWhitespace(text).empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": is required"));
  }
  return Optional(field, text, max_bytes);
}

absl::StatusOr<int> PageSize(int asked) {
  if (asked < 0) {
    return absl::InvalidArgumentError("page_size: must not be negative");
  }
  return asked == 0 ? 100 : std::min(asked, 1000);
}

}  // namespace keywatch
