#include "daemon/app/installation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/crypto/hash.h"

namespace keywatch {
namespace {

constexpr size_t kPepperBytes = 32;

absl::Status FileError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(errno)));
}

absl::Status Write(const std::string& path, const std::string& text) {
  // Complete under another name first: a crash leaves no half pepper.
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());
  const int fd =
      open(temporary.c_str(),
           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return FileError("create", temporary);
  const bool written = write(fd, text.data(), text.size()) ==
                           static_cast<ssize_t>(text.size()) &&
                       fsync(fd) == 0;
  close(fd);
  if (!written) return FileError("write", temporary);
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return FileError("rename", temporary);
  }
  // What is written from now on means something under this pepper only: its
  // name must be on disk first.
  const int directory = open(path.substr(0, path.rfind('/')).c_str(),
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && fsync(directory) == 0;
  const absl::Status status =
      synced ? absl::OkStatus() : FileError("sync the directory of", path);
  if (directory >= 0) close(directory);
  return status;
}

// A database without its pepper, in words: what is to be done.
absl::Status Lost(const std::string& path, absl::string_view how) {
  return absl::DataLossError(absl::StrCat(
      path, how, ": restore it from a backup (`keywatch backup` copies it). ",
      "Without it the keys that were known by their fingerprint get new names; "
      "to accept that, make another one: (umask 077; openssl rand -hex 32 > ",
      path, "), owned by the daemon's user"));
}

}  // namespace

absl::StatusOr<Installation> OpenInstallation(
    const std::string& state_directory, bool has_data) {
  const std::string path = absl::StrCat(state_directory, "/pepper");
  int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    if (has_data) return Lost(path, " is missing beside its database");
    absl::Status written = Write(
        path,
        absl::StrCat(absl::BytesToHexString(RandomBytes(kPepperBytes)), "\n"));
    if (!written.ok()) return written;
    fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  }
  if (fd < 0) return FileError("read", path);
  struct stat info;
  const bool known = fstat(fd, &info) == 0;
  char text[2 * kPepperBytes + 2];
  const ssize_t size = read(fd, text, sizeof(text));
  close(fd);
  if (known && (info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, " can be read by others: chmod 600 ", path));
  }
  const absl::string_view hex = absl::StripSuffix(
      absl::string_view(text, size < 0 ? 0 : static_cast<size_t>(size)), "\n");
  bool valid = hex.size() == 2 * kPepperBytes;
  for (char c : hex) valid = valid && absl::ascii_isxdigit(c);
  if (!valid) {
    return Lost(path, " is damaged");
  }
  const std::string pepper = absl::HexStringToBytes(hex);
  Installation out;
  const std::string seed = HmacSha256(pepper, "event ids");
  std::memcpy(&out.seen_seed, seed.data(), sizeof(out.seen_seed));
  out.pepper = Secret(pepper);
  return out;
}

}  // namespace keywatch
