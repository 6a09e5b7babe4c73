#ifndef DAEMON_INGEST_DIRECTORY_WATCH_H_
#define DAEMON_INGEST_DIRECTORY_WATCH_H_

#include <set>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace keywatch {

// DirectoryWatch waits for changes in directories by the kernel's inotify.
// Where that does not work (no instances left, network file systems) it only
// waits: whoever uses it looks again from time to time anyway.
// Thread-compatible, but for Wake, which any thread may call.
class DirectoryWatch {
 public:
  DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;
  ~DirectoryWatch();

  // Watches these directories and no others. Those that do not exist are left
  // out until they are named again.
  void Watch(const std::set<std::string>& directories);

  // What changed since the last call.
  struct Changes {
    bool contents = false;  // a file was written
    bool names = false;     // a file came, went or got another name
  };
  Changes Take();

  // Waits until something changes or Wake is called, at most `timeout`.
  void Wait(absl::Duration timeout);
  void Wake();

  // Readable when there is something to Take, or after Wake; -1 when that
  // cannot be had.
  int descriptor() const { return epoll_; }

 private:
  int inotify_ = -1;
  int event_ = -1;
  int epoll_ = -1;
  absl::flat_hash_map<std::string, int> watches_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_DIRECTORY_WATCH_H_
