#include "daemon/ingest/file_set.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace keywatch {
namespace {

// Streams that ended are remembered for the copies of their files that may
// still appear.
constexpr size_t kMaxGone = 128;
// Deleted files that are kept open.
constexpr int kMaxDeleted = 64;
// A rotated file that was quiet for so long is let go.
constexpr absl::Duration kRotatedQuiet = absl::Minutes(10);
// So is a deleted one, and one whose writer goes on for so long.
constexpr absl::Duration kDeletedLongest = absl::Hours(24);
// A file that may not be read and grows is a gap as often as that.
constexpr absl::Duration kUnreadStep = absl::Minutes(1);
// In a file that is followed from its end the last line break is looked for so
// far back.
constexpr int64_t kLastLine = 64 << 10;

bool IsGone(const FollowedFile& file) {
  return file.identity().done && !file.seen && !file.attached();
}

// The file `path`, or the files of the directory `path`.
void AddFiles(const std::string& path,
              std::set<std::pair<uint64_t, uint64_t>>* files) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return;
  if (!S_ISDIR(status.st_mode)) {
    files->insert({status.st_dev, status.st_ino});
    return;
  }
  DIR* const handle = opendir(path.c_str());
  if (handle == nullptr) return;
  while (const dirent* entry = readdir(handle)) {
    if (fstatat(dirfd(handle), entry->d_name, &status, 0) == 0 &&
        S_ISREG(status.st_mode)) {
      files->insert({status.st_dev, status.st_ino});
    }
  }
  closedir(handle);
}

// The end of the last whole line of a plain file.
int64_t EndOfLastLine(const ByteFile& file) {
  const int64_t size = file.Stat().st_size;
  const int64_t from = std::max<int64_t>(0, size - kLastLine);
  absl::StatusOr<std::string> tail =
      ReadAt(file, from, static_cast<size_t>(size - from));
  if (!tail.ok()) return size;
  const size_t line_break = tail->rfind('\n');
  return line_break == std::string::npos
             ? size
             : from + static_cast<int64_t>(line_break) + 1;
}

}  // namespace

void FileSet::Load(const Cursor& cursor) {
  for (const StreamPosition& stream : cursor.streams) {
    FileIdentity identity;
    if (!FileIdentity::Decode(stream.attributes, &identity)) {
      gaps_.push_back({absl::StrCat("the cursor of ", stream.stream,
                                    " cannot be read: files are read from "
                                    "their beginning"),
                       GapKind::kCursorExpired});
      ended_.push_back(stream.stream);
      continue;
    }
    auto file = std::make_unique<FollowedFile>(
        stream.stream, identity, stream.position, options_.framing,
        options_.max_record_bytes);
    file->live_path = identity.path;
    file->stem = PathStem(identity.path);
    file->reported_position = stream.position;
    file->reported_attributes = stream.attributes;
    last_order_ = std::max(last_order_, identity.order);
    files_.push_back(std::move(file));
  }
  // The names of streams say nothing about which of them is older.
  std::stable_sort(files_.begin(), files_.end(),
                   [](const auto& a, const auto& b) {
                     return a->identity().order < b->identity().order;
                   });
  first_start_ = cursor.streams.empty();
}

FollowedFile* FileSet::Find(absl::string_view stream) {
  for (const auto& file : files_) {
    if (file->stream() == stream) return file.get();
  }
  return nullptr;
}

const ListedFile* FileSet::Listed(const FileIdentity& identity) const {
  for (const ListedFile& file : listing_.files) {
    if (file.device == identity.device && file.inode == identity.inode) {
      return &file;
    }
  }
  return nullptr;
}

void FileSet::Scan(absl::Time now) {
  now_ = now;
  listing_ = ListFiles(options_.paths);
  problems_ = listing_.problems;
  taken_.clear();
  protected_.reset();
  for (auto& [id, unread] : unread_) unread.found = false;
  waiting_ = false;
  denied_ = false;

  for (const auto& file : files_) {
    const ListedFile* const listed = Listed(file->identity());
    file->seen = false;
    if (file->attached()) {
      KeepFollowing(file.get(), listed);
    } else if (file->identity().done) {
      LookAtDone(file.get(), listed);
    } else {
      FindAgain(file.get(), listed);
    }
  }
  for (const ListedFile& listed : listing_.files) {
    if (IsTaken(listed)) continue;
    if (listed.size > 0) {
      Discover(listed);
    } else {
      waiting_ = true;
    }
  }
  first_start_ = false;
  LookAfterUnread();
  const auto deleted = std::count_if(
      files_.begin(), files_.end(),
      [](const auto& file) { return file->attached() && file->is_deleted(); });
  for (auto more = deleted - kMaxDeleted; more > 0; --more) {
    if (!LetGoOfADeletedFile()) break;
  }
  DropOldest();
}

absl::StatusOr<std::unique_ptr<ByteFile>> FileSet::Open(
    const ListedFile& listed) {
  absl::StatusOr<std::unique_ptr<ByteFile>> opened =
      ByteFile::Open(listed.path, listed.fixed);
  if (!opened.ok()) return opened;
  const struct stat status = (*opened)->Stat();
  if (IsProtected(status.st_dev, status.st_ino)) {
    return absl::FailedPreconditionError(absl::StrCat(
        listed.path,
        " is one of Keywatch's own files or credentials, which are never read "
        "as a log: correct the source's paths, or remove the file there"));
  }
  return opened;
}

bool FileSet::IsProtected(uint64_t device, uint64_t inode) {
  if (!protected_) {
    protected_.emplace();
    for (const std::string& path : options_.protected_paths) {
      AddFiles(path, &*protected_);
    }
  }
  return protected_->count({device, inode}) > 0;
}

size_t FileSet::FixedOf(const std::string& path) const {
  const size_t slash = path.rfind('/');
  size_t fixed = slash == std::string::npos ? 0 : slash + 1;
  for (const std::string& pattern : options_.paths) {
    if (pattern == path) return fixed;
  }
  for (const std::string& pattern : options_.paths) {
    const size_t part = FixedPart(pattern);
    if (path.compare(0, part, pattern, 0, part) == 0) {
      fixed = std::min(fixed, part);
    }
  }
  return fixed;
}

bool FileSet::IsKnownStem(const std::string& stem) const {
  return std::any_of(files_.begin(), files_.end(),
                     [&stem](const auto& file) { return file->stem == stem; });
}

void FileSet::NoteUnread(const ListedFile& listed, absl::string_view why,
                         bool blind) {
  Unread& unread = unread_[{listed.device, listed.inode}];
  unread.path = listed.path;
  unread.why = std::string(why);
  unread.found = true;
  if (!blind || listed.size <= unread.told_size ||
      now_ - unread.told < kUnreadStep) {
    return;
  }
  unread.told_size = listed.size;
  unread.told = now_;
  gaps_.push_back(
      {absl::StrCat(listed.path, " is written, and is not read: ", why),
       GapKind::kUnreachable});
}

void FileSet::LookAfterUnread() {
  int64_t gone = 0;
  std::string first;
  for (auto it = unread_.begin(); it != unread_.end();) {
    if (it->second.found) {
      ++it;
      continue;
    }
    const bool there = std::any_of(listing_.files.begin(), listing_.files.end(),
                                   [&it](const ListedFile& file) {
                                     return file.device == it->first.first &&
                                            file.inode == it->first.second;
                                   });
    if (!there && gone++ == 0) {
      first = absl::StrCat(it->second.path, " is gone before it was read (",
                           it->second.why, ")");
    }
    it = unread_.erase(it);
  }
  if (gone == 0) return;
  if (gone > 1) absl::StrAppend(&first, ", and ", gone - 1, " more");
  gaps_.push_back({std::move(first), GapKind::kRotatedAway});
}

void FileSet::KeepFollowing(FollowedFile* file, const ListedFile* listed) {
  FileIdentity* const identity = file->mutable_identity();
  if (file->orphan || (file->IsReplaced() && !Replaced(file))) return;
  // It may be in another file now.
  if (listed != nullptr && (listed->device != identity->device ||
                            listed->inode != identity->inode)) {
    listed = Listed(*identity);
  }
  if (listed != nullptr) {
    file->seen = true;
    Take(*listed);
    if (identity->path != listed->path) {
      identity->path = listed->path;
      file->stem = PathStem(listed->path);
    }
  }
  if (!identity->rotated && access(file->live_path.c_str(), F_OK) == 0 &&
      !IsAt(file->live_path, identity->device, identity->inode)) {
    identity->rotated = true;
  }
  if (identity->rotated && !file->compressed()) waiting_ = true;
}

void FileSet::LookAtDone(FollowedFile* file, const ListedFile* listed) {
  if (listed == nullptr || IsTaken(*listed)) return;
  const bool grown = listed->size > file->position();
  if (file->checked && !grown) {
    file->seen = true;
    Take(*listed);
    return;
  }
  absl::StatusOr<std::unique_ptr<ByteFile>> opened = Open(*listed);
  if (!opened.ok() || !file->Matches(opened->get())) return;
  // The same file: read on when a plain one has grown.
  file->seen = true;
  file->checked = true;
  Take(*listed);
  if (grown && !(*opened)->compressed()) {
    file->grew = now_;
    file->Attach(*std::move(opened), listed->path).IgnoreError();
  }
}

void FileSet::FindAgain(FollowedFile* file, const ListedFile* listed) {
  if (listed != nullptr && !IsTaken(*listed)) {
    switch (TryAttach(file, *listed)) {
      case Attached::kYes:
        file->seen = true;
        KeepFollowing(file, listed);
        return;
      case Attached::kNotYet:
        Take(*listed);
        waiting_ = true;
        return;
      case Attached::kNo:
        break;
    }
  }
  if (FindSibling(file)) return;
  gaps_.push_back({absl::StrCat(
      file->identity().path,
      " is gone, or another file has its place: what was written to it after "
      "byte ",
      file->position(), ", if anything, was not read")});
  Done(file);
}

void FileSet::CannotOpen(const ListedFile& listed, const absl::Status& status,
                         bool blind) {
  std::string message(status.message());
  if (absl::IsPermissionDenied(status)) {
    denied_ = true;
    absl::StrAppend(&message, "; let the user that keywatchd runs as read it");
  }
  // What is never to be read is no loss.
  if (!absl::IsFailedPrecondition(status)) NoteUnread(listed, message, blind);
  problems_.push_back(std::move(message));
}

FileSet::Attached FileSet::TryAttach(FollowedFile* file,
                                     const ListedFile& listed) {
  absl::StatusOr<std::unique_ptr<ByteFile>> opened = Open(listed);
  if (!opened.ok()) {
    if (absl::IsNotFound(opened.status()) ||
        absl::IsFailedPrecondition(opened.status())) {
      return Attached::kNo;
    }
    // It may be the file: whatever is in the way must go first.
    CannotOpen(listed, opened.status(), listed.size > file->position());
    return Attached::kNotYet;
  }
  if (!file->Matches(opened->get())) return Attached::kNo;
  ByteFile* const raw = opened->get();
  const int64_t position = file->position();
  absl::Status status = raw->Seek(position);
  if (!status.ok()) {
    // An archive that is still being written has not come so far yet.
    return raw->compressed() && !raw->complete() ? Attached::kNotYet
                                                 : Attached::kNo;
  }
  file->grew = now_;
  status = file->Attach(*std::move(opened), listed.path);
  if (!status.ok()) return Attached::kNo;
  Take(listed);
  return Attached::kYes;
}

bool FileSet::FindSibling(FollowedFile* file) {
  const FileIdentity identity = file->identity();
  std::vector<ListedFile> siblings =
      ListSiblings(identity.path, FixedOf(identity.path));
  // The file itself under another name comes before copies of it.
  std::stable_partition(siblings.begin(), siblings.end(),
                        [&](const ListedFile& sibling) {
                          return sibling.device == identity.device &&
                                 sibling.inode == identity.inode;
                        });
  for (const ListedFile& sibling : siblings) {
    if (IsTaken(sibling) || sibling.size == 0) continue;
    const bool followed =
        std::any_of(files_.begin(), files_.end(), [&](const auto& other) {
          return other->attached() &&
                 other->identity().device == sibling.device &&
                 other->identity().inode == sibling.inode;
        });
    if (followed) continue;
    switch (TryAttach(file, sibling)) {
      case Attached::kYes:
        file->mutable_identity()->rotated = true;
        waiting_ = true;
        return true;
      case Attached::kNotYet:
        Take(sibling);
        waiting_ = true;
        return true;
      case Attached::kNo:
        break;
    }
  }
  return false;
}

void FileSet::Discover(const ListedFile& listed) {
  absl::StatusOr<std::unique_ptr<ByteFile>> opened = Open(listed);
  if (!opened.ok()) {
    if (absl::IsNotFound(opened.status())) return;
    CannotOpen(listed, opened.status(), IsKnownStem(PathStem(listed.path)));
    return;
  }
  ByteFile* const file = opened->get();
  absl::StatusOr<std::string> head = ReadHead(file);
  if (!head.ok()) {
    problems_.push_back(std::string(head.status().message()));
    return;
  }
  const bool short_head =
      static_cast<int64_t>(head->size()) < FileIdentity::kHeadBytes;
  if (file->compressed() && short_head) {
    // Whether the archive is whole shows at its end.
    std::string rest(1, '\0');
    file->Seek(static_cast<int64_t>(head->size())).IgnoreError();
    file->Read(&rest[0], 1).IgnoreError();
    if (!file->complete()) {
      waiting_ = true;
      return;
    }
  }
  if (head->empty()) return;

  const std::string stem = PathStem(listed.path);
  for (const auto& known : files_) {
    if (known->stem != stem) continue;
    if (known->attached()) {
      // A copy of what is being followed: all of it is read there.
      if (known->Holds(file)) {
        waiting_ = true;
        return;
      }
    } else if (known->identity().done && !known->seen && known->Matches(file)) {
      const Attached attached = TryAttach(known.get(), listed);
      if (attached == Attached::kNotYet) waiting_ = true;
      if (attached == Attached::kYes) {
        known->mutable_identity()->rotated = true;
        known->seen = true;
      }
      if (attached != Attached::kNo) return;
    }
  }
  AddStream(listed, *std::move(opened), *head);
}

void FileSet::AddStream(const ListedFile& listed,
                        std::unique_ptr<ByteFile> file,
                        const std::string& head) {
  const auto open_files =
      std::count_if(files_.begin(), files_.end(),
                    [](const auto& other) { return other->attached(); });
  if (open_files >= options_.max_files && !LetGoOfADeletedFile()) {
    const std::string why =
        absl::StrCat(options_.max_files,
                     " files are followed already; narrow the source's paths");
    problems_.push_back(absl::StrCat(listed.path, " waits: ", why));
    NoteUnread(listed, why, false);
    waiting_ = true;
    return;
  }
  FileIdentity identity;
  identity.device = listed.device;
  identity.inode = listed.inode;
  identity.order = ++last_order_;
  identity.head_size = static_cast<int64_t>(head.size());
  identity.head_hash = HashBytes(head);
  identity.path = listed.path;
  int64_t position = 0;
  const bool skip =
      first_start_ && options_.start == FileSourceOptions::Start::kEnd;
  if (skip && !file->compressed()) position = EndOfLastLine(*file);

  const std::string base = absl::StrFormat("%x-%x-%x", identity.device,
                                           identity.inode, identity.head_hash);
  std::string name = base;
  for (int i = 2; Find(name) != nullptr; ++i) name = absl::StrCat(base, "-", i);
  auto followed = std::make_unique<FollowedFile>(
      name, identity, position, options_.framing, options_.max_record_bytes);
  followed->live_path = listed.path;
  followed->stem = PathStem(listed.path);
  followed->grew = now_;
  followed->seen = true;
  if (skip && file->compressed()) {
    followed->mutable_identity()->done = true;
    followed->checked = true;
  } else if (!followed->Attach(std::move(file), listed.path).ok()) {
    return;
  }
  Take(listed);
  files_.push_back(std::move(followed));
}

bool FileSet::Replaced(FollowedFile* file) {
  const bool lost = file->HadMore();
  const std::string path = file->identity().path;
  if (FindSibling(file)) return true;
  if (lost) {
    gaps_.push_back(
        {absl::StrCat(path, " was truncated before it was read to the end")});
  }
  file->orphan = true;
  return false;
}

void FileSet::Done(FollowedFile* file) {
  file->Detach();
  file->mutable_identity()->done = true;
  file->checked = false;
  file->orphan = false;
}

void FileSet::LetGo(FollowedFile* file) {
  if (file->compressed()) {
    gaps_.push_back({absl::StrCat(file->identity().path,
                                  " was deleted before it was whole")});
  } else if (file->written_since()) {
    gaps_.push_back({absl::StrCat(
        file->identity().path,
        " was deleted while it was written: what comes after byte ",
        file->position(), ", if anything, is not read")});
  }
  Done(file);
}

bool FileSet::LetGoOfADeletedFile() {
  FollowedFile* oldest = nullptr;
  for (const auto& file : files_) {
    if (file->attached() && file->is_deleted() &&
        (oldest == nullptr || file->grew < oldest->grew)) {
      oldest = file.get();
    }
  }
  if (oldest == nullptr || oldest->backlog() > 0 ||
      now_ - oldest->grew < 2 * options_.poll_interval) {
    return false;
  }
  LetGo(oldest);
  return true;
}

FileSet::Ending FileSet::EndingOf(FollowedFile* file_in, absl::Time now) {
  FollowedFile& file = *file_in;
  const struct stat status = file.Stat();
  const absl::Duration quiet = now - file.grew;
  const bool just_written = quiet < 2 * options_.poll_interval;
  if (status.st_nlink == 0) {
    if (file.compressed()) return Ending::kGone;
    if (!file.is_deleted()) {
      file.deleted = now;
      file.deleted_size = status.st_size;
    }
    if (now - file.deleted >= kDeletedLongest) return Ending::kGone;
    // Its writer may not know, and go on.
    if (just_written) return Ending::kNone;
    return quiet < kRotatedQuiet ? Ending::kQuiet : Ending::kGone;
  }
  if (file.compressed() || !file.identity().rotated) return Ending::kNone;
  if (just_written) return Ending::kNone;
  // Its writer may not have noticed the rotation yet.
  struct stat live;
  if (stat(file.live_path.c_str(), &live) != 0 || live.st_size == 0) {
    return Ending::kNone;
  }
  return quiet < kRotatedQuiet ? Ending::kQuiet : Ending::kGone;
}

void FileSet::DropOldest() {
  size_t gone = 0;
  for (const auto& file : files_) {
    if (IsGone(*file)) ++gone;
  }
  for (auto it = files_.begin(); gone > kMaxGone && it != files_.end();) {
    if (IsGone(**it)) {
      ended_.push_back((*it)->stream());
      it = files_.erase(it);
      --gone;
    } else {
      ++it;
    }
  }
}

absl::Status FileSet::status() const {
  const bool there =
      std::any_of(files_.begin(), files_.end(), [](const auto& file) {
        return file->attached() ? !file->is_deleted() : file->seen;
      });
  if (there || problems_.empty()) return absl::OkStatus();
  const std::string message = absl::StrJoin(problems_, "; ");
  return denied_ ? absl::PermissionDeniedError(message)
                 : absl::NotFoundError(message);
}

}  // namespace keywatch
