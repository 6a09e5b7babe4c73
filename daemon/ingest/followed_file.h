#ifndef DAEMON_INGEST_FOLLOWED_FILE_H_
#define DAEMON_INGEST_FOLLOWED_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/ingest/byte_file.h"
#include "daemon/ingest/file_identity.h"
#include "daemon/ingest/framer.h"
#include "daemon/ingest/page_builder.h"

namespace keywatch {

// FollowedFile reads one stream of a FileSource: the bytes of one file as it
// grows, whatever name or (as a copy) inode it gets meanwhile.
// Thread-compatible.
class FollowedFile {
 public:
  // What one Read found.
  struct ReadResult {
    bool progress = false;  // bytes were read or records given
    bool more = false;      // more is there right now
    // The file was truncated or overwritten: it is no longer this stream's.
    bool replaced = false;
  };

  FollowedFile(std::string stream, FileIdentity identity, int64_t position,
               const Framing& framing, int64_t max_record_bytes);

  // Goes on in `file` (taken over) at the present position. OUT_OF_RANGE when
  // it does not reach so far.
  absl::Status Attach(std::unique_ptr<ByteFile> file, const std::string& path);
  // Lets the file go; the position stays.
  void Detach();
  bool attached() const { return file_ != nullptr; }

  // Reads at most `max_bytes` and gives at most `max_records`. `final`: the
  // file will not grow any more, so its last line needs no end.
  absl::StatusOr<ReadResult> Read(PageBuilder* builder, uint32_t stream,
                                  size_t max_bytes, size_t max_records,
                                  bool final);
  // Gives what was read of a record whose end will not come.
  void Flush(PageBuilder* builder, uint32_t stream);
  // True when the file was truncated or overwritten since it was read.
  bool IsReplaced() const;
  // True when the file was seen to have bytes that were not read.
  bool HadMore() const;
  // Goes back (or on) to a record's beginning.
  absl::Status MoveTo(int64_t position);

  // True when `file` begins like this stream, and also holds what was read
  // last where it was read.
  bool Matches(ByteFile* file) const;
  // True when all of `other` (a file of its own) is the beginning of this
  // stream's file: a copy, perhaps still being made.
  bool Holds(ByteFile* other) const;

  const std::string& stream() const { return stream_; }
  const FileIdentity& identity() const { return identity_; }
  FileIdentity* mutable_identity() { return &identity_; }
  // The next record begins there.
  int64_t position() const { return position_; }
  // A record was begun whose end has not come.
  bool has_partial() const {
    return !left_over_.empty() || framer_.skipped() > 0;
  }
  bool compressed() const { return attached() && file_->compressed(); }
  // The compressed data is whole as far as it was read.
  bool complete() const { return attached() && file_->complete(); }
  struct stat Stat() const {
    return file_->Stat();
  }
  // Bytes of the file that were not read yet.
  int64_t backlog() const;

  // --- Kept by the FileSource.
  // The stream's position and attributes as the last page gave them.
  int64_t reported_position = -1;
  std::string reported_attributes;
  int64_t first_position = 0;  // where this source began to read it
  bool seen = false;           // in the listing of the last scan
  bool checked = false;        // what is done was found unchanged
  bool more = false;           // the last Read left something
  bool orphan = false;         // replaced, and nowhere found again
  std::string live_path;       // the name that it was written under
  std::string stem;            // of its path
  absl::Time grew;             // when something was last read
  // When it was first seen to have no name left, and its size then; a larger
  // one shows a writer.
  absl::Time deleted = absl::InfiniteFuture();
  int64_t deleted_size = 0;
  bool is_deleted() const { return deleted != absl::InfiniteFuture(); }
  bool written_since() const {
    return is_deleted() && Stat().st_size > deleted_size;
  }

 private:
  // Cuts what is left over and what was read after `offset` into records.
  size_t Cut(PageBuilder* builder, size_t offset, uint32_t stream, bool last,
             size_t max_records);
  // Takes the head and the mark of the file as it was read so far.
  void Remember();
  bool SameHead(ByteFile* file) const;

  const std::string stream_;
  FileIdentity identity_;
  Framer framer_;
  std::unique_ptr<ByteFile> file_;
  // Bytes read of records that were not given, from `left_over_position_` on.
  std::string left_over_;
  int64_t left_over_position_;
  int64_t position_;
  int64_t largest_size_ = 0;  // that the file was seen to have
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_FOLLOWED_FILE_H_
