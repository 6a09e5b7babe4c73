#ifndef DAEMON_APP_HISTORY_RECORDER_H_
#define DAEMON_APP_HISTORY_RECORDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/app/log.h"
#include "daemon/config/config.h"
#include "daemon/history/history_writer.h"
#include "daemon/rules/rule_set.h"
#include "daemon/store/store.h"

namespace keywatch {

// The source of gaps in the history itself.
constexpr char kHistorySource[] = "history";

// HistoryRecorder keeps the request history of the daemon in step with its
// commits: what is in the history is what was committed. The position in the
// segment files is a row of engine state, in the same transaction as
// everything else; a start cuts off what lies behind it.
//
// The history never stops the watch. When it cannot be written, its events are
// dropped and counted, and the commit records a gap of the source "history".
//
// Restore, Begin, Observe and Prepare belong to the engine: one after the
// other. stats() and KeepHouse are safe from any thread.
class HistoryRecorder {
 public:
  // `log` must outlive the recorder.
  static absl::StatusOr<std::unique_ptr<HistoryRecorder>> Create(
      const Config& config, Log* log);

  // A row of the last commit that is not the engine's.
  void Restore(const StateRow& row);
  // All rows came: continues behind the last commit with events of `rules`.
  // `sources` are those of the pipeline, in its order.
  void Begin(const RuleSet& rules,
             const std::vector<HistorySchema::Source>& sources);

  void Observe(const Event& event);
  // Writes what was observed, and adds to `batch` what its commit must hold.
  void Prepare(CheckpointBatch* batch);

  struct Stats {
    int64_t events = 0;   // written since the start
    int64_t dropped = 0;  // not written
    int64_t bytes = 0;    // on disk
    std::string error;    // of the last write; "" when it worked
  };
  Stats stats() const ABSL_LOCKS_EXCLUDED(mu_);

  // Removes what is too old or too much; looks once a minute.
  void KeepHouse(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  HistoryRecorder(const Config& config, Log* log,
                  std::unique_ptr<HistoryWriter> writer);

  const HistoryConfig config_;
  Log* const log_;
  const std::unique_ptr<HistoryWriter> writer_;

  // The engine's thread only.
  absl::optional<HistoryPosition> committed_;
  absl::Status broken_;  // why nothing can be written until the next start
  EventTime outage_from_ms_ = kMinEventTime;

  mutable absl::Mutex mu_;
  Stats stats_ ABSL_GUARDED_BY(mu_);
  absl::Time pruned_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace keywatch

#endif  // DAEMON_APP_HISTORY_RECORDER_H_
