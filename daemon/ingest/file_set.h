#ifndef DAEMON_INGEST_FILE_SET_H_
#define DAEMON_INGEST_FILE_SET_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/ingest/file_listing.h"
#include "daemon/ingest/file_source.h"
#include "daemon/ingest/followed_file.h"
#include "daemon/ingest/log_source.h"

namespace keywatch {

// FileSet decides which streams there are and which file each of them is in
// now: it lists the files and tells new ones from renamed, replaced, copied and
// vanished ones. Thread-compatible.
class FileSet {
 public:
  explicit FileSet(const FileSourceOptions& options) : options_(options) {}

  // Takes the streams of a cursor, in any order; before the first Scan.
  void Load(const Cursor& cursor);

  // Looks at the file system. `now` is for how long rotated files stay quiet.
  void Scan(absl::Time now);

  // Tells that the file is not the stream's any more. False when the stream
  // goes on nowhere else: it is then an orphan, to be flushed and done with.
  bool Replaced(FollowedFile* file);
  // Tells that nothing more will come from the stream's file.
  void Done(FollowedFile* file);
  // What is still to be expected of an attached file.
  enum class Ending {
    kNone,   // it is being written
    kQuiet,  // nothing may come any more: a last line without an end counts
    kGone,   // nothing more will come, or be waited for
  };
  Ending EndingOf(FollowedFile* file, absl::Time now);
  // Done with a deleted file; a gap when its writer was there to the last.
  void LetGo(FollowedFile* file);

  // Oldest first, within the files of one stem.
  const std::vector<std::unique_ptr<FollowedFile>>& files() const {
    return files_;
  }
  FollowedFile* Find(absl::string_view stream);
  // Files are there whose time has not come: Scan again soon.
  bool waiting() const { return waiting_; }
  const std::set<std::string>& directories() const {
    return listing_.directories;
  }
  const std::vector<std::string>& problems() const { return problems_; }
  // OK when something is there that is followed or was read; else what is in
  // the way.
  absl::Status status() const;

  // Since the last call.
  std::vector<SourceGap> TakeGaps() { return std::exchange(gaps_, {}); }
  std::vector<std::string> TakeEnded() { return std::exchange(ended_, {}); }

 private:
  const ListedFile* Listed(const FileIdentity& identity) const;
  // What became of a stream's file. Each marks what it uses up as taken.
  void KeepFollowing(FollowedFile* file, const ListedFile* listed);
  void LookAtDone(FollowedFile* file, const ListedFile* listed);
  void FindAgain(FollowedFile* file, const ListedFile* listed);
  // Goes on in a renamed file or a copy beside the stream's last path.
  bool FindSibling(FollowedFile* file);
  enum class Attached { kYes, kNo, kNotYet };
  Attached TryAttach(FollowedFile* file, const ListedFile& listed);
  // Opens what was listed. FAILED_PRECONDITION for what is never read.
  absl::StatusOr<std::unique_ptr<ByteFile>> Open(const ListedFile& listed);
  // Says what is in the way of an Open.
  void CannotOpen(const ListedFile& listed, const absl::Status& status,
                  bool blind);
  bool IsProtected(uint64_t device, uint64_t inode);
  // How much of the path of a file's sibling is as configured.
  size_t FixedOf(const std::string& path) const;
  // Keeps in mind that the file has something that is not read; when `blind`,
  // others of its stem were, and that is a gap.
  void NoteUnread(const ListedFile& listed, absl::string_view why, bool blind);
  // A gap for those that are gone.
  void LookAfterUnread();
  bool IsKnownStem(const std::string& stem) const;
  // Makes room for another file; false when there is none to be made.
  bool LetGoOfADeletedFile();
  void Discover(const ListedFile& listed);
  void AddStream(const ListedFile& listed, std::unique_ptr<ByteFile> file,
                 const std::string& head);
  void DropOldest();
  void Take(const ListedFile& listed) {
    taken_.insert({listed.device, listed.inode});
  }
  bool IsTaken(const ListedFile& listed) const {
    return taken_.count({listed.device, listed.inode}) > 0;
  }

  const FileSourceOptions& options_;
  std::vector<std::unique_ptr<FollowedFile>> files_;
  uint64_t last_order_ = 0;  // FileIdentity::order of the newest file
  FileListing listing_;
  std::set<std::pair<uint64_t, uint64_t>> taken_;
  std::vector<std::string> problems_;
  // Found and not read, by device and inode.
  struct Unread {
    std::string path;
    std::string why;
    int64_t told_size = 0;  // when it was last a gap
    absl::Time told = absl::InfinitePast();
    bool found = false;  // by the present scan
  };
  std::map<std::pair<uint64_t, uint64_t>, Unread> unread_;
  // Of `options_.protected_paths`, as of the present scan.
  absl::optional<std::set<std::pair<uint64_t, uint64_t>>> protected_;
  std::vector<SourceGap> gaps_;
  std::vector<std::string> ended_;
  bool waiting_ = false;
  bool denied_ = false;
  // Files that are there are those of the very first start.
  bool first_start_ = true;
  absl::Time now_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_FILE_SET_H_
