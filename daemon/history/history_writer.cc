#include "daemon/history/history_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/history/segment.h"

namespace keywatch {
namespace {

constexpr uint64_t kPositionVersion = 1;

absl::Status ErrnoStatus(absl::string_view what, int error) {
  const std::string message = absl::StrCat(what, ": ", strerror(error));
  return error == ENOSPC || error == EDQUOT || error == EFBIG
             ? absl::ResourceExhaustedError(message)
             : absl::UnavailableError(message);
}

// Names of segments hold whole seconds.
EventTime UpToSecond(EventTime time_ms) {
  const int64_t part = ((time_ms % 1000) + 1000) % 1000;
  return part == 0 ? time_ms : time_ms - part + 1000;
}

absl::Status SetAside(const Segment& segment) {
  const std::string aside = absl::StrCat(segment.path, ".aside");
  if (rename(segment.path.c_str(), aside.c_str()) != 0) {
    return ErrnoStatus(segment.path, errno);
  }
  return absl::OkStatus();
}

}  // namespace

std::string HistoryPosition::Encode() const {
  std::string out;
  Encoder encoder(&out);
  encoder.Varint(kPositionVersion);
  encoder.Varint(segment);
  encoder.Signed(bytes);
  encoder.Signed(newest_ms);
  return out;
}

absl::optional<HistoryPosition> HistoryPosition::Decode(
    absl::string_view text) {
  Decoder decoder(text);
  HistoryPosition position;
  const uint64_t version = decoder.Varint();
  position.segment = decoder.Varint();
  position.bytes = decoder.Signed();
  position.newest_ms = decoder.Signed();
  if (!decoder.done() || version != kPositionVersion) return absl::nullopt;
  return position;
}

absl::StatusOr<std::unique_ptr<HistoryWriter>> HistoryWriter::Open(
    HistoryWriterOptions options) {
  struct stat found;
  if (mkdir(options.directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(options.directory, errno);
  }
  if (stat(options.directory.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.directory, " is no directory"));
  }
  return std::unique_ptr<HistoryWriter>(new HistoryWriter(std::move(options)));
}

HistoryWriter::~HistoryWriter() { Close(); }

void HistoryWriter::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status HistoryWriter::Recover(
    const absl::optional<HistoryPosition>& committed,
    const std::function<void(const std::string&)>& say) {
  Close();
  absl::StatusOr<std::vector<Segment>> segments =
      ListSegments(options_.directory);
  if (!segments.ok()) return segments.status();
  position_ = committed.value_or(HistoryPosition());
  for (const Segment& segment : *segments) {
    if (!committed || segment.number > committed->segment) {
      // A segment of which not even the first block is committed is common: a
      // kill came between the write and the commit.
      const bool common = committed && segment.number == committed->segment + 1;
      if (!common) {
        say(absl::StrCat("history: ", segment.path,
                         " is not of this state; it is set aside"));
      }
      absl::Status aside = SetAside(segment);
      if (!aside.ok()) return aside;
      // Its number is not used again.
      position_.segment = std::max(position_.segment, segment.number);
      position_.bytes = 0;
      continue;
    }
    if (segment.number < committed->segment) continue;
    if (segment.bytes < committed->bytes) {
      say(absl::StrCat("history: ", segment.path, " has lost ",
                       committed->bytes - segment.bytes,
                       " bytes of its end; what they held is gone"));
      position_.bytes = segment.bytes;
    } else if (segment.bytes > committed->bytes &&
               truncate(segment.path.c_str(), committed->bytes) != 0) {
      return ErrnoStatus(segment.path, errno);
    }
    if (position_.bytes == 0) continue;
    fd_ = open(segment.path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) return ErrnoStatus(segment.path, errno);
    segment_begin_ = segment.begin_ms;
  }
  if (position_.bytes == 0) Close();
  if (committed && fd_ >= 0 && position_.segment != committed->segment) Close();
  if (fd_ < 0) position_.bytes = 0;
  schema_written_ = false;
  current_segment_ = position_.segment;
  Discard();
  return absl::OkStatus();
}

void HistoryWriter::SetSchema(const HistorySchema& schema,
                              std::vector<Slot> slots) {
  schema_ = schema;
  slots_ = std::move(slots);
  schema_written_ = false;
}

void HistoryWriter::Add(const Event& event) {
  if (added_ == 0) {
    added_first_ = event.time_ms;
    added_oldest_ = kMaxEventTime;
    added_newest_ = kMinEventTime;
  }
  ++added_;
  added_oldest_ = std::min(added_oldest_, event.time_ms);
  added_newest_ = std::max(added_newest_, event.time_ms);
  if (payload_.empty()) {
    header_ = BlockHeader();
    last_ms_ = 0;
  }
  ++header_.events;
  header_.oldest_ms = std::min(header_.oldest_ms, event.time_ms);
  header_.newest_ms = std::max(header_.newest_ms, event.time_ms);
  EncodeEvent(event, slots_, &last_ms_, &payload_);
  if (payload_.size() >= options_.block_bytes) CloseBlock();
}

void HistoryWriter::CloseBlock() {
  if (payload_.empty()) return;
  packer_.Add(header_, &payload_);
}

absl::Status HistoryWriter::Flush() {
  if (added_ == 0) return absl::OkStatus();
  CloseBlock();
  absl::Status status;
  struct statvfs disk;
  if (statvfs(options_.directory.c_str(), &disk) == 0 &&
      static_cast<int64_t>(disk.f_bavail) *
              static_cast<int64_t>(disk.f_frsize) <
          options_.keep_free_bytes) {
    status = absl::ResourceExhaustedError(
        absl::StrCat(options_.directory, ": the disk has less than ",
                     options_.keep_free_bytes >> 20, " MiB left"));
  }
  if (status.ok()) status = BeginSegmentIfDue();
  if (status.ok()) {
    std::string bytes;
    if (!schema_written_) {
      BlockHeader header;
      header.kind = BlockKind::kSchema;
      BlockCompressor().Append(header, EncodeSchema(schema_), &bytes);
    }
    packer_.Take(&bytes);
    status = Append(bytes);
  }
  if (status.ok()) {
    schema_written_ = true;
    position_.newest_ms = std::max(position_.newest_ms, added_newest_);
  }
  Discard();
  return status;
}

void HistoryWriter::Discard() {
  packer_.Discard();
  payload_.clear();
  added_ = 0;
}

absl::Status HistoryWriter::BeginSegmentIfDue() {
  const int64_t span = absl::ToInt64Milliseconds(options_.segment_span);
  if (fd_ >= 0 && position_.bytes < options_.segment_bytes &&
      added_newest_ < segment_begin_ + span) {
    return absl::OkStatus();
  }
  // Everything before it is at or before what was seen newest.
  const EventTime begin =
      UpToSecond(position_.newest_ms == kMinEventTime ? added_first_
                                                      : position_.newest_ms);
  const uint64_t number = position_.segment + 1;
  const std::string path =
      absl::StrCat(options_.directory, "/", SegmentName(number, begin));
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(path, errno);
  Close();
  fd_ = fd;
  position_.segment = number;
  position_.bytes = 0;
  segment_begin_ = std::max(begin, added_first_);
  schema_written_ = false;
  current_segment_ = number;
  return absl::OkStatus();
}

absl::Status HistoryWriter::Append(absl::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote = pwrite(fd_, bytes.data() + done, bytes.size() - done,
                                 position_.bytes + static_cast<int64_t>(done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const int error = wrote < 0 ? errno : EIO;
      // A half block would only have to be skipped by readers.
      if (ftruncate(fd_, position_.bytes) != 0) Close();
      return ErrnoStatus(options_.directory, error);
    }
    done += static_cast<size_t>(wrote);
  }
  position_.bytes += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PruneHistory(const std::string& directory,
                                     uint64_t current, absl::Duration retention,
                                     int64_t max_bytes, absl::Time now) {
  absl::StatusOr<std::vector<Segment>> segments =
      ListSegments(directory, SegmentKind::kAll);
  if (!segments.ok()) return segments.status();
  int64_t bytes = 0;
  for (const Segment& segment : *segments) bytes += segment.bytes;
  for (const Segment& segment : *segments) {
    if (segment.number == current) continue;
    if (bytes <= max_bytes && now - segment.written <= retention) continue;
    if (unlink(segment.path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(segment.path, errno);
    }
    bytes -= segment.bytes;
  }
  return bytes;
}

}  // namespace keywatch
