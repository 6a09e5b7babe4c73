#include "daemon/ingest/byte_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace keywatch {
namespace {

constexpr size_t kMagicBytes = 4;
constexpr size_t kInputBytes = 64 << 10;

// The bytes of the file itself, from its beginning; a pipe's first bytes, read
// to see what it is, are given again.
class RawBytes {
 public:
  RawBytes(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
    struct stat status;
    seekable_ = fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
  }
  RawBytes(const RawBytes&) = delete;
  RawBytes& operator=(const RawBytes&) = delete;
  ~RawBytes() { close(fd_); }

  // At most `size` bytes; 0 at the present end.
  absl::StatusOr<size_t> Read(char* out, size_t size) {
    if (!ahead_.empty()) {
      const size_t n = std::min(size, ahead_.size());
      std::memcpy(out, ahead_.data(), n);
      ahead_.erase(0, n);
      position_ += static_cast<int64_t>(n);
      return n;
    }
    while (true) {
      const ssize_t n =
          seekable_ ? pread(fd_, out, size, position_) : read(fd_, out, size);
      if (n >= 0) {
        position_ += n;
        return static_cast<size_t>(n);
      }
      if (errno == EINTR) continue;
      return absl::ErrnoToStatus(errno, absl::StrCat(name_, ": read"));
    }
  }
  // The first bytes of the file; less than kMagicBytes when it has no more yet.
  absl::StatusOr<std::string> PeekMagic() {
    std::string magic;
    char buffer[kMagicBytes];
    while (magic.size() < kMagicBytes) {
      absl::StatusOr<size_t> n = Read(buffer, kMagicBytes - magic.size());
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      magic.append(buffer, *n);
    }
    position_ = 0;
    if (!seekable_) ahead_ = magic;
    return magic;
  }
  // False when the file can only be read once.
  bool Rewind(int64_t position) {
    if (!seekable_) return position == position_;
    position_ = position;
    return true;
  }

  int fd() const { return fd_; }
  const std::string& name() const { return name_; }
  int64_t position() const { return position_; }
  int64_t size() const {
    struct stat status;
    return fstat(fd_, &status) == 0 ? status.st_size : 0;
  }

 private:
  const int fd_;
  const std::string name_;
  bool seekable_ = false;
  int64_t position_ = 0;
  std::string ahead_;
};

absl::Status EndsBefore(const RawBytes& raw, int64_t position) {
  return absl::OutOfRangeError(
      absl::StrCat(raw.name(), " ends before byte ", position));
}

class PlainFile : public ByteFile {
 public:
  explicit PlainFile(std::unique_ptr<RawBytes> raw) : raw_(std::move(raw)) {}

  absl::StatusOr<size_t> Read(char* out, size_t size) override {
    return raw_->Read(out, size);
  }
  absl::Status Seek(int64_t position) override {
    const int64_t size = raw_->size();
    if (!raw_->Rewind(std::min(position, size)) || position > size) {
      return EndsBefore(*raw_, position);
    }
    return absl::OkStatus();
  }
  int64_t position() const override { return raw_->position(); }
  int64_t raw_position() const override { return raw_->position(); }
  bool compressed() const override { return false; }
  bool complete() const override { return true; }
  int descriptor() const override { return raw_->fd(); }

 private:
  const std::unique_ptr<RawBytes> raw_;
};

// One step of decompression.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // Consumes from the front of `*in`, writes at most `size` bytes. False when
  // the data is damaged.
  virtual bool Step(absl::string_view* in, char* out, size_t size,
                    size_t* written) = 0;
  virtual void Reset() = 0;
  // Between two archives, at least one of which was read.
  virtual bool complete() const = 0;
};

class GzipDecompressor : public Decompressor {
 public:
  GzipDecompressor() {
    // 15 bits of window and the gzip header.
    inflateInit2(&stream_, 15 + 16);
  }
  ~GzipDecompressor() override { inflateEnd(&stream_); }

  bool Step(absl::string_view* in, char* out, size_t size,
            size_t* written) override {
    *written = 0;
    if (complete_) {
      if (in->empty()) return true;
      // Zeros may fill up the last block of a tape; anything else begins the
      // next archive.
      while (absl::StartsWith(*in, absl::string_view("\0", 1))) {
        in->remove_prefix(1);
      }
      if (in->empty()) return true;
      inflateReset(&stream_);
      complete_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in->data()));
    stream_.avail_in = static_cast<uInt>(in->size());
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(size);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    in->remove_prefix(in->size() - stream_.avail_in);
    *written = size - stream_.avail_out;
    if (result == Z_STREAM_END) complete_ = true;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
  }
  void Reset() override {
    inflateReset(&stream_);
    complete_ = false;
  }
  bool complete() const override { return complete_; }

 private:
  z_stream stream_ = {};
  bool complete_ = false;
};

class ZstdDecompressor : public Decompressor {
 public:
  ZstdDecompressor() : stream_(ZSTD_createDStream()) { Reset(); }
  ~ZstdDecompressor() override { ZSTD_freeDStream(stream_); }

  bool Step(absl::string_view* in, char* out, size_t size,
            size_t* written) override {
    ZSTD_inBuffer input = {in->data(), in->size(), 0};
    ZSTD_outBuffer output = {out, size, 0};
    const size_t result = ZSTD_decompressStream(stream_, &output, &input);
    *written = output.pos;
    in->remove_prefix(input.pos);
    if (ZSTD_isError(result)) return false;
    if (input.pos > 0 || output.pos > 0) complete_ = result == 0;
    return true;
  }
  void Reset() override {
    ZSTD_DCtx_reset(stream_, ZSTD_reset_session_only);
    complete_ = false;
  }
  bool complete() const override { return complete_; }

 private:
  ZSTD_DStream* const stream_;
  bool complete_ = false;
};

class CompressedFile : public ByteFile {
 public:
  CompressedFile(std::unique_ptr<RawBytes> raw,
                 std::unique_ptr<Decompressor> decompressor)
      : raw_(std::move(raw)),
        decompressor_(std::move(decompressor)),
        buffer_(kInputBytes) {}

  absl::StatusOr<size_t> Read(char* out, size_t size) override {
    size_t total = 0;
    while (total < size) {
      if (!damage_.ok()) {
        if (total > 0) break;
        return damage_;
      }
      size_t written = 0;
      const size_t before = input_.size();
      if (!decompressor_->Step(&input_, out + total, size - total, &written)) {
        damage_ = absl::DataLossError(absl::StrCat(
            raw_->name(), ": compressed data is damaged near byte ",
            raw_->position() - static_cast<int64_t>(before)));
      }
      total += written;
      if (written > 0 || input_.size() < before || !damage_.ok()) continue;
      absl::StatusOr<size_t> n = raw_->Read(buffer_.data(), buffer_.size());
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      input_ = absl::string_view(buffer_.data(), *n);
    }
    position_ += static_cast<int64_t>(total);
    return total;
  }

  absl::Status Seek(int64_t position) override {
    if (position < position_) {
      if (!raw_->Rewind(0)) return EndsBefore(*raw_, position);
      decompressor_->Reset();
      input_ = absl::string_view();
      damage_ = absl::OkStatus();
      position_ = 0;
    }
    std::vector<char> waste(kInputBytes);
    while (position_ < position) {
      const size_t want = static_cast<size_t>(std::min<int64_t>(
          static_cast<int64_t>(waste.size()), position - position_));
      absl::StatusOr<size_t> n = Read(waste.data(), want);
      if (!n.ok()) return n.status();
      if (*n == 0) return EndsBefore(*raw_, position);
    }
    return absl::OkStatus();
  }

  int64_t position() const override { return position_; }
  int64_t raw_position() const override { return raw_->position(); }
  bool compressed() const override { return true; }
  bool complete() const override {
    return decompressor_->complete() && input_.empty();
  }
  int descriptor() const override { return raw_->fd(); }

 private:
  const std::unique_ptr<RawBytes> raw_;
  const std::unique_ptr<Decompressor> decompressor_;
  std::vector<char> buffer_;
  absl::string_view input_;  // of buffer_, not yet decompressed
  int64_t position_ = 0;
  absl::Status damage_;
};

}  // namespace

namespace {

// Not blocking: a FIFO in a log directory must not hold the daemon up.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

// Opens the file step by step below the first `fixed` bytes of the path, so that
// nobody can put a link into the way meanwhile.
int OpenBelow(const std::string& path, size_t fixed) {
  int fd = open(fixed == 0 ? "." : path.substr(0, fixed).c_str(),
                O_PATH | O_DIRECTORY | O_CLOEXEC);
  const std::vector<std::string> parts =
      absl::StrSplit(path.substr(fixed), '/', absl::SkipEmpty());
  for (size_t i = 0; fd >= 0 && i < parts.size(); ++i) {
    const int flags =
        i + 1 < parts.size() ? O_PATH | O_DIRECTORY | O_CLOEXEC : kOpenFlags;
    const int next = openat(fd, parts[i].c_str(), flags | O_NOFOLLOW);
    const int error = errno;
    close(fd);
    errno = error;
    fd = next;
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteFile>> ByteFile::Open(
    const std::string& path, size_t fixed) {
  const int fd = fixed >= path.size() ? open(path.c_str(), kOpenFlags)
                                      : OpenBelow(path, fixed);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a regular file"));
  }
  return FromDescriptor(fd, path);
}

absl::StatusOr<std::unique_ptr<ByteFile>> ByteFile::FromDescriptor(
    int fd, std::string name) {
  auto raw = std::make_unique<RawBytes>(fd, std::move(name));
  absl::StatusOr<std::string> magic = raw->PeekMagic();
  if (!magic.ok()) return magic.status();
  std::unique_ptr<ByteFile> file;
  if (absl::StartsWith(*magic, "\x1f\x8b")) {
    file = std::make_unique<CompressedFile>(
        std::move(raw), std::make_unique<GzipDecompressor>());
  } else if (*magic == "\x28\xb5\x2f\xfd") {
    file = std::make_unique<CompressedFile>(
        std::move(raw), std::make_unique<ZstdDecompressor>());
  } else {
    file = std::make_unique<PlainFile>(std::move(raw));
  }
  return file;
}

struct stat ByteFile::Stat() const {
  struct stat status = {};
  if (fstat(descriptor(), &status) != 0)
    std::memset(&status, 0, sizeof(status));
  return status;
}

}  // namespace keywatch
