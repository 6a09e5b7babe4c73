#include "daemon/ingest/followed_file.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace keywatch {

FollowedFile::FollowedFile(std::string stream, FileIdentity identity,
                           int64_t position, const Framing& framing,
                           int64_t max_record_bytes)
    : first_position(position),
      stream_(std::move(stream)),
      identity_(std::move(identity)),
      framer_(framing, max_record_bytes),
      left_over_position_(position),
      position_(position) {
  if (identity_.mode != Framer::Mode::kUndecided) {
    framer_.set_mode(identity_.mode);
  }
}

absl::Status FollowedFile::Attach(std::unique_ptr<ByteFile> file,
                                  const std::string& path) {
  absl::Status status = file->Seek(position_);
  if (!status.ok()) return status;
  const struct stat now = file->Stat();
  identity_.device = now.st_dev;
  identity_.inode = now.st_ino;
  identity_.path = path;
  identity_.done = false;
  orphan = false;
  deleted = absl::InfiniteFuture();
  largest_size_ = 0;
  stem = PathStem(path);
  file_ = std::move(file);
  left_over_.clear();
  left_over_position_ = position_;
  framer_.Restart();
  return absl::OkStatus();
}

void FollowedFile::Detach() {
  file_.reset();
  left_over_.clear();
  left_over_position_ = position_;
  framer_.Restart();
  more = false;
}

absl::Status FollowedFile::MoveTo(int64_t position) {
  position_ = position;
  left_over_.clear();
  left_over_position_ = position;
  framer_.Restart();
  identity_.done = false;
  return attached() ? file_->Seek(position) : absl::OkStatus();
}

bool FollowedFile::SameHead(ByteFile* file) const {
  absl::StatusOr<std::string> head =
      file->compressed()
          ? ReadHead(file)
          : ReadAt(*file, 0, static_cast<size_t>(identity_.head_size));
  return head.ok() &&
         static_cast<int64_t>(head->size()) >= identity_.head_size &&
         HashBytes(absl::string_view(*head).substr(
             0, static_cast<size_t>(identity_.head_size))) ==
             identity_.head_hash;
}

bool FollowedFile::Matches(ByteFile* file) const {
  if (!SameHead(file)) return false;
  // To find the mark of a compressed file, all of it would be decompressed.
  if (file->compressed() || identity_.mark == 0) return true;
  const int64_t size = std::min(identity_.mark, FileIdentity::kMarkBytes);
  absl::StatusOr<std::string> bytes =
      ReadAt(*file, identity_.mark - size, static_cast<size_t>(size));
  return bytes.ok() && static_cast<int64_t>(bytes->size()) == size &&
         HashBytes(*bytes) == identity_.mark_hash;
}

bool FollowedFile::Holds(ByteFile* other) const {
  if (!attached()) return false;
  absl::StatusOr<std::string> head = ReadHead(other);
  if (!head.ok()) return false;
  if (file_->compressed()) {
    return static_cast<int64_t>(head->size()) == FileIdentity::kHeadBytes &&
           SameHead(other);
  }
  absl::StatusOr<std::string> own = ReadAt(*file_, 0, head->size());
  if (!own.ok() || *own != *head) return false;
  if (static_cast<int64_t>(head->size()) < FileIdentity::kHeadBytes) {
    // All of it was compared, unless its archive is still being written.
    return true;
  }
  if (other->compressed()) return true;
  const int64_t size = other->Stat().st_size;
  if (size > Stat().st_size) return false;
  const int64_t from = size - FileIdentity::kMarkBytes;
  constexpr size_t kBytes = FileIdentity::kMarkBytes;
  absl::StatusOr<std::string> tail = ReadAt(*other, from, kBytes);
  own = ReadAt(*file_, from, kBytes);
  return tail.ok() && own.ok() && *tail == *own;
}

int64_t FollowedFile::backlog() const {
  if (!attached()) return 0;
  return std::max<int64_t>(0, Stat().st_size - file_->raw_position());
}

void FollowedFile::Remember() {
  if (identity_.head_size < FileIdentity::kHeadBytes && !file_->compressed()) {
    absl::StatusOr<std::string> head =
        ReadAt(*file_, 0, static_cast<size_t>(FileIdentity::kHeadBytes));
    // Of the file as it was read, not of what came after.
    if (head.ok()) {
      head->resize(
          std::min(head->size(), static_cast<size_t>(file_->position())));
      if (static_cast<int64_t>(head->size()) > identity_.head_size) {
        identity_.head_size = static_cast<int64_t>(head->size());
        identity_.head_hash = HashBytes(*head);
      }
    }
  }
  if (file_->compressed()) {
    identity_.mark = 0;
    identity_.mark_hash = 0;
    return;
  }
  const int64_t end = file_->position();
  const int64_t size = std::min(end, FileIdentity::kMarkBytes);
  absl::StatusOr<std::string> mark =
      ReadAt(*file_, end - size, static_cast<size_t>(size));
  if (mark.ok() && static_cast<int64_t>(mark->size()) == size) {
    identity_.mark = end;
    identity_.mark_hash = HashBytes(*mark);
  }
}

bool FollowedFile::IsReplaced() const {
  return !file_->compressed() &&
         (Stat().st_size < file_->position() || !Matches(file_.get()));
}

bool FollowedFile::HadMore() const {
  return attached() && largest_size_ > file_->raw_position();
}

size_t FollowedFile::Cut(PageBuilder* builder, size_t offset, uint32_t stream,
                         bool last, size_t max_records) {
  std::vector<Framer::Record> records;
  const absl::string_view text = builder->Since(offset);
  const size_t used = framer_.Cut(text, last, max_records, &records);
  builder->Add(records, offset, left_over_position_, stream);
  left_over_.assign(text.data() + used, text.size() - used);
  builder->Shrink(left_over_.size());
  left_over_position_ += static_cast<int64_t>(used);
  position_ = left_over_position_ - framer_.skipped();
  return records.size();
}

void FollowedFile::Flush(PageBuilder* builder, uint32_t stream) {
  const size_t offset = builder->size();
  std::copy(left_over_.begin(), left_over_.end(),
            builder->Extend(left_over_.size()));
  Cut(builder, offset, stream, true, SIZE_MAX);
}

absl::StatusOr<FollowedFile::ReadResult> FollowedFile::Read(
    PageBuilder* builder, uint32_t stream, size_t max_bytes, size_t max_records,
    bool final) {
  ReadResult result;
  const size_t offset = builder->size();
  size_t want = max_bytes;
  if (!file_->compressed()) {
    const int64_t size = Stat().st_size;
    const int64_t unread = size - file_->position();
    // Shorter than what was read: it was truncated.
    if (unread < 0) {
      result.replaced = true;
      return result;
    }
    largest_size_ = std::max(largest_size_, size);
    want = static_cast<size_t>(std::min<int64_t>(
        static_cast<int64_t>(max_bytes), std::max<int64_t>(0, unread)));
  }

  std::copy(left_over_.begin(), left_over_.end(),
            builder->Extend(left_over_.size()));
  const int64_t from = file_->position();
  size_t got = 0;
  absl::Status damage;
  if (want > 0) {
    char* const out = builder->Extend(want);
    absl::StatusOr<size_t> n = file_->Read(out, want);
    got = n.value_or(0);
    builder->Shrink(want - got);
    if (!n.ok()) {
      // What was read before the damage is given.
      damage = n.status();
      final = true;
    }
  }
  if (got > 0 && !file_->compressed() && !Matches(file_.get())) {
    // Overwritten before or after our reading. If the same bytes stand there
    // now, they are the new file's, which is read from its beginning.
    result.replaced = true;
    absl::StatusOr<std::string> now = ReadAt(*file_, from, got);
    if (now.ok() && *now == builder->Since(builder->size() - got)) {
      builder->Shrink(got);
      got = 0;
    }
  }
  const bool at_end = got < want || want == 0 ||
                      (!file_->compressed() && got == want &&
                       Stat().st_size <= file_->position());
  if (file_->compressed() && at_end && file_->complete()) final = true;
  const size_t records = Cut(builder, offset, stream,
                             at_end && final && !result.replaced, max_records);
  result.progress = got > 0 || records > 0;
  result.more = !at_end || records >= max_records;
  more = result.more;
  if (got > 0 && !result.replaced) Remember();
  identity_.mode = framer_.mode();
  if (!damage.ok() && !result.more) return damage;
  return result;
}

}  // namespace keywatch
