#ifndef DAEMON_SERVE_REQUEST_TEXT_H_
#define DAEMON_SERVE_REQUEST_TEXT_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// RequestText checks the texts that people send before they are stored: their
// length, whether they are there, and that no key secret passes (somebody will
// paste one into a note). Thread-safe when `redact` is.
class RequestText {
 public:
  // The longest of each kind, in bytes.
  static constexpr size_t kIdBytes = 512;
  static constexpr size_t kActorBytes = 128;
  static constexpr size_t kTitleBytes = 200;
  static constexpr size_t kNoteBytes = 16 * 1024;

  // Replaces key secrets by their fingerprints.
  using Redact = std::function<std::string(absl::string_view)>;
  explicit RequestText(Redact redact) : redact_(std::move(redact)) {}

  // The text, redacted and without white space around it. INVALID_ARGUMENT,
  // naming `field`, when it is too long.
  absl::StatusOr<std::string> Optional(absl::string_view field,
                                       absl::string_view text,
                                       size_t max_bytes) const;
  // The same; INVALID_ARGUMENT also when it is empty.
  absl::StatusOr<std::string> Required(absl::string_view field,
                                       absl::string_view text,
                                       size_t max_bytes) const;

 private:
  const Redact redact_;
};

// The size of a page: `asked`, 100 when that is 0, at most 1000.
// INVALID_ARGUMENT when it is negative.
absl::StatusOr<int> PageSize(int asked);

}  // namespace keywatch

#endif  // DAEMON_SERVE_REQUEST_TEXT_H_
