#ifndef DAEMON_HISTORY_HISTORY_READER_H_
#define DAEMON_HISTORY_HISTORY_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/core/event.h"
#include "daemon/history/history_event.h"
#include "daemon/history/segment.h"

namespace keywatch {

// Some events of the history, in the order in which the engine saw them.
struct HistoryPage {
  std::shared_ptr<const HistorySchema> schema;
  std::vector<HistoryEvent> events;
  // Owns what the events point into.
  std::shared_ptr<EventBatch> batch;
};

// HistoryReader reads a history directory from the oldest event on, also while
// the daemon writes to it. Damaged stretches are skipped and told in problems().
// Thread-compatible.
class HistoryReader {
 public:
  // Events before `since` and from `until` on are left out. NOT_FOUND when
  // there is no such directory, PERMISSION_DENIED when it may not be read.
  static absl::StatusOr<HistoryReader> Open(const std::string& directory,
                                            EventTime since = kMinEventTime,
                                            EventTime until = kMaxEventTime);

  // The next page that is not empty; one without events is the end.
  absl::StatusOr<HistoryPage> Next();

  // What was skipped, for people: file, place, size.
  const std::vector<std::string>& problems() const { return problems_; }
  int64_t bytes_done() const { return bytes_done_; }
  int64_t bytes_total() const { return bytes_total_; }

 private:
  HistoryReader() = default;
  bool OpenSegment();
  // Reads the segment's next block into `page`; false at its end.
  bool ReadBlock(HistoryPage* page);
  // Moves to the next place that looks like a block, and tells.
  void SkipDamage();

  EventTime since_ = kMinEventTime;
  EventTime until_ = kMaxEventTime;
  std::vector<Segment> segments_;
  size_t next_segment_ = 0;
  // The segment that is being read, as a whole.
  std::string bytes_;
  size_t offset_ = 0;
  bool last_segment_ = false;
  std::shared_ptr<const HistorySchema> schema_;
  std::vector<std::string> problems_;
  int64_t bytes_done_ = 0;
  int64_t bytes_total_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_HISTORY_HISTORY_READER_H_
