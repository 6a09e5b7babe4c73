#ifndef DAEMON_INGEST_LOG_SOURCE_H_
#define DAEMON_INGEST_LOG_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/event.h"

namespace keywatch {

// Where a source stands: one entry per stream (a followed file, a feed).
struct StreamPosition {
  std::string stream;      // stable name; for files device, inode and hash
  int64_t position = 0;    // the next byte or record to read
  std::string attributes;  // the source's own, e.g. path and hash of the head
};
struct Cursor {
  std::vector<StreamPosition> streams;
};

// One raw entry as the source gave it, without the end of line. Points into
// the page's `data`, which has at least 64 readable bytes after it (what the
// JSON parser wants).
struct Record {
  absl::string_view bytes;
  uint32_t stream = 0;  // index into Page::streams
  int64_t begin = 0;    // position of the record in its stream,
  int64_t end = 0;      // and of what follows it
  // The record was longer than the limit: `bytes` is its beginning.
  bool truncated = false;
};

// Why a source was blind.
enum class GapKind {
  kDown,           // the daemon did not run, and nobody kept what came
  kUnreachable,    // the source could not be read
  kCursorExpired,  // the peer no longer knows the place where reading stopped
  kRotatedAway,    // what was not yet read was deleted or overwritten
  kRejected,       // records came, and no event could be made of any
};
constexpr int kGapKinds = 5;
// "down", "unreachable", "cursor expired", "rotated away", "rejected".
absl::string_view GapKindName(GapKind kind);

// Records were lost, as far as the source can tell: after what it gave before,
// and before what it gives next.
struct SourceGap {
  std::string reason;  // what exactly happened, for people
  GapKind kind = GapKind::kRotatedAway;
};

// What one Fetch gave.
struct Page {
  // Owns the bytes of the records; events keep it alive.
  std::shared_ptr<const std::string> data;
  std::vector<Record> records;
  // Every stream that a record names or whose position changed: the positions
  // after this page.
  std::vector<StreamPosition> streams;
  // Streams that are gone for good and read to their end.
  std::vector<std::string> ended;
  std::vector<SourceGap> gaps;
  // More is there right now: fetch again at once.
  bool more = false;
};

// How the bytes of a source are cut into records; declared by the format.
struct Framing {
  enum class Kind {
    // A record is a line.
    kLines,
    // A record is a JSON value: on a line of its own, spread over many lines,
    // or an element of an array. Which of these, a stream's beginning tells.
    kJsonValues,
  };
  Kind kind = Kind::kLines;
  // With kJsonValues: `{"<records>": [...]}` holds a record per element.
  std::string records;
};

// LogSource reads records. No retry, no sleep, no log inside: the pipeline
// decides when to fetch again. It may keep files open and remember what it has
// seen, but a new instance given the same cursor goes on in the same place.
// Thread-compatible, but for Wake.
class LogSource {
 public:
  virtual ~LogSource() = default;

  // Reads what comes after `cursor`; called with the cursor that the last page
  // led to. An empty page means that nothing is there now. Waits at most until
  // `deadline` for something to come, and need not wait at all. UNAVAILABLE,
  // DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED (asked to slow down), UNAUTHENTICATED,
  // NOT_FOUND and others as the peer failed; nothing is lost by an error.
  virtual absl::StatusOr<Page> Fetch(const Cursor& cursor,
                                     absl::Time deadline) = 0;

  // Whether reading again from an earlier cursor gives the same records, byte
  // for byte. If not, records that wait in the reorder buffer are stored.
  virtual bool rereadable() const = 0;

  // Least time between two fetches when there is nothing more, and after the
  // failures so far (backoff with jitter, Retry-After).
  virtual absl::Duration pause() const = 0;

  // Ends a waiting Fetch early, or the next one that would wait. Any thread.
  virtual void Wake() {}

  // A file descriptor that turns readable when a Fetch may find something, so
  // that several sources can be waited for at once; -1 when there is none.
  virtual int wait_fd() const { return -1; }

  // What stands in the way of a part of the source while the rest goes on: a
  // file that may not be read. For people; each says what to do.
  virtual std::vector<std::string> problems() const { return {}; }
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_LOG_SOURCE_H_
