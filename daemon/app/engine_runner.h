#ifndef DAEMON_APP_ENGINE_RUNNER_H_
#define DAEMON_APP_ENGINE_RUNNER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/app/coverage_ledger.h"
#include "daemon/app/log.h"
#include "daemon/app/pipeline.h"
#include "daemon/app/source_worker.h"
#include "daemon/core/clock.h"
#include "daemon/ingest/enricher.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/redactor.h"
#include "daemon/rules/rule_set.h"
#include "daemon/store/store.h"

namespace keywatch {

// One configured source, ready to be opened.
struct RunnerSource {
  PipelineSource spec;
  std::shared_ptr<const Format> format;
  // A new instance; reading starts where the committed cursors stand.
  std::function<std::unique_ptr<LogSource>()> open;
  DecodeLimits limits;
  FormatOverrides overrides;
  const Enricher* enricher = nullptr;  // may be null; outlives the runner
  // Whether somebody waits for a commit of what came from there. Called on the
  // engine's thread; may be empty.
  std::function<bool()> wants_commit;
  // Quiet for so long, the source's watermark follows the clock.
  absl::Duration idle_timeout;
  // Failing for so long, the same: one dead source must not hold back the
  // alerts of all others.
  absl::Duration max_silence;
};

// What one source looks like from outside.
struct SourceStatus {
  SourceId id;
  SourceTotals totals;  // since the start of the runner
  EventTime newest_ms = kMinEventTime;
  // Empty when the last fetch worked.
  std::string error;
  absl::Time last_success = absl::InfinitePast();
  absl::Time last_data = absl::InfinitePast();  // when something came last
  DecodeCounts decode;
  int64_t errors = 0;
  // Parts of the source that cannot be read, for people.
  std::vector<std::string> problems;
  EventTime watermark_ms = kMinEventTime;
  // Events too far ahead of the clock, since the start of the runner.
  int64_t future = 0;
  // By GapKind, since the start of the runner.
  std::array<int64_t, kGapKinds> blind_ms{};
  std::array<int64_t, kGapKinds> gaps{};
};

struct RunnerStatus {
  EventTime watermark_ms = kMinEventTime;
  size_t waiting = 0;  // events in the reorder buffer
  int64_t waiting_bytes = 0;
  int64_t forced = 0;  // events observed early because too many waited
  EngineStats engine;
  std::vector<SourceStatus> sources;
  // Empty when the last commit worked.
  std::string commit_error;
  absl::Time last_commit = absl::InfinitePast();
  // The newest event of the self-test that came out and was committed.
  EventTime self_test_ms = kMinEventTime;
  // Another process took the partition: this one writes nothing any more.
  bool fenced = false;
  // Grows with every turn of the engine thread, also while commits fail.
  int64_t turns = 0;
};

// EngineRunner runs the data path live: one thread per source fetches, decodes
// and matches; one engine thread takes their pages, observes and commits. A
// source thread holds at most one page that was not taken: it waits instead of
// reading on (back-pressure). While much waits for its turn, only the source that
// is furthest behind is read. A commit that fails is retried with the same
// batch until it works; until then nothing more is read.
//
// Starting takes the partition and restores everything from the last commit;
// a reload is a Stop and a Start with other rules, so that it goes the way of
// a restart. Thread-safe.
class EngineRunner {
 public:
  struct Options {
    std::string partition = "local";
    std::string owner;
    absl::Duration checkpoint_interval = absl::Seconds(1);
    std::vector<std::string> default_notify;
    uint64_t seen_seed = 0;
    size_t max_profiles = 200'000;
    size_t max_seen_ids = 4'000'000;
    int64_t max_waiting_bytes = int64_t{256} << 20;
    // The rule of the self-test, of which no alerts are made; empty: none.
    RuleId self_test_rule;
    // Called on the engine thread for each observed event, before the commit that
    // holds it; must be quick. May be empty.
    std::function<void(const Event&)> on_event;
    // Called while starting, for each committed row of state that is not the
    // engine's (restore.h), and once when all are known. May be empty.
    std::function<void(const StateRow&)> on_state_row;
    std::function<void()> on_restored;
    // Called on the engine thread with what is about to be committed; may add
    // to it. Once per batch, however often the commit is tried. May be empty.
    std::function<void(CheckpointBatch*)> prepare_commit;
    // Called on the engine thread before each commit; an error fails it. May be
    // empty.
    std::function<absl::Status()> before_commit;
    // Called on the engine thread after each commit, with what was committed
    // and how long it took; must not block long.
    std::function<void(const CheckpointBatch&, absl::Duration)> on_commit;
    // Called for each failed attempt.
    std::function<void(const absl::Status&)> on_commit_failure;
    // Called on the source's thread.
    std::function<void(const SourceId&, const absl::Status&)> on_source_error;
  };

  // Everything that can fail happens here, before a thread is started. `store`,
  // `clock`, `redactor` and `log` must outlive the runner.
  static absl::StatusOr<std::unique_ptr<EngineRunner>> Start(
      std::shared_ptr<const RuleSet> rules, std::vector<RunnerSource> sources,
      Options options, Store* store, Clock* clock, const Redactor* redactor,
      Log* log);

  // Stops.
  ~EngineRunner();

  // Takes what the source threads hold, commits a last time, and ends all
  // threads. A second call does nothing.
  void Stop();

  RunnerStatus status() const;
  // The ledger's hours of one source from `since` on; empty for a control
  // source.
  CoverageHours coverage(size_t source, EventTime since) const;
  const std::shared_ptr<const RuleSet>& rules() const { return rules_; }

 private:
  struct SourceThread;

  EngineRunner(std::shared_ptr<const RuleSet> rules, Options options,
               Store* store, Clock* clock, Log* log);
  void RunSource(SourceThread* source);
  void RunEngine();
  // Takes the pages that are there; true when there was one.
  bool TakePages() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits between two fetches.
  void Rest(SourceThread* source, absl::Duration pause, bool failing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Has the sources by whose reading event time is bounded read at once, when
  // events wait for that.
  void Look() ABSL_LOCKS_EXCLUDED(mu_);
  void AdvanceIdleSources();
  void AdvanceIdleSource(uint32_t index, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);
  // False when stopping while the store fails, or when fenced.
  bool Commit();
  bool SendersWait() const;
  // For how long after a commit that took so long none is made for an alert.
  absl::Duration CommitPause(absl::Duration took) const;
  void Publish();

  const std::shared_ptr<const RuleSet> rules_;
  const Options options_;
  Store* const store_;
  Clock* const clock_;
  Log* const log_;

  int64_t epoch_ = 0;
  // Engine thread only, once started.
  std::unique_ptr<Pipeline> pipeline_;
  absl::Time no_commit_before_ = absl::InfinitePast();
  std::vector<std::unique_ptr<SourceThread>> sources_;
  std::thread engine_thread_;

  mutable absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool work_ ABSL_GUARDED_BY(mu_) = false;  // a page came, or stopping
  RunnerStatus status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_APP_ENGINE_RUNNER_H_
