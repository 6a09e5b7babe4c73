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

// One page of a source as it was read, on its way to a PageDecoder.
struct FetchedPage {
  std::shared_ptr<const std::string> data;  // owns the bytes of the records
  std::vector<Record> records;
  std::vector<uint32_t> index_of;    // of the records' streams: stable indexes
  std::vector<int64_t> read_before;  // and up to where they were read before
  // All but what is decoded.
  DecodedPage page;
};

// PageReader fetches the pages of a source and keeps its place. One thread at a
// time (thread-compatible).
class PageReader {
 public:
  // `index` is that of the source in the pipeline. `cursors` are the source's
  // committed cursors: reading starts at their `position`, and records before
  // their `read` are marked as read before.
  PageReader(uint32_t index, std::unique_ptr<LogSource> source,
             const std::vector<StreamCursor>& cursors);

  // The next page, or the source's error; the place moves only on success.
  absl::StatusOr<FetchedPage> Next(absl::Time deadline);

  LogSource& source() { return *source_; }
  const LogSource& source() const { return *source_; }

 private:
  uint32_t StreamIndex(const std::string& name);

  const uint32_t index_;
  const std::unique_ptr<LogSource> source_;
  Cursor cursor_;
  absl::flat_hash_map<std::string, uint32_t> stream_index_;
  // By stream index: records that begin before it were read before.
  std::vector<int64_t> read_before_;
};

// PageDecoder makes events of records, and matches them. It needs no order: the
// pages of a source may be decoded at the same time, each by a decoder of its
// own. One thread at a time (thread-compatible).
class PageDecoder {
 public:
  struct Options {
    // Keep each record's text: to store those that wait when the source cannot
    // be read again.
    bool keep_raw = false;
    DecodeLimits limits;
    FormatOverrides overrides;
    const Enricher* enricher = nullptr;  // may be null; outlives the decoder
  };

  // `redactor` must outlive the decoder.
  PageDecoder(const Options& options, const Format& format,
              std::shared_ptr<const RuleSet> rules, const Redactor* redactor);

  DecodedPage Decode(FetchedPage fetched);

  // Decodes and matches one stored record (see PendingRecord) of the source
  // with this index into `batch`; gives the number of events added.
  size_t DecodePending(uint32_t source, absl::string_view record,
                       EventBatch* batch);

  const DecodeCounts& counts() const { return decoder_->counts(); }

 private:
  void MatchEvents(size_t first, EventBatch* batch);

  const bool keep_raw_;
  const std::unique_ptr<RecordDecoder> decoder_;
  const std::unique_ptr<Matcher> matcher_;
  std::vector<uint32_t> matches_;  // scratch
};

// SourceWorker does what needs no order between sources: fetch, decode, match.
// One thread at a time (thread-compatible); several workers run in parallel.
class SourceWorker {
 public:
  struct Options {
    uint32_t index = 0;  // of the source in the pipeline
    SourceId id;
    PageDecoder::Options decoder;
  };

  // As PageReader and PageDecoder.
  SourceWorker(Options options, std::unique_ptr<LogSource> source,
               const Format& format, std::shared_ptr<const RuleSet> rules,
               const Redactor* redactor,
               const std::vector<StreamCursor>& cursors);

  // The next page, or the source's error; the place moves only on success.
  absl::StatusOr<DecodedPage> Next(absl::Time deadline);

  size_t DecodePending(absl::string_view record, EventBatch* batch) {
    return decoder_.DecodePending(options_.index, record, batch);
  }

  const DecodeCounts& decode_counts() const { return decoder_.counts(); }
  // What the source waits between fetches, and what it cannot read.
  absl::Duration pause() const { return reader_.source().pause(); }
  std::vector<std::string> problems() const {
    return reader_.source().problems();
  }
  // Ends a Next that waits. Any thread.
  void Wake() { reader_.source().Wake(); }
  uint32_t index() const { return options_.index; }
  const SourceId& id() const { return options_.id; }

 private:
  const Options options_;
  PageReader reader_;
  PageDecoder decoder_;
};

}  // namespace keywatch

#endif  // DAEMON_APP_SOURCE_WORKER_H_
