#ifndef DAEMON_APP_PIPELINE_H_
#define DAEMON_APP_PIPELINE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "daemon/app/coverage_ledger.h"
#include "daemon/app/seen_ids.h"
#include "daemon/app/source_worker.h"
#include "daemon/core/detection.h"
#include "daemon/core/event.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/key_profiler.h"
#include "daemon/engine/reorder_buffer.h"
#include "daemon/rules/rule_set.h"
#include "daemon/store/store.h"

namespace keywatch {

// What the pipeline must know of one source.
struct PipelineSource {
  SourceId id;
  absl::Duration allowed_lateness;
  bool rereadable = true;
  // Drop events whose id was seen within `dedup_horizon`.
  bool dedup = true;
  absl::Duration dedup_horizon = absl::Minutes(30);
  // Index of an earlier source that gives events of the same origin: an id
  // counts once over both. -1: none.
  int seen_with = -1;
  // False when its events are what was done to keys, not with them: a key's
  // profile counts requests.
  bool requests = true;
  // An event that is further ahead of the clock (DecodedPage::received_ms) is
  // held back from event time.
  absl::Duration max_future = absl::InfiniteDuration();
  // One of the daemon's own: no account is kept of its coverage.
  bool control = false;
  // What comes while the daemon is down is lost.
  bool lost_while_down = false;
  // Its events bear on no other event: they are observed at once, and move no
  // watermark.
  bool unordered = false;
  // It is known at once what it has up to now: it is never idle, and no event
  // time goes past the clock by which it was last read.
  bool clocked = false;
};

// Pipeline is the stateful half of the data path, the same for live running,
// restart, replay and rule tests:
//
//   pages ─► duplicates ─► late? ─► reorder buffer ─► engine ─► checkpoint
//
// It reads no clock and does no I/O. One thread (thread-compatible).
//
// Time. A source's watermark is its newest event time minus its allowed
// lateness; the pipeline's is the least of those that are not idle, and never
// goes back. Both move with every event, not with every page, so that where a
// page happens to end changes nothing. An event at or before the pipeline's
// watermark is late: it is observed as such, at once; all others wait and are
// observed in order. A source that is idle, or cannot be read, holds back no
// other; when all are, everything that waits is observed, and the watermark
// stands at the newest event. The clock never moves it: what is delivered after
// a pause, of whatever time, is in order as long as no newer event was seen.
// What no event brings, such as an absence, the clock brings by itself
// (Engine::AdvanceClock): it is known up to when each source was heard. An
// event from too far ahead of the clock is observed like a late one and moves
// nothing: a peer whose clock is wrong must not make the events of others late.
//
// Memory. Of events that wait no more than `max_waiting_bytes` are held: beyond
// that the oldest are observed although the watermark has not passed them, and
// what comes after them is late. HoldsTooMuch says so in time.
//
// Restart. A checkpoint stores the watermark W, and for every stream two
// positions: `position`, before the oldest record that still waits, and `read`,
// behind the newest one read. After a restart records from `position` on are
// read again; of those before `read`, the ones at or before W were observed
// and are skipped, the others wait again. Until all of them do, the source's
// watermark stands: whatever the order in which its streams are read, what
// waited is not late. For a source that cannot be read again the waiting
// records themselves are stored.
class Pipeline {
 public:
  struct Options {
    // Events that match no rule are of no use (replay without a store).
    bool only_matched = false;
    bool key_profiles = true;
    size_t max_profiles = 200'000;
    size_t max_seen_ids = 4'000'000;  // per source
    // Estimated memory of the events that wait, with their pages.
    int64_t max_waiting_bytes = INT64_MAX;
    // Index of the rule whose detections are no alerts; see TakeSelfTest. -1:
    // none.
    int64_t self_test_rule = -1;
    // Makes hashes of event ids unpredictable to who sends them.
    uint64_t seen_seed = 0;
    // Loads a key's profile that is not in memory.
    std::function<absl::optional<KeyProfile>(const KeyId&)> load_profile;
    // Called for each observed event in order (replay's --matches); may be
    // empty.
    std::function<void(const Event&)> on_event;
  };

  Pipeline(std::shared_ptr<const RuleSet> rules,
           std::vector<PipelineSource> sources, Options options);

  // --- Restart. State rows first, then the partition, then pending records.

  Engine& engine() { return *engine_; }
  void RestorePartition(const PartitionState& state);
  // Records of source `source` that were waiting, decoded by its worker.
  void RestorePending(uint32_t source, std::shared_ptr<const EventBatch> batch);
  // A row of engine state whose owner is CoverageLedger::kOwner.
  void RestoreCoverage(absl::string_view group, absl::string_view blob);
  // Reading begins at `now`, with everything restored.
  void Begin(EventTime now);

  // --- The data.

  void Take(DecodedPage page);
  // The source gives nothing at present: it holds back no other, until its next
  // event.
  void SetIdle(uint32_t source);
  // The same, and it was heard that it has nothing more up to `now`.
  void AdvanceIdle(uint32_t source, EventTime now);
  // The source was read to its end at `now`.
  void CaughtUp(uint32_t source, EventTime now);
  // The source cannot be read since `since`: it holds back no other, and the
  // engine knows that it was blind up to `now`.
  void AdvanceBlind(uint32_t source, EventTime since, EventTime now);
  // The source will give nothing more at all (replay).
  void Finish(uint32_t source);
  // Observes what the watermark has passed.
  void Release();
  // Observes everything, and moves event time to `end` (replay, tests).
  void ReleaseAll(EventTime end);

  // --- Results.

  // Everything that changed since the last call, to be committed whole: the
  // caller retries until it is. Detections are given to `to_alert`, which makes
  // the alert and says whom to notify.
  CheckpointBatch TakeCheckpoint(
      const std::function<AlertUpsert(const Detection&)>& to_alert,
      int64_t now_ms);
  // Time of the newest event of the self-test whose detection was in the last
  // checkpoint; kMinEventTime when none was.
  EventTime self_test_ms() const { return self_test_ms_; }
  // An episode opened or enough is pending: a commit should not wait.
  bool WantsCommit() const;
  // Something changed since the last TakeCheckpoint.
  bool dirty() const { return dirty_; }

  std::vector<Detection> TakeDetections() { return engine_->TakeDetections(); }

  EventTime watermark() const { return watermark_; }
  // Up to when the source was heard: by its events, or by the clock while it
  // is idle.
  EventTime heard(uint32_t source) const {
    return std::max(sources_[source].watermark, sources_[source].clock);
  }
  // Up to when all of them were heard; verdicts that no event brings are given
  // up to then.
  EventTime heard() const { return std::max(watermark_, clock_); }
  // Up to when events could be judged if a clocked source were heard later than
  // that; kMinEventTime when none of those holds any back.
  EventTime awaited() const { return awaited_; }
  EventTime newest(uint32_t source) const { return sources_[source].newest; }
  EventTime newest() const;
  size_t waiting() const { return buffer_.size(); }
  int64_t waiting_bytes() const { return *waiting_bytes_; }
  // More than half of what may wait does: sources that are ahead of the others
  // should not be read on.
  bool HoldsMuch() const {
    return *waiting_bytes_ > options_.max_waiting_bytes / 2;
  }
  // None of the sources that hold back others is further behind.
  bool IsLast(uint32_t source) const;
  // Totals since this pipeline was made.
  const SourceTotals& totals(uint32_t source) const {
    return sources_[source].totals;
  }
  // Events held back because they were too far ahead of the clock, and events
  // observed early because too many waited; since this pipeline was made.
  int64_t future(uint32_t source) const { return sources_[source].future; }
  int64_t forced() const { return forced_; }
  // Null for a control source; Hours may be called on any thread.
  const CoverageLedger* coverage(uint32_t source) const {
    return sources_[source].ledger.get();
  }
  const EngineStats& stats() const { return engine_->stats(); }

 private:
  struct Stream {
    std::string name;
    int64_t position = 0;
    int64_t read = 0;
    std::string attributes;
    bool changed = false;
    bool waits = false;  // held records back at the last checkpoint
    bool known = false;
  };
  struct Source {
    explicit Source(PipelineSource spec_in)
        : spec(std::move(spec_in)),
          lateness_ms(absl::ToInt64Milliseconds(spec.allowed_lateness)),
          max_future_ms(spec.max_future == absl::InfiniteDuration()
                            ? kMaxEventTime
                            : absl::ToInt64Milliseconds(spec.max_future)) {
      if (!spec.control) ledger = std::make_unique<CoverageLedger>(spec.id);
    }
    // Event time waits for it.
    bool holds_back() const {
      return !idle && !spec.unordered && !spec.clocked;
    }

    PipelineSource spec;
    int64_t lateness_ms;
    int64_t max_future_ms;
    std::unique_ptr<CoverageLedger> ledger;
    EventTime newest = kMinEventTime;
    EventTime watermark = kMinEventTime;  // by its events
    EventTime clock = kMinEventTime;      // by the clock, while idle
    bool idle = false;
    std::shared_ptr<SeenIds> seen;
    SeenIds::Packed processed;  // since the last checkpoint
    EventTime processed_newest = kMinEventTime;
    int64_t future = 0;
    // It has not yet caught up since the restart.
    bool rereads = true;
    // Streams of which records that waited at the restart are still to be read,
    // and up to where.
    absl::flat_hash_map<std::string, int64_t> rereading;
    uint32_t stream = 0;     // of its last event
    SourceTotals totals;     // since the pipeline was made
    SourceTotals committed;  // of those, given to a checkpoint
    std::vector<Stream> streams;
    absl::flat_hash_map<std::string, int64_t> rejects;  // since the last one
    std::vector<std::string> ended;
    // Records stored because they waited, by PendingName.
    absl::flat_hash_set<std::string> stored_pending;
  };

  void TakeEvent(Source& source, const Event& event,
                 const std::shared_ptr<EventBatch>& batch,
                 EventTime received_ms);
  // The stream was read again as far as it had been; or all of them were, or
  // nothing more comes of them.
  void WasReread(Source& source, uint32_t stream);
  void AllReread(Source& source);
  // Moves the source's watermark to where its newest event lets it.
  void FollowNewest(Source& source);
  void TakeRejects(Source& source, DecodedPage* page);
  void TakeGaps(Source& source);
  // True when the event was taken, or before, as one from the future.
  bool TakeFuture(Source& source, const Event& event, EventTime received_ms);
  std::shared_ptr<EventBatch> Charge(const DecodedPage& page);
  void BoundWaiting();
  void MoveWatermark();
  // What makes the event one with another of its source: its id, with its time
  // and key. By the id alone a client that chooses it could hide requests.
  uint64_t Identity(const Event& event) const;
  std::string PendingName(const Event& event) const;
  void ObserveInOrder(const Event& event);
  void Observed(const Event& event);
  void Processed(const Event& event);
  void RememberProcessed(Source& source, uint64_t id_hash, EventTime time_ms);
  void CollectCursors(CheckpointBatch* out);
  void CollectPending(CheckpointBatch* out);

  const std::shared_ptr<const RuleSet> rules_;
  const Options options_;
  const std::unique_ptr<Engine> engine_;
  std::unique_ptr<KeyProfiler> profiler_;

  std::vector<Source> sources_;
  // Estimated memory of the pages of which an event waits; shared with them.
  const std::shared_ptr<int64_t> waiting_bytes_ = std::make_shared<int64_t>(0);
  ReorderBuffer buffer_;
  int64_t forced_ = 0;
  EventTime awaited_ = kMinEventTime;
  EventTime watermark_ = kMinEventTime;
  EventTime clock_ = kMinEventTime;
  // The watermark of the checkpoint that this pipeline started from.
  EventTime restored_watermark_ = kMinEventTime;
  std::vector<RejectSample> reject_samples_;
  std::vector<Gap> gaps_;
  std::vector<std::string> stale_coverage_;  // rows of sources that are gone
  int64_t observed_since_checkpoint_ = 0;
  EventTime self_test_ms_ = kMinEventTime;
  bool dirty_ = false;
};

}  // namespace keywatch

#endif  // DAEMON_APP_PIPELINE_H_
