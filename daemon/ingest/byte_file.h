#ifndef DAEMON_INGEST_BYTE_FILE_H_
#define DAEMON_INGEST_BYTE_FILE_H_

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keywatch {

// ByteFile reads the bytes of one file in order, decompressed: what is
// compressed with gzip or zstd shows by its first bytes. The file may grow
// while it is read, a compressed one too. Thread-compatible.
class ByteFile {
 public:
  virtual ~ByteFile() = default;

  // Opens a regular file (or what a symbolic link to one leads to): NOT_FOUND,
  // PERMISSION_DENIED, INVALID_ARGUMENT for a directory or device, and others
  // as errno says, with the path in the message. Of the path only the first
  // `fixed` bytes may lead over symbolic links.
  static absl::StatusOr<std::unique_ptr<ByteFile>> Open(
      const std::string& path, size_t fixed = std::string::npos);
  // Takes `fd` over, which may be a pipe; `name` is for messages.
  static absl::StatusOr<std::unique_ptr<ByteFile>> FromDescriptor(
      int fd, std::string name);

  // Reads at most `size` bytes; 0 when nothing is there now. DATA_LOSS when a
  // compressed file is damaged: what was before that has been given.
  virtual absl::StatusOr<size_t> Read(char* out, size_t size) = 0;
  // Goes to a place in the (decompressed) bytes, forward or back. OUT_OF_RANGE
  // when the file ends before it; the place is then its present end.
  virtual absl::Status Seek(int64_t position) = 0;

  // Where the next Read begins, in decompressed bytes.
  virtual int64_t position() const = 0;
  // How much of the file itself has been read.
  virtual int64_t raw_position() const = 0;
  virtual bool compressed() const = 0;
  // True when the compressed data read so far ends where an archive may end.
  // Always true for others.
  virtual bool complete() const = 0;
  virtual int descriptor() const = 0;

  // The file's present status; zeroes when it cannot be had.
  struct stat Stat() const;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_BYTE_FILE_H_
