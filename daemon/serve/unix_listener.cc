#include "daemon/serve/unix_listener.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/serve/unix_socket.h"
#include "grpcpp/server_posix.h"

namespace keywatch {
namespace {

constexpr int kBacklog = 128;
// How long to wait when there are no more file descriptors.
constexpr int kExhaustedMs = 100;

// Numbers of connections are taken from the upper half of what the process may
// have open.
int LargestNumber() {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536));
}

std::string NameOf(uid_t uid) {
  struct passwd entry;
  struct passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return found->pw_name;
  }
  return absl::StrCat("uid ", uid);
}

absl::Status MakeDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return absl::OkStatus();
  const std::string directory = path.substr(0, slash);
  if (mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(
      errno, absl::StrCat("cannot make the directory ", directory,
                          " of the unix socket; systemd makes it, or name "
                          "another socket in grpc.unix_socket"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Create(
    const std::string& path) {
  for (const absl::Status& status :
       {MakeDirectory(path), PrepareUnixSocket(path)}) {
    if (!status.ok()) return status;
  }
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  const int wake_fd = eventfd(0, EFD_CLOEXEC);
  if (wake_fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address),
                          sizeof(address)) != 0) {
    const int error = errno;
    close(fd);
    if (wake_fd >= 0) close(wake_fd);
    return absl::ErrnoToStatus(
        error, absl::StrCat("cannot listen on unix:", path,
                            "; is its directory writable? grpc.unix_socket "
                            "names another one"));
  }
  // From here on the destructor cleans up.
  std::unique_ptr<UnixListener> listener(new UnixListener(path, fd, wake_fd));
  // Before anybody can connect.
  const absl::Status restricted = RestrictUnixSocket(path);
  if (!restricted.ok()) return restricted;
  return listener;
}

UnixListener::UnixListener(std::string path, int fd, int wake_fd)
    : path_(std::move(path)), fd_(fd), wake_fd_(wake_fd) {}

UnixListener::~UnixListener() {
  Stop();
  unlink(path_.c_str());
  close(fd_);
  close(wake_fd_);
}

absl::Status UnixListener::Start(grpc::Server* server) {
  if (listen(fd_, kBacklog) != 0) return absl::ErrnoToStatus(errno, path_);
  thread_ = std::thread([this, server] { Accept(server); });
  return absl::OkStatus();
}

void UnixListener::Stop() {
  const uint64_t one = 1;
  // Cannot fail: the counter is far from its end.
  [[maybe_unused]] const ssize_t n = write(wake_fd_, &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
}

void UnixListener::Accept(grpc::Server* server) {
  while (true) {
    pollfd ready[] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) return;
    if (ready[1].revents != 0) return;
    const int accepted =
        accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
          errno == ENOBUFS) {
        pollfd stop = {wake_fd_, POLLIN, 0};
        poll(&stop, 1, kExhaustedMs);
      }
      continue;
    }
    ucred credentials = {};
    socklen_t size = sizeof(credentials);
    if (getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &credentials, &size) !=
        0) {
      close(accepted);
      continue;
    }
    const int connection = Renumber(accepted);
    {
      absl::MutexLock lock(&mu_);
      users_[absl::StrCat("fd:", connection)] = credentials.uid;
    }
    grpc::AddInsecureChannelFromFd(server, connection);
  }
}

int UnixListener::Renumber(int fd) {
  const int end = LargestNumber();
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (next_number_ < end / 2 || next_number_ >= end) next_number_ = end / 2;
    const int number = fcntl(fd, F_DUPFD_CLOEXEC, next_number_);
    if (number >= 0) {
      next_number_ = number + 1;
      close(fd);
      return number;
    }
    next_number_ = 0;  // none is free up there: from the middle again
  }
  return fd;
}

absl::optional<std::string> UnixListener::UserOf(absl::string_view peer) const {
  uid_t uid = 0;
  {
    absl::MutexLock lock(&mu_);
    const auto found = users_.find(peer);
    if (found == users_.end()) return absl::nullopt;
    uid = found->second;
  }
  return NameOf(uid);
}

}  // namespace keywatch
