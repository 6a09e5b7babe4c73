#ifndef DAEMON_APP_PIPELINE_H_
#define DAEMON_APP_PIPELINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
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
};

// Pipeline is the stateful half of the data path, the same for live running,
// restart, replay and rule tests:
//
//   pages ─► duplicates ─► late? ─► reorder buffer ─► engine ─► checkpoint
//
// It reads no clock and does no I/O. One thread (thread-compatible).
//
// Time. A source's watermark is its newest event time minus its allowed
// lateness; the pipeline's is the least of them and never goes back. Both move
// with every event, not with every page, so that where a page happens to end
// changes nothing. An event at or before the pipeline's watermark is late: it
// is observed as such, at once; all others wait and are observed in order.
//
// Restart. A checkpoint stores the watermark W, and for every stream two
// positions: `position`, before the oldest record that still waits, and `read`,
// behind the newest one read. After a restart records from `position` on are
// read again; of those before `read`, the ones at or before W were observed
// and are skipped, the others wait again. For a source that cannot be read
// again the waiting records themselves are stored.
class Pipeline {
 public:
  struct Options {
    // Events that match no rule are of no use (replay without a store).
    bool only_matched = false;
    bool key_profiles = true;
    size_t max_profiles = 200'000;
    size_t max_seen_ids = 4'000'000;  // per source
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

  // --- The data.

  void Take(DecodedPage page);
  // The source has nothing more up to `now`: its watermark moves to `now` less
  // its allowed lateness.
  void AdvanceIdle(uint32_t source, EventTime now);
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
  // An episode opened or enough is pending: a commit should not wait.
  bool WantsCommit() const;
  // Something changed since the last TakeCheckpoint.
  bool dirty() const { return dirty_; }

  std::vector<Detection> TakeDetections() { return engine_->TakeDetections(); }

  EventTime watermark() const { return watermark_; }
  EventTime watermark(uint32_t source) const {
    return sources_[source].watermark;
  }
  EventTime newest(uint32_t source) const { return sources_[source].newest; }
  EventTime newest() const;
  size_t waiting() const { return buffer_.size(); }
  // Totals since this pipeline was made.
  const SourceTotals& totals(uint32_t source) const {
    return sources_[source].totals;
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
          lateness_ms(absl::ToInt64Milliseconds(spec.allowed_lateness)) {}
    PipelineSource spec;
    int64_t lateness_ms;
    EventTime newest = kMinEventTime;
    EventTime watermark = kMinEventTime;
    std::shared_ptr<SeenIds> seen;
    SeenIds::Packed processed;  // since the last checkpoint
    EventTime processed_newest = kMinEventTime;
    SourceTotals totals;     // since the pipeline was made
    SourceTotals committed;  // of those, given to a checkpoint
    std::vector<Stream> streams;
    absl::flat_hash_map<std::string, int64_t> rejects;  // since the last one
    std::vector<std::string> ended;
    // Records stored because they waited: event ids.
    absl::flat_hash_set<std::string> stored_pending;
  };

  void TakeEvent(Source& source, const Event& event,
                 const std::shared_ptr<EventBatch>& batch);
  void MoveWatermark();
  void ObserveInOrder(const Event& event);
  void Observed(const Event& event);
  void Processed(const Event& event);
  void CollectCursors(CheckpointBatch* out);
  void CollectPending(CheckpointBatch* out);

  const std::shared_ptr<const RuleSet> rules_;
  const Options options_;
  const std::unique_ptr<Engine> engine_;
  std::unique_ptr<KeyProfiler> profiler_;

  std::vector<Source> sources_;
  ReorderBuffer buffer_;
  EventTime watermark_ = kMinEventTime;
  // The watermark of the checkpoint that this pipeline started from.
  EventTime restored_watermark_ = kMinEventTime;
  std::vector<RejectSample> reject_samples_;
  std::vector<Gap> gaps_;
  int64_t observed_since_checkpoint_ = 0;
  bool dirty_ = false;
};

}  // namespace keywatch

#endif  // DAEMON_APP_PIPELINE_H_
