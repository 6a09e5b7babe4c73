#include "daemon/ingest/replay_source.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/ingest/byte_file.h"
#include "daemon/ingest/framer.h"
#include "daemon/ingest/page_builder.h"

namespace keywatch {

class ReplaySource::Impl {
 public:
  explicit Impl(ReplaySourceOptions options) : options_(std::move(options)) {}

  absl::Status Open() {
    for (const std::string& path : options_.paths) {
      absl::StatusOr<std::unique_ptr<ByteFile>> file =
          path == "-" ? ByteFile::FromDescriptor(dup(STDIN_FILENO), "-")
                      : ByteFile::Open(path);
      if (!file.ok()) return file.status();
      const struct stat status = (*file)->Stat();
      if (S_ISREG(status.st_mode)) {
        total_ += status.st_size;
      } else {
        total_known_ = false;
      }
      files_.push_back(*std::move(file));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Peek(size_t bytes) {
    if (files_.empty()) return std::string();
    // What is read ahead is given by the first Fetch.
    while (left_over_.size() < bytes) {
      std::string buffer(bytes - left_over_.size(), '\0');
      absl::StatusOr<size_t> n = files_[0]->Read(&buffer[0], buffer.size());
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      left_over_.append(buffer, 0, *n);
    }
    return left_over_.substr(0, bytes);
  }

  void SetFraming(const Framing& framing) { options_.framing = framing; }

  absl::StatusOr<Page> Fetch() {
    absl::StatusOr<Page> page = FetchNext();
    bytes_done_ =
        before_ +
        (current_ < files_.size() ? files_[current_]->raw_position() : 0);
    return page;
  }

  bool done() const { return current_ >= files_.size(); }
  int64_t bytes_done() const { return bytes_done_; }
  int64_t bytes_total() const { return total_known_ ? total_ : 0; }

 private:
  absl::StatusOr<Page> FetchNext() {
    while (current_ < files_.size()) {
      if (framer_ == nullptr) {
        framer_ = std::make_unique<Framer>(options_.framing,
                                           options_.max_record_bytes);
        position_ = 0;
      }
      absl::StatusOr<Page> page = FetchFrom(files_[current_].get());
      if (!page.ok()) {
        NextFile();
        return page.status();
      }
      if (!page->records.empty()) return page;
    }
    return std::move(PageBuilder()).Finish();
  }

  void NextFile() {
    before_ += files_[current_]->raw_position();
    // Its descriptor is not needed any more.
    files_[current_].reset();
    ++current_;
    framer_.reset();
    left_over_.clear();
  }

  absl::StatusOr<Page> FetchFrom(ByteFile* file) {
    PageBuilder builder;
    const size_t chunk = static_cast<size_t>(options_.page_bytes);
    std::copy(left_over_.begin(), left_over_.end(),
              builder.Extend(left_over_.size()));
    left_over_.clear();
    absl::Status damage;
    size_t got = 0;
    bool end = false;
    // Pipes give little at a time.
    while (got < chunk) {
      char* const out = builder.Extend(chunk - got);
      absl::StatusOr<size_t> n = file->Read(out, chunk - got);
      builder.Shrink(chunk - got - n.value_or(0));
      if (!n.ok()) {
        damage = n.status();
        break;
      }
      got += *n;
      if (*n == 0) {
        end = true;
        break;
      }
    }
    if (end && !file->complete()) {
      damage = absl::DataLossError(absl::StrCat(
          options_.paths[current_], ": compressed data ends early, at byte ",
          file->raw_position()));
    }
    const bool final = end || !damage.ok();
    if (final && pending_.ok()) pending_ = damage;

    std::vector<Framer::Record> records;
    const absl::string_view text = builder.Since(0);
    const size_t used = framer_->Cut(text, final, SIZE_MAX, &records);
    builder.Add(records, 0, position_, 0);
    position_ += static_cast<int64_t>(used);
    left_over_.assign(text.data() + used, text.size() - used);
    builder.page()->streams.push_back(
        {options_.paths[current_], position_, ""});
    if (final) {
      // First what could be read; the error comes with the next call.
      if (!pending_.ok() && records.empty()) {
        return std::exchange(pending_, absl::OkStatus());
      }
      if (pending_.ok()) NextFile();
    }
    builder.page()->more = current_ < files_.size();
    return std::move(builder).Finish();
  }

  ReplaySourceOptions options_;
  std::vector<std::unique_ptr<ByteFile>> files_;
  size_t current_ = 0;
  std::unique_ptr<Framer> framer_;  // of the current file
  std::string left_over_;
  int64_t position_ = 0;
  absl::Status pending_;
  int64_t before_ = 0;  // bytes of the files that are done
  std::atomic<int64_t> bytes_done_{0};
  int64_t total_ = 0;
  bool total_known_ = true;
};

ReplaySource::ReplaySource(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
ReplaySource::~ReplaySource() = default;

absl::StatusOr<std::unique_ptr<ReplaySource>> ReplaySource::Create(
    ReplaySourceOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  absl::Status status = impl->Open();
  if (!status.ok()) return status;
  return std::unique_ptr<ReplaySource>(new ReplaySource(std::move(impl)));
}

absl::StatusOr<std::string> ReplaySource::Peek(size_t bytes) {
  return impl_->Peek(bytes);
}
void ReplaySource::SetFraming(const Framing& framing) {
  impl_->SetFraming(framing);
}
absl::StatusOr<Page> ReplaySource::Fetch(const Cursor& /*cursor*/,
                                         absl::Time /*deadline*/) {
  return impl_->Fetch();
}
bool ReplaySource::done() const { return impl_->done(); }
int64_t ReplaySource::bytes_done() const { return impl_->bytes_done(); }
int64_t ReplaySource::bytes_total() const { return impl_->bytes_total(); }

}  // namespace keywatch
