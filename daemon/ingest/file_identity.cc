#include "daemon/ingest/file_identity.h"

#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "xxhash.h"

namespace keywatch {
namespace {

bool ReadHex(absl::string_view text, uint64_t* value) {
  return absl::SimpleHexAtoi(text, value);
}

// "<number>:<hash>"
bool ReadHashed(absl::string_view text, int64_t* number, uint64_t* hash) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  return absl::SimpleAtoi(parts.first, number) && *number >= 0 &&
         ReadHex(parts.second, hash);
}

}  // namespace

uint64_t HashBytes(absl::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string FileIdentity::Encode() const {
  return absl::StrFormat("2 %d %x:%x %d:%x %d:%x %d %d %s", order, device,
                         inode, head_size, head_hash, mark, mark_hash,
                         (done ? 1 : 0) + (rotated ? 2 : 0),
                         static_cast<int>(mode), path);
}

bool FileIdentity::Decode(absl::string_view text, FileIdentity* identity) {
  identity->order = 0;
  if (absl::ConsumePrefix(&text, "2 ")) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits(' ', 1));
    if (!absl::SimpleAtoi(parts.first, &identity->order)) return false;
    text = parts.second;
  } else if (!absl::ConsumePrefix(&text, "1 ")) {
    return false;
  }
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::MaxSplits(' ', 5));
  if (words.size() != 6) return false;
  const std::pair<absl::string_view, absl::string_view> file =
      absl::StrSplit(words[0], absl::MaxSplits(':', 1));
  int state = 0;
  int mode = 0;
  if (!ReadHex(file.first, &identity->device) ||
      !ReadHex(file.second, &identity->inode) ||
      !ReadHashed(words[1], &identity->head_size, &identity->head_hash) ||
      !ReadHashed(words[2], &identity->mark, &identity->mark_hash) ||
      !absl::SimpleAtoi(words[3], &state) ||
      !absl::SimpleAtoi(words[4], &mode) || mode < 0 || mode > 2) {
    return false;
  }
  identity->done = (state & 1) != 0;
  identity->rotated = (state & 2) != 0;
  identity->mode = static_cast<Framer::Mode>(mode);
  identity->path = std::string(words[5]);
  return true;
}

absl::StatusOr<std::string> ReadAt(const ByteFile& file, int64_t position,
                                   size_t size) {
  std::string bytes(size, '\0');
  size_t got = 0;
  while (got < size) {
    const ssize_t n = pread(file.descriptor(), &bytes[got], size - got,
                            position + static_cast<int64_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "read");
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

absl::StatusOr<std::string> ReadHead(ByteFile* file) {
  constexpr size_t kBytes = static_cast<size_t>(FileIdentity::kHeadBytes);
  absl::Status status = file->Seek(0);
  if (!status.ok()) return status;
  std::string head(kBytes, '\0');
  size_t got = 0;
  while (got < kBytes) {
    absl::StatusOr<size_t> n = file->Read(&head[got], kBytes - got);
    if (!n.ok()) return n.status();
    if (*n == 0) break;
    got += *n;
  }
  head.resize(got);
  status = file->Seek(0);
  if (!status.ok()) return status;
  return head;
}

std::string PathStem(absl::string_view path) {
  for (absl::string_view suffix : {".gz", ".zst", ".zstd"}) {
    if (absl::ConsumeSuffix(&path, suffix)) break;
  }
  const size_t slash = path.rfind('/');
  const size_t name = slash == absl::string_view::npos ? 0 : slash + 1;
  std::string stem(path.substr(0, name));
  for (size_t i = name; i < path.size();) {
    const char c = path[i];
    if ((c == '.' || c == '-' || c == '_') && i > name && i + 1 < path.size() &&
        absl::ascii_isdigit(path[i + 1])) {
      // A number or a time: `.1`, `-20260101`, `_2026-01-01T00:00`.
      ++i;
      while (i < path.size() &&
             (absl::ascii_isdigit(path[i]) || path[i] == ':' ||
              path[i] == 'T' || path[i] == 'Z')) {
        ++i;
      }
      continue;
    }
    stem.push_back(c);
    ++i;
  }
  return stem;
}

}  // namespace keywatch
