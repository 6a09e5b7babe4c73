#include "daemon/ingest/directory_watch.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace keywatch {
namespace {

constexpr uint32_t kNames = IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO |
                            IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                            IN_ATTRIB;
constexpr uint32_t kContents = IN_MODIFY | IN_CLOSE_WRITE;

void AddTo(int epoll, int fd) {
  if (epoll < 0 || fd < 0) return;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

DirectoryWatch::DirectoryWatch()
    : inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  AddTo(epoll_, inotify_);
  AddTo(epoll_, event_);
}

DirectoryWatch::~DirectoryWatch() {
  for (int fd : {epoll_, event_, inotify_}) {
    if (fd >= 0) close(fd);
  }
}

void DirectoryWatch::Watch(const std::set<std::string>& directories) {
  if (inotify_ < 0) return;
  for (auto it = watches_.begin(); it != watches_.end();) {
    if (directories.count(it->first) > 0) {
      ++it;
      continue;
    }
    inotify_rm_watch(inotify_, it->second);
    watches_.erase(it++);
  }
  for (const std::string& directory : directories) {
    // Again for those that are watched: the name may be another directory now.
    const int watch =
        inotify_add_watch(inotify_, directory.c_str(), kNames | kContents);
    if (watch >= 0) {
      watches_[directory] = watch;
    } else {
      watches_.erase(directory);
    }
  }
}

DirectoryWatch::Changes DirectoryWatch::Take() {
  Changes changes;
  uint64_t count;
  if (event_ >= 0 && read(event_, &count, sizeof(count)) < 0) {
    // Nothing was there.
  }
  if (inotify_ < 0) return changes;
  alignas(inotify_event) char buffer[16 << 10];
  while (true) {
    const ssize_t size = read(inotify_, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return changes;
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      if (event->mask & (kNames | IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT)) {
        changes.names = true;
      }
      if (event->mask & (kContents | IN_Q_OVERFLOW)) changes.contents = true;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

void DirectoryWatch::Wait(absl::Duration timeout) {
  pollfd poll_fd = {epoll_, POLLIN, 0};
  const int64_t ms = absl::ToInt64Milliseconds(timeout);
  // Rounded up, or the last part of a millisecond would be spent in a loop.
  poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(ms + 1, 60000)));
}

void DirectoryWatch::Wake() {
  const uint64_t one = 1;
  if (event_ >= 0 && write(event_, &one, sizeof(one)) < 0) {
    // It is full, so whoever waits wakes up.
  }
}

}  // namespace keywatch
