#include "daemon/ingest/file_source.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/ingest/directory_watch.h"
#include "daemon/ingest/file_set.h"
#include "daemon/ingest/followed_file.h"
#include "daemon/ingest/page_builder.h"

namespace keywatch {
namespace {

// Several files share a page: each gets at least that much of it.
constexpr int64_t kLeastShare = 16 << 10;

}  // namespace

class FileSource::Impl {
 public:
  Impl(FileSourceOptions options, Clock* clock)
      : options_(std::move(options)), clock_(clock), files_(options_) {}

  absl::StatusOr<Page> Fetch(const Cursor& cursor, absl::Time deadline) {
    Sync(cursor);
    while (true) {
      const DirectoryWatch::Changes changes = watch_.Take();
      const absl::Time now = clock_->Now();
      if (scan_now_ || changes.names || now >= next_scan_ ||
          (changes.contents && files_.waiting())) {
        Scan(now);
      }
      PageBuilder builder;
      // What replaced a file is looked for at once.
      if (ReadFiles(now, &builder)) {
        Scan(now);
        if (builder.record_count() == 0) ReadFiles(now, &builder);
      }
      Report(builder.page());
      Page* const page = builder.page();
      if (builder.record_count() > 0 || !page->streams.empty() ||
          !page->gaps.empty() || !page->ended.empty()) {
        return std::move(builder).Finish();
      }
      if (woken_.exchange(false) || now >= deadline) {
        const absl::Status status = files_.status();
        if (!status.ok()) return status;
        return std::move(builder).Finish();
      }
      watch_.Wait(
          std::max(absl::ZeroDuration(), std::min(deadline, next_scan_) - now));
    }
  }

  void Wake() {
    woken_ = true;
    watch_.Wake();
  }
  int wait_fd() const { return watch_.descriptor(); }
  std::vector<std::string> problems() const { return files_.problems(); }

  int64_t backlog_bytes() const {
    int64_t total = 0;
    for (const auto& file : files_.files()) total += file->backlog();
    return total;
  }

 private:
  // Makes the files stand where the cursor says.
  void Sync(const Cursor& cursor) {
    if (!loaded_) {
      files_.Load(cursor);
      loaded_ = true;
      scan_now_ = true;
      return;
    }
    for (const auto& file : files_.files()) {
      if (file->reported_position < 0) continue;
      const auto it = std::find_if(
          cursor.streams.begin(), cursor.streams.end(),
          [&](const StreamPosition& s) { return s.stream == file->stream(); });
      // A page that was not taken is given again.
      const int64_t position =
          it == cursor.streams.end() ? file->first_position : it->position;
      if (position == file->reported_position) continue;
      if (!file->MoveTo(position).ok()) file->Detach();
      file->reported_position = position;
      if (!file->attached()) scan_now_ = true;
    }
  }

  void Scan(absl::Time now) {
    files_.Scan(now);
    watch_.Watch(files_.directories());
    scan_now_ = false;
    next_scan_ = now + options_.poll_interval;
  }

  // Reads what is new into the page; true when a file was replaced, so that a
  // scan will find something.
  bool ReadFiles(absl::Time now, PageBuilder* builder) {
    // Within a stem an older file is read to its end before a newer one, and
    // the stems take turns.
    std::vector<std::vector<FollowedFile*>> stems;
    absl::flat_hash_map<absl::string_view, size_t> index;
    for (const auto& file : files_.files()) {
      if (!file->attached()) continue;
      const auto [it, inserted] = index.try_emplace(file->stem, stems.size());
      if (inserted) stems.emplace_back();
      stems[it->second].push_back(file.get());
    }
    bool replaced = false;
    for (size_t i = 0; i < stems.size(); ++i) {
      if (Full(*builder)) {
        builder->page()->more = true;
        turn_ += i;
        break;
      }
      const int64_t share =
          std::max(kLeastShare,
                   options_.page_bytes / static_cast<int64_t>(stems.size()));
      for (FollowedFile* file : stems[(turn_ + i) % stems.size()]) {
        ReadOne(file, now, share, builder, &replaced);
        if (file->more || Full(*builder)) {
          builder->page()->more = true;
          break;
        }
      }
    }
    if (replaced) builder->page()->more = true;
    return replaced;
  }

  bool Full(const PageBuilder& builder) const {
    return static_cast<int64_t>(builder.size()) >= options_.page_bytes ||
           static_cast<int64_t>(builder.record_count()) >=
               options_.page_records;
  }

  void ReadOne(FollowedFile* file, absl::Time now, int64_t share,
               PageBuilder* builder, bool* replaced) {
    Page* const page = builder->page();
    const uint32_t stream = static_cast<uint32_t>(page->streams.size());
    const size_t before = builder->record_count();
    if (file->orphan) {
      file->Flush(builder, stream);
      files_.Done(file);
      *replaced = true;
      if (builder->record_count() > before) ReportOne(file, page);
      return;
    }
    const FileSet::Ending ending = files_.EndingOf(file, now);
    absl::StatusOr<FollowedFile::ReadResult> result =
        file->Read(builder, stream,
                   static_cast<size_t>(std::min(
                       share, options_.page_bytes -
                                  static_cast<int64_t>(builder->size()))),
                   static_cast<size_t>(options_.page_records) - before,
                   ending != FileSet::Ending::kNone);
    if (!result.ok()) {
      gaps_.push_back({absl::StrCat(result.status().message(), "; the rest of ",
                                    file->identity().path, " is lost")});
      files_.Done(file);
    } else if (result->replaced && !result->more) {
      *replaced = true;
      files_.Replaced(file);
    } else if (result->progress) {
      file->grew = now;
      if (file->is_deleted()) file->mutable_identity()->done = false;
      // To see whether that was its end.
      if (ending == FileSet::Ending::kGone || file->compressed()) {
        page->more = true;
      }
    } else if (!result->more && file->compressed() && file->complete()) {
      files_.Done(file);
    } else if (!result->more && ending == FileSet::Ending::kGone) {
      files_.LetGo(file);
    } else if (!result->more && file->is_deleted() && !file->has_partial() &&
               !file->written_since()) {
      // A restart need not look for it: nobody writes to it.
      file->mutable_identity()->done = true;
    }
    if (builder->record_count() > before) ReportOne(file, page);
  }

  void ReportOne(FollowedFile* file, Page* page) {
    file->reported_position = file->position();
    file->reported_attributes = file->identity().Encode();
    page->streams.push_back(
        {file->stream(), file->reported_position, file->reported_attributes});
  }

  // Adds the streams that moved without a record, gaps and ends.
  void Report(Page* page) {
    for (const auto& file : files_.files()) {
      if (file->position() == file->reported_position &&
          file->identity().Encode() == file->reported_attributes) {
        continue;
      }
      ReportOne(file.get(), page);
    }
    page->gaps = std::exchange(gaps_, {});
    for (SourceGap& gap : files_.TakeGaps()) {
      page->gaps.push_back(std::move(gap));
    }
    page->ended = files_.TakeEnded();
  }

  const FileSourceOptions options_;
  Clock* const clock_;
  FileSet files_;
  DirectoryWatch watch_;
  std::atomic<bool> woken_{false};
  bool loaded_ = false;
  bool scan_now_ = false;
  absl::Time next_scan_ = absl::InfinitePast();
  size_t turn_ = 0;
  std::vector<SourceGap> gaps_;
};

FileSource::FileSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileSource::~FileSource() = default;

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::Create(
    FileSourceOptions options, Clock* clock) {
  if (options.paths.empty()) {
    return absl::InvalidArgumentError("a file source needs a path");
  }
  for (const std::string& path : options.paths) {
    if (path.empty()) {
      return absl::InvalidArgumentError("a path of a file source is empty");
    }
  }
  if (options.max_record_bytes < 1 || options.page_bytes < 1 ||
      options.page_records < 1 || options.max_files < 1 ||
      options.poll_interval <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        "limits of a file source must be greater than zero");
  }
  return std::unique_ptr<FileSource>(
      new FileSource(std::make_unique<Impl>(std::move(options), clock)));
}

absl::StatusOr<Page> FileSource::Fetch(const Cursor& cursor,
                                       absl::Time deadline) {
  return impl_->Fetch(cursor, deadline);
}
// What comes within that time shares a page.
absl::Duration FileSource::pause() const { return absl::Milliseconds(2); }
void FileSource::Wake() { impl_->Wake(); }
int FileSource::wait_fd() const { return impl_->wait_fd(); }
std::vector<std::string> FileSource::problems() const {
  return impl_->problems();
}
int64_t FileSource::backlog_bytes() const { return impl_->backlog_bytes(); }

}  // namespace keywatch
