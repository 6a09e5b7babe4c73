#ifndef DAEMON_APP_COVERAGE_LEDGER_H_
#define DAEMON_APP_COVERAGE_LEDGER_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/ingest/log_source.h"
#include "daemon/store/store.h"

namespace keywatch {

constexpr int64_t kCoverageMinuteMs = 60'000;
constexpr int64_t kCoverageHourMs = 60 * kCoverageMinuteMs;

// One hour of one source, by minutes.
struct CoverageHour {
  std::array<uint32_t, 60> events{};  // that happened in each minute
  uint64_t read = 0;  // bit m: minute m was read to its end, or has events
};
// By number of the hour since the epoch.
using CoverageHours = std::map<int64_t, CoverageHour>;

// A stretch in which a source was blind, with its kind apart.
struct BlindStretch {
  GapKind kind = GapKind::kDown;
  std::string detail;  // may be empty
  EventTime from_ms = 0;
  EventTime to_ms = 0;
};

// CoverageLedger keeps account of what one source was seen to give: for every
// minute whether it was read and how many events happened in it, and which
// stretches are lost for good. A time of which nobody has yet read is neither:
// after a restart a log file catches up, and nothing was lost.
//
// Times are event times; for a source that has been read to its end that is the
// clock. What a source lost lies between the furthest point up to which it had
// been read and the next event it gives, or the moment at which it was again
// read to its end, whichever comes first.
//
// It is kept as rows of the engine's state, so that a commit holds it together
// with the positions: the owner is kOwner, the group "<source>/<hour>",
// "<source>", or "<source>/open" for stretches whose end is not known yet. It
// reads no clock. One thread feeds it (thread-compatible); Hours may be called
// from any other.
class CoverageLedger {
 public:
  static constexpr char kOwner[] = "#coverage";
  // Older hours are forgotten.
  static constexpr int64_t kKeptHours = 90 * 24;

  explicit CoverageLedger(SourceId source) : source_(std::move(source)) {}

  // --- Restart: before everything else.

  // False when the row is none of this source's.
  bool RestoreRow(absl::string_view group, absl::string_view blob);

  // --- What happens.

  // An event was read, at its place in the source.
  void Saw(EventTime time) {
    newest_ = std::max(newest_, time);
    if (time >= minute_ms_ && time - minute_ms_ < kCoverageMinuteMs &&
        !special_) {
      ++count_;
      return;
    }
    SawElsewhere(time);
  }
  // A record was read, at its place in the source, and no event could be made
  // of it. A minute of nothing but such records, two at least, is blindness; of
  // several streams, in the order in which they are read.
  void Rejected();
  // The source lost something, perhaps also of what it had given after `since`;
  // where it ends will show.
  void Lost(GapKind kind, std::string detail, EventTime since = kMaxEventTime);
  // The source was read to its end at `now`.
  void CaughtUp(EventTime now);
  // It was blind up to `now`, from `from` or from where it had been read to,
  // whichever is later known.
  void Blind(GapKind kind, EventTime from, EventTime now);

  // --- Results.

  // Stretches that are known since the last call, or known to last longer: then
  // with the same beginning.
  std::vector<BlindStretch> TakeBlind();
  bool has_news() const { return !news_.empty(); }
  // Something is to be committed. At most once a minute for a source that is
  // quiet.
  bool dirty() const { return dirty_; }
  void TakeState(std::vector<StateRow>* out);

  EventTime read_through() const { return read_through_; }
  // Since the ledger was made: how long the source was blind, by kind.
  const std::array<int64_t, kGapKinds>& blind_ms() const { return blind_ms_; }
  // And how many stretches there were.
  const std::array<int64_t, kGapKinds>& gaps() const { return gaps_; }

  // A copy of the hours from `since` on; the minute that is read in part counts
  // as read.
  CoverageHours Hours(EventTime since) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Open {
    GapKind kind;
    std::string detail;
    EventTime from_ms;
    EventTime reported_ms;  // its end as given by TakeBlind
  };

  void SawElsewhere(EventTime time);
  void CloseAt(EventTime time);
  void CloseRejectedAt(EventTime time);
  // Puts the events counted so far into their hour.
  void Flush();
  // Everything up to `time` has been read.
  void ReadTo(EventTime time);
  void Report(Open* open, EventTime to);
  // What must survive a restart of the stretches without an end.
  std::string EncodeOpen() const;
  void DecodeOpen(absl::string_view blob);
  EventTime Known() const { return std::max(read_through_, newest_); }
  CoverageHour& HourOf(EventTime time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SourceId source_;
  EventTime minute_ms_ = kMaxEventTime - kCoverageMinuteMs;  // begin of it
  uint32_t count_ = 0;  // events of that minute, not yet in its hour
  EventTime newest_ = kMinEventTime;
  EventTime read_through_ = kMinEventTime;
  EventTime saved_through_ = kMinEventTime;
  // Something is open: events are looked at one by one.
  bool special_ = false;
  std::vector<Open> open_;
  std::string saved_open_;  // the row as it was given to TakeState
  absl::optional<Open> rejected_;
  bool rejects_came_ = false;  // since the source was last read to its end
  uint64_t rejects_ = 0;       // since the last event
  absl::optional<Open> blind_;
  std::vector<BlindStretch> news_;
  std::array<int64_t, kGapKinds> blind_ms_{};
  std::array<int64_t, kGapKinds> gaps_{};
  std::set<int64_t> dirty_hours_;
  std::vector<int64_t> forgotten_;  // hours whose rows are to be erased
  bool dirty_ = false;

  mutable absl::Mutex mu_;
  CoverageHours hours_ ABSL_GUARDED_BY(mu_);
  // The minute that is read in part, by its number since the epoch.
  absl::optional<int64_t> current_minute_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_APP_COVERAGE_LEDGER_H_
