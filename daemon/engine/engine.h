#ifndef DAEMON_ENGINE_ENGINE_H_
#define DAEMON_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/core/detection.h"
#include "daemon/core/event.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// One piece of engine state as the store keeps it.
struct StateChange {
  // "<rule id>@<meaning>" or a name of the engine's own ("#profile", ...).
  std::string owner;
  // The encoded group.
  std::string group;
  // The new value; ignored when `erased`.
  std::string blob;
  bool erased = false;
};

// Counters since the engine was made.
struct EngineStats {
  std::vector<int64_t> matches;   // per rule: matching events (detections) or
                                  // signals (stateful rules)
  std::vector<int64_t> episodes;  // per rule: alert episodes opened
  std::vector<int64_t> evicted;   // per rule: groups dropped by the cap
  std::vector<int64_t> groups;    // per rule: groups held now
  std::vector<int64_t> learning;  // per rule: those of them whose baseline is
                                  // not yet sufficient
};

// Engine turns events into detections: it keeps, for each stateful rule and
// group, the window, sequence or baseline, and for each alerting rule and
// group the open episode. It reads no clock, does no I/O and holds no locks;
// everything it knows came in by Observe, AdvanceTo and Restore, so the same
// events in the same order give the same detections, whatever the batches,
// restarts or threads, and however often AdvanceTo is called. Thread-compatible.
//
// Time. An event at T says that none before T will come; AdvanceTo(W) says
// that none at or before W will. Whatever is due at D (the end of an episode,
// the verdict over a window) is done when it is known that no event at or
// before D will come any more, before any later event: in order of D, rule and
// group. An event exactly one timespan old is inside the window.
//
// Episodes. A rule fires on crossing; further matches fold into the open
// episode until the group has been below for one timespan (rules without a
// timespan: one hour); then it is re-armed. The last instant at which the
// condition held is H: a match at H + timespan still folds, one after it opens
// a new episode. Conditions that few events can satisfy (`lt`, `eq`, ranges,
// `not`) are judged at the end of their window: see supports.h.
//
// Memory. A rule holds at most `max_groups` groups of 4 KB on average: beyond
// that the least used go, so that a flood of new keys pushes out nothing but
// itself (eviction.h, EngineStats::evicted). Groups whose window has passed are
// dropped and their rows erased.
class Engine {
 public:
  // Every rule must be one that EngineSupports (supports.h) accepts.
  static std::unique_ptr<Engine> Create(std::shared_ptr<const RuleSet> rules);
  virtual ~Engine() = default;

  // Takes the next event, with its matches filled. Events come in EventBefore
  // order, all newer than the last AdvanceTo.
  virtual void Observe(const Event& event) = 0;

  // Takes an event that came after the watermark had passed it. Stateless
  // alerts are judged as usual; for stateful rules it is only counted on the
  // open episode it would have changed.
  virtual void ObserveLate(const Event& event) = 0;

  // No event at or before `watermark` will come any more. Closes episodes,
  // judges absences. Never goes back.
  virtual void AdvanceTo(EventTime watermark) = 0;

  // By the clock it is `now`, and nothing is known to be on its way: what is
  // due by then at rules that are judged by time is judged, although the
  // watermark has not passed it. Only for those verdicts an event that comes
  // after all is late; for all other rules nothing has happened. Never goes
  // back; one before the watermark does nothing.
  virtual void AdvanceClock(EventTime now) = 0;

  // A source was blind from `from_ms` to `to_ms`, both included: what did not
  // come in that time is no absence. To be called before AdvanceTo passes it.
  virtual void ObserveGap(EventTime from_ms, EventTime to_ms) = 0;

  // Opened, updated and closed episodes since the last call: at most one
  // detection per episode and call (an episode that opened stays kOpen,
  // with its newest totals; one that opened and closed is two). In order of
  // first fire, then rule, then group.
  virtual std::vector<Detection> TakeDetections() = 0;
  // True when TakeDetections would hold an opened episode.
  virtual bool HasOpened() const = 0;

  // State changed since the last call, so that Restore of all of it, last
  // write wins, gives this engine again. Detections that were not taken are no
  // part of it: one commit takes both.
  virtual std::vector<StateChange> TakeDirtyState() = 0;

  // All state, as rows that another engine can restore: for a reload that
  // keeps what did not change in meaning. What is dirty stays dirty here and
  // is not dirty there: take and commit it first.
  virtual std::vector<StateChange> AllState() const = 0;

  // Gives back one row of saved state. Rows of rules that are gone or whose
  // meaning changed are refused with NOT_FOUND (the caller erases them);
  // DATA_LOSS for rows that cannot be read. All rows come before the first
  // Observe; FinishRestore ends them.
  virtual absl::Status RestoreRow(absl::string_view owner,
                                  absl::string_view group,
                                  absl::string_view blob) = 0;
  virtual void FinishRestore(EventTime watermark) = 0;

  virtual const EngineStats& stats() const = 0;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_ENGINE_H_
