#include "daemon/respond/credential_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

constexpr size_t kMaxBytes = 64 * 1024;

absl::Status Failure(int error, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", path));
}

}  // namespace

absl::StatusOr<Secret> ReadCredentialFile(const std::string& path) {
  // O_NONBLOCK: a FIFO in the place of the file must not hold up the caller.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failure(errno, path);
  std::string text(kMaxBytes + 1, '\0');
  size_t size = 0;
  int error = 0;
  while (size < text.size()) {
    const ssize_t n = read(fd, &text[size], text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
    size += static_cast<size_t>(n);
  }
  close(fd);
  if (error != 0) return Failure(error, path);
  if (size > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is too large for a credential"));
  }
  text.resize(size);
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  const bool usable =
      !stripped.empty() &&
      std::none_of(stripped.begin(), stripped.end(), [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
      });
  Secret secret(usable ? std::string(stripped) : std::string());
  // Overwritten when it goes.
  const Secret read_text(std::move(text));
  if (!usable) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds no credential: one line of text expected"));
  }
  return secret;
}

}  // namespace keywatch
