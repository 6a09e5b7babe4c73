#ifndef DAEMON_APP_SOURCE_WORKER_H_
#define DAEMON_APP_SOURCE_WORKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/core/event.h"
#include "daemon/core/ids.h"
#include "daemon/ingest/enricher.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/log_source.h"
#include "daemon/rules/rule_set.h"
#include "daemon/store/store.h"

namespace keywatch {

// One page of a source after the stateless half of the work: decoded and
// matched, in the order of the source.
struct DecodedPage {
  uint32_t source = 0;
  std::shared_ptr<EventBatch> batch;
  std::vector<Reject> rejects;  // of records that were not read before
  // Their places: for each how many events of the batch came before it.
  std::vector<size_t> rejects_at;
  int64_t records = 0;  // that were not read before
  // Streams that moved, by the worker's stable index.
  struct Stream {
    uint32_t index = 0;
    std::string name;
    int64_t position = 0;  // of the next record
    // The furthest position ever read to, also before a restart.
    int64_t read = 0;
    std::string attributes;
  };
  std::vector<Stream> streams;
  std::vector<std::string> ended;
  std::vector<SourceGap> gaps;
  bool more = false;
  // The clock when the page was read; kMaxEventTime in virtual time.
  EventTime received_ms = kMaxEventTime;
  // Of the records, as the source gave them.
  int64_t bytes = 0;
};

// SourceWorker does what needs no order between sources: fetch, decode, match.
// It owns its source's place. One thread at a time (thread-compatible); several
// workers run in parallel.
class SourceWorker {
 public:
  struct Options {
    uint32_t index = 0;  // of the source in the pipeline
    SourceId id;
    // Keep each record's text: to store those that wait when the source cannot
    // be read again.
    bool keep_raw = false;
    DecodeLimits limits;
    FormatOverrides overrides;
    const Enricher* enricher = nullptr;  // may be null; outlives the worker
  };

  // `redactor` must outlive the worker. `cursors` are the source's committed
  // cursors: reading starts at their `position`, and records before their
  // `read` are marked as read before.
  SourceWorker(Options options, std::unique_ptr<LogSource> source,
               const Format& format, std::shared_ptr<const RuleSet> rules,
               const Redactor* redactor,
               const std::vector<StreamCursor>& cursors);

  // The next page, or the source's error; the place moves only on success.
  absl::StatusOr<DecodedPage> Next(absl::Time deadline);

  // Decodes and matches one stored record (see PendingRecord) into `batch`;
  // gives the number of events added.
  size_t DecodePending(absl::string_view record, EventBatch* batch);

  const DecodeCounts& decode_counts() const { return decoder_->counts(); }
  // What the source waits between fetches, and what it cannot read.
  absl::Duration pause() const { return source_->pause(); }
  std::vector<std::string> problems() const { return source_->problems(); }
  // Ends a Next that waits. Any thread.
  void Wake() { source_->Wake(); }
  uint32_t index() const { return options_.index; }
  const SourceId& id() const { return options_.id; }

 private:
  uint32_t StreamIndex(const std::string& name);
  void MatchEvents(size_t first, EventBatch* batch);

  const Options options_;
  const std::unique_ptr<LogSource> source_;
  const std::shared_ptr<const RuleSet> rules_;
  const std::unique_ptr<RecordDecoder> decoder_;
  const std::unique_ptr<Matcher> matcher_;

  Cursor cursor_;
  absl::flat_hash_map<std::string, uint32_t> stream_index_;
  // By stream index: records that begin before it were read before.
  std::vector<int64_t> read_before_;
  std::vector<uint32_t> matches_;  // scratch
};

}  // namespace keywatch

#endif  // DAEMON_APP_SOURCE_WORKER_H_
