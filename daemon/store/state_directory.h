#ifndef DAEMON_STORE_STATE_DIRECTORY_H_
#define DAEMON_STORE_STATE_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// StateDirectory is the directory of all that a daemon keeps, taken for this
// process: one process at a time. It is let go when the object is destroyed or
// the process ends, however it ends. Thread-safe.
class StateDirectory {
 public:
  // Makes the directory (and its parents) with mode 0700 when it is not there;
  // the mode of one that is there is the administrator's. FAILED_PRECONDITION,
  // naming the process, when another daemon (or another StateDirectory of this
  // process) has it.
  static absl::StatusOr<std::unique_ptr<StateDirectory>> Take(
      absl::string_view path);

  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;
  ~StateDirectory();

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;

 private:
  StateDirectory(absl::string_view path, int lock) : path_(path), lock_(lock) {}

  const std::string path_;
  const int lock_;  // file descriptor of keywatch.lock
};

// Which file a path named when it was first asked about. Thread-compatible.
class FileOnDisk {
 public:
  // False when `path` names no file, or another one than the first time that
  // there was one.
  bool IsAt(const std::string& path);

 private:
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
};

// Makes `path` with mode 0600 and no content, or takes from an existing one the
// rights of everybody but the owner.
absl::Status MakePrivateFile(const std::string& path);

}  // namespace keywatch

#endif  // DAEMON_STORE_STATE_DIRECTORY_H_
