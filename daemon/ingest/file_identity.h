#ifndef DAEMON_INGEST_FILE_IDENTITY_H_
#define DAEMON_INGEST_FILE_IDENTITY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/ingest/byte_file.h"
#include "daemon/ingest/framer.h"

namespace keywatch {

// What a followed file is known by, beside its place in the file system.
struct FileIdentity {
  static constexpr int64_t kHeadBytes = 1024;
  static constexpr int64_t kMarkBytes = 64;

  uint64_t device = 0;
  uint64_t inode = 0;
  // Counts the files of a source in the order in which they were found, from
  // 1, the oldest first; 0 when it is not known.
  uint64_t order = 0;
  // Hash of the first `head_size` bytes, which grow to kHeadBytes with the
  // file.
  int64_t head_size = 0;
  uint64_t head_hash = 0;
  // Hash of the (at most kMarkBytes) bytes that end at `mark`: what was read
  // last. Of plain files only.
  int64_t mark = 0;
  uint64_t mark_hash = 0;
  // Nothing more is expected: a compressed file that was read through, or a
  // file that is gone.
  bool done = false;
  // Another file has the name that this one was written under.
  bool rotated = false;
  Framer::Mode mode = Framer::Mode::kUndecided;
  std::string path;

  // As a cursor keeps it; one line of words, the path last.
  std::string Encode() const;
  // False for what no version of Encode wrote. Before version 2 there was no
  // order.
  static bool Decode(absl::string_view text, FileIdentity* identity);
};

uint64_t HashBytes(absl::string_view bytes);

// The bytes [position, position + size) of a plain file, fewer at its end.
absl::StatusOr<std::string> ReadAt(const ByteFile& file, int64_t position,
                                   size_t size);

// The first (decompressed) bytes of a file, at most kHeadBytes. Moves the
// file's place to its beginning.
absl::StatusOr<std::string> ReadHead(ByteFile* file);

// The path without what rotation and compression add to it: `access.log` for
// access.log, access.log.1, access.log-20260101.gz and access-20260101.log.
// Files of one stem in one directory may be each other's copies.
std::string PathStem(absl::string_view path);

}  // namespace keywatch

#endif  // DAEMON_INGEST_FILE_IDENTITY_H_
