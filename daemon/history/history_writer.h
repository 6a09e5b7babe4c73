#ifndef DAEMON_HISTORY_HISTORY_WRITER_H_
#define DAEMON_HISTORY_HISTORY_WRITER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/history/block.h"
#include "daemon/history/block_packer.h"
#include "daemon/history/history_event.h"

namespace keywatch {

// How much of the history is committed. Kept in the transaction that commits
// the events themselves.
struct HistoryPosition {
  uint64_t segment = 0;
  int64_t bytes = 0;  // length of that segment
  EventTime newest_ms = kMinEventTime;

  std::string Encode() const;
  static absl::optional<HistoryPosition> Decode(absl::string_view text);

  friend bool operator==(const HistoryPosition& a, const HistoryPosition& b) {
    return a.segment == b.segment && a.bytes == b.bytes &&
           a.newest_ms == b.newest_ms;
  }
};

struct HistoryWriterOptions {
  std::string directory;  // made when it is not there, mode 0700
  // A new segment begins after so much event time, or so many bytes.
  absl::Duration segment_span = absl::Hours(1);
  int64_t segment_bytes = int64_t{64} << 20;
  uint32_t block_bytes = 1 << 20;  // of payload
  // Nothing is written when the disk has less: alerts come first.
  int64_t keep_free_bytes = int64_t{256} << 20;
};

// HistoryWriter appends events to segment files. What Flush wrote counts only
// once its position() is committed elsewhere; Recover cuts off the rest:
//
//   writer->Recover(committed);          // after a start
//   writer->SetSchema(schema, slots);
//   writer->Add(event); ...
//   absl::Status status = writer->Flush();
//   Commit(writer->position());
//
// One thread writes (thread-compatible); current_segment() is safe from any.
class HistoryWriter {
 public:
  static absl::StatusOr<std::unique_ptr<HistoryWriter>> Open(
      HistoryWriterOptions options);
  ~HistoryWriter();

  // Continues where the last commit stood; nullopt: nothing was ever committed.
  // What is in the directory beyond that is set aside (".aside"), never read,
  // and goes with the rest in time; within the segment it is cut off. `say` is
  // called with what a person should know.
  absl::Status Recover(const absl::optional<HistoryPosition>& committed,
                       const std::function<void(const std::string&)>& say);

  // What Add understands from now on: field i is slot `slots[i]` of the
  // events, and their source is an index into the schema's.
  void SetSchema(const HistorySchema& schema, std::vector<Slot> slots);

  void Add(const Event& event);

  // Writes all that was added. On an error (disk full, I/O) nothing of it is in
  // the history and it is forgotten: RESOURCE_EXHAUSTED or UNAVAILABLE.
  absl::Status Flush();
  // Forgets what was added.
  void Discard();

  // Events added since the last Flush, and the stretch of time they cover.
  int64_t added() const { return added_; }
  EventTime added_oldest_ms() const { return added_oldest_; }
  EventTime added_newest_ms() const { return added_newest_; }

  const HistoryPosition& position() const { return position_; }
  uint64_t current_segment() const {
    return current_segment_.load(std::memory_order_relaxed);
  }
  const std::string& directory() const { return options_.directory; }

 private:
  explicit HistoryWriter(HistoryWriterOptions options)
      : options_(std::move(options)) {}

  void CloseBlock();
  absl::Status BeginSegmentIfDue();
  absl::Status Append(absl::string_view bytes);
  void Close();

  const HistoryWriterOptions options_;
  HistorySchema schema_;
  std::vector<Slot> slots_;
  bool schema_written_ = false;  // in the current segment

  HistoryPosition position_;
  std::atomic<uint64_t> current_segment_{0};
  EventTime segment_begin_ = kMinEventTime;
  int fd_ = -1;

  // Events that wait for the Flush: finished blocks, and the one being filled.
  BlockPacker packer_;
  std::string payload_;
  BlockHeader header_;
  EventTime last_ms_ = 0;
  int64_t added_ = 0;
  EventTime added_first_ = kMinEventTime;
  EventTime added_oldest_ = kMaxEventTime;
  EventTime added_newest_ = kMinEventTime;
};

// Removes the oldest segments (and what was set aside) that nothing was
// written to for `retention`, or that are more than `max_bytes` together; never
// the segment `current`. Gives the bytes that are left. Any thread.
absl::StatusOr<int64_t> PruneHistory(const std::string& directory,
                                     uint64_t current, absl::Duration retention,
                                     int64_t max_bytes, absl::Time now);

}  // namespace keywatch

#endif  // DAEMON_HISTORY_HISTORY_WRITER_H_
