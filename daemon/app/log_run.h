#ifndef DAEMON_APP_LOG_RUN_H_
#define DAEMON_APP_LOG_RUN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/app/progress_bar.h"
#include "daemon/core/clock.h"
#include "daemon/core/detection.h"
#include "daemon/engine/engine.h"
#include "daemon/ingest/enricher.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/rule_set.h"
#include "daemon/store/store.h"

namespace keywatch {

// What is read, offline: log files, or the request history of a daemon.
struct RunInput {
  std::vector<std::string> logs;  // files; "-" is standard input
  // Of logs: a shipped format's name, a format file, or empty: what the first
  // log looks like.
  std::string format;
  std::string key_field;
  std::string time_field;
  std::string dedup_field;  // "none": take every record
  absl::Duration lateness = absl::Minutes(1);
  // That many decode logs, of which one does everything else as well; at least
  // 1. It changes nothing but the time that it takes.
  int threads = 1;
  // Networks, places and what is declared of keys; may be null.
  const Enricher* enricher = nullptr;
  // A history directory; instead of logs.
  std::string history;
  // Events before `since`, and from `until` on, are left out.
  EventTime since_ms = kMinEventTime;
  EventTime until_ms = kMaxEventTime;
};

struct RunOptions {
  // Called for each observed event that matched, in order; may be empty.
  std::function<void(const Event&)> on_event;
  // False: alerts are counted only.
  bool keep_alerts = true;
  // May be null; measured in records.
  ProgressBar* progress = nullptr;
  // The deadline of every read, which never waits for more to come.
  absl::Time now;
};

struct RunResult {
  // The newest snapshot of every alert episode, in order of first fire, then
  // rule and group, so that batches and threads change nothing.
  std::vector<Detection> alerts;
  SourceTotals totals;
  std::string found_format;  // of logs whose format nobody named
  // What events were made of, and what could not be read, by reason.
  int64_t understood = 0;
  std::map<std::string, int64_t> rejects;
  EngineStats stats;
  // Times of the oldest and the newest event; no event: first > last.
  EventTime first_ms = kMaxEventTime;
  EventTime last_ms = kMinEventTime;
  // What could not be read, for people. Everything else was evaluated.
  std::vector<std::string> problems;
};

// Runs the daemon's own data path over `input` in virtual time, without a
// store. INVALID_ARGUMENT when the format is refused (its issues are written
// to `err`), OUT_OF_RANGE when no record has the key field or the dedup field
// that `input` names; other errors when an input cannot be opened.
absl::StatusOr<RunResult> RunRules(std::shared_ptr<const RuleSet> rules,
                                   const RunInput& input,
                                   const RunOptions& options,
                                   std::ostream& err);

// What to say of the logs of a run, a line each: the format, when it was found
// out, and "12 of 15 records understood (malformed 2, no-time 1)", unless all
// were. `command` begins the lines.
std::string LogText(const std::string& command, const RunResult& run);

// The rules of `paths` without the refused ones, whose number is given and
// whose issues are written to `err`; null when none is left, or with `strict`
// when any was refused. `command` begins its messages.
std::shared_ptr<const RuleSet> LoadRunRules(
    const std::vector<std::string>& paths, const CompileOptions& options,
    bool strict, const std::string& command, int* refused, std::ostream& err);

}  // namespace keywatch

#endif  // DAEMON_APP_LOG_RUN_H_
