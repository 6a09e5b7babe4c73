#ifndef DAEMON_INGEST_PUSH_SOURCE_H_
#define DAEMON_INGEST_PUSH_SOURCE_H_

#include <cstdint>
#include <memory>

#include "daemon/ingest/log_source.h"
#include "daemon/ingest/push_queue.h"

namespace keywatch {

// PushSource gives the records that were pushed into a PushQueue, numbered in
// the order in which they came. Cannot be read again: what was pushed and not
// committed is sent again by the sender. Thread-compatible, but for Wake.
class PushSource : public LogSource {
 public:
  // `queue` must outlive the source; no other source reads it meanwhile.
  PushSource(int64_t max_record_bytes, PushQueue* queue)
      : max_record_bytes_(max_record_bytes), queue_(queue) {
    queue_->Begin();
  }

  absl::StatusOr<Page> Fetch(const Cursor& cursor,
                             absl::Time deadline) override;
  bool rereadable() const override { return false; }
  absl::Duration pause() const override { return absl::ZeroDuration(); }
  void Wake() override { queue_->Wake(); }

 private:
  const int64_t max_record_bytes_;
  PushQueue* const queue_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_PUSH_SOURCE_H_
