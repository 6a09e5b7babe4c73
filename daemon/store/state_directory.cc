#include "daemon/store/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

absl::Status SystemError(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string message =
      absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error));
  switch (error) {
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return SystemError("make the directory", part);
    }
    if (slash == std::string::npos) break;
  }
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return SystemError("look at", path);
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the state directory ", path, " is not a directory"));
  }
  return absl::OkStatus();
}

std::string HolderOf(int lock) {
  char text[32];
  const ssize_t size = pread(lock, text, sizeof(text), 0);
  const absl::string_view pid = absl::StripAsciiWhitespace(
      absl::string_view(text, size > 0 ? static_cast<size_t>(size) : 0));
  // Empty when the other has locked and not yet written.
  return pid.empty() ? "another process" : absl::StrCat("process ", pid);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateDirectory>> StateDirectory::Take(
    absl::string_view path) {
  std::string directory(path);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  if (directory.empty()) {
    return absl::InvalidArgumentError("the state directory has no name");
  }
  if (absl::Status made = MakeDirectories(directory); !made.ok()) return made;

  const std::string lock_path = absl::StrCat(directory, "/keywatch.lock");
  const int lock =
      open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return SystemError("open", lock_path);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    absl::Status status =
        errno == EWOULDBLOCK
            ? absl::FailedPreconditionError(absl::StrCat(
                  "the state directory ", directory, " is in use by ",
                  HolderOf(lock),
                  ": one daemon at a time may use it. Stop that one, or give "
                  "this one a directory of its own"))
            : SystemError("lock", lock_path);
    close(lock);
    return status;
  }
  // The pid is for people; the lock is what counts. A full disk is no reason to
  // refuse, then.
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock, 0) == 0) {
    const ssize_t written = pwrite(lock, pid.data(), pid.size(), 0);
    static_cast<void>(written);
  }
  return absl::WrapUnique(new StateDirectory(directory, lock));
}

StateDirectory::~StateDirectory() { close(lock_); }

std::string StateDirectory::File(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

bool FileOnDisk::IsAt(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return false;
  if (inode_ == 0) {
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
  return info.st_dev == device_ && info.st_ino == inode_;
}

absl::Status MakePrivateFile(const std::string& path) {
  const int file = open(
      path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file >= 0) {
    close(file);
    return absl::OkStatus();
  }
  if (errno != EEXIST) return SystemError("make", path);
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return SystemError("look at", path);
  if ((info.st_mode & 0077) == 0) return absl::OkStatus();
  if (chmod(path.c_str(), info.st_mode & 0700) != 0) {
    return SystemError("make private", path);
  }
  return absl::OkStatus();
}

}  // namespace keywatch
