#ifndef DAEMON_INGEST_FILE_SOURCE_H_
#define DAEMON_INGEST_FILE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/core/clock.h"
#include "daemon/ingest/log_source.h"

namespace keywatch {

struct FileSourceOptions {
  // Files and globs (`*`, `?`, `[...]` in any part of the path); relative ones
  // count from the working directory.
  std::vector<std::string> paths;
  // Where files begin that are there at the very first start (a Fetch with an
  // empty cursor). Files that appear later are read from their beginning.
  enum class Start { kBeginning, kEnd };
  Start start = Start::kBeginning;
  Framing framing;
  // A longer record is given truncated; its bytes are not held in memory.
  int64_t max_record_bytes = 1 << 20;
  // Least size of a page that is read while more is there.
  int64_t page_bytes = 256 << 10;
  int64_t page_records = 8192;
  // How often directories are listed when the kernel does not report changes
  // (network file systems; no inotify watches left).
  absl::Duration poll_interval = absl::Seconds(1);
  // Files followed at once; more are a problem that is reported.
  int max_files = 1024;
  // Files that are never read, and directories none of whose files is, by
  // whatever name they are found: the daemon's own state and credentials.
  std::vector<std::string> protected_paths;
};

// FileSource follows files as they grow. A file is known by device, inode and
// a hash of its first bytes, so that
//   - a renamed file (rotation) is read on to its end under its new name,
//   - a truncated one (copytruncate) is read from its beginning again, also
//     when it has outgrown the old position meanwhile,
//   - a copy or a compressed copy (.gz, .zst) of a file that was read goes on
//     where the file was left, when it has the name of its rotation,
//   - a restart goes on at the committed byte.
// A deleted file is read on as long as its writer goes on, and some minutes more.
// Positions count decompressed bytes. A last line without an end is a record
// only when no more is to be expected: the file was deleted, replaced or is
// compressed.
//
// Fetch fails with NOT_FOUND or PERMISSION_DENIED when nothing is there to be
// followed; when it is only some of the files, problems() says so. A gap is what
// vanished before it was read to the end (or at all), what a writer may still
// write to a deleted file that was let go, and a rotation to a file that may not
// be read.
//
// Patterns follow no symbolic links; a path without wildcards may be one.
class FileSource : public LogSource {
 public:
  // INVALID_ARGUMENT for options that make no sense. Files and directories
  // need not exist yet. `clock` must outlive the source.
  static absl::StatusOr<std::unique_ptr<FileSource>> Create(
      FileSourceOptions options, Clock* clock);
  ~FileSource() override;

  absl::StatusOr<Page> Fetch(const Cursor& cursor,
                             absl::Time deadline) override;
  bool rereadable() const override { return true; }
  absl::Duration pause() const override;
  void Wake() override;
  int wait_fd() const override;
  std::vector<std::string> problems() const override;

  // What each followed file holds that has not been read yet, in bytes; of
  // compressed files, compressed bytes.
  int64_t backlog_bytes() const;

 private:
  class Impl;
  explicit FileSource(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_FILE_SOURCE_H_
