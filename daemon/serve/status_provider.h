#ifndef DAEMON_SERVE_STATUS_PROVIDER_H_
#define DAEMON_SERVE_STATUS_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/event.h"
#include "daemon/core/ids.h"
#include "daemon/core/issue.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// Whether the daemon does its work.
struct Health {
  // Everything works: /-/ready says so, gRPC health is SERVING.
  bool ready = false;
  // What does not, for people: "the disk is full; reading has stopped".
  std::vector<std::string> problems;
};

// What the running daemon knows of itself beside what the store keeps.
struct DaemonStatus {
  std::string version;
  absl::Time start;
  absl::Time now;  // by the App's clock
  Health health;

  // A configured source, in the order of the configuration.
  struct Source {
    SourceId id;
    std::string kind;  // "file", "http", ...
    std::string format;
    std::string location;  // a path or URL, for people; no credentials
    enum class State { kReading, kIdle, kFailing };
    State state = State::kIdle;
    std::string error;  // of the last attempt; empty when it worked
    EventTime newest_event_ms = kMinEventTime;
    EventTime watermark_ms = kMinEventTime;
    int64_t future_events = 0;  // since the start; see max_future
  };
  std::vector<Source> sources;

  EventTime watermark_ms = kMinEventTime;
  int64_t reorder_buffer_events = 0;
  int64_t reorder_buffer_bytes = 0;
  int64_t forced_events = 0;

  absl::Time last_commit = absl::InfinitePast();
  std::string commit_error;  // empty when the last attempt worked

  // See SelfTestStatus in the API.
  bool self_test_enabled = false;
  EventTime self_test_success_ms = kMinEventTime;
  EventTime self_test_event_ms = kMinEventTime;

  bool reload_success = true;
  absl::Time last_reload_success = absl::InfinitePast();
};

// What was seen of a source in a stretch of time.
struct CoverageStretch {
  enum class Kind {
    kSeen,    // read, and events happened
    kEmpty,   // read, and nothing happened for ten minutes or longer
    kBlind,   // what happened is lost
    kUnread,  // not yet read: nothing is lost so far
  };
  Kind kind = Kind::kUnread;
  EventTime from_ms = 0;
  EventTime to_ms = 0;
  int64_t events = 0;
  std::string reason;  // of kBlind: "unreachable", "cursor expired", ...
  std::string detail;  // what exactly happened; may be empty
};
struct SourceCoverage {
  SourceId source;
  // In order of time, without overlap; nothing before the source was first
  // read.
  std::vector<CoverageStretch> stretches;
};

// The rules in force and what they did since the engine was made.
struct RulesSnapshot {
  struct Counters {
    int64_t matches = 0;
    int64_t episodes = 0;
    int64_t groups = 0;
    int64_t evicted = 0;
  };
  std::shared_ptr<const RuleSet> rules;  // null before the first load
  std::vector<Counters> counters;        // by rule; may be shorter
  // The rule of the self-test, which is nobody's and not to be shown; empty:
  // there is none.
  RuleId self_test;

  bool shown(const Rule& rule) const {
    return self_test.empty() || !(rule.id == self_test);
  }
  // Rules to be shown.
  int32_t count() const {
    if (rules == nullptr) return 0;
    int32_t count = 0;
    for (const Rule& rule : rules->rules()) count += shown(rule) ? 1 : 0;
    return count;
  }
};

struct ReloadResult {
  // The new set is in force; otherwise the old one still is.
  bool applied = false;
  // Everything found, warnings included.
  IssueList issues;
};

// StatusProvider is what the servers ask the App. All calls are answered from
// memory and at once, but for GetCoverage and Reload. Thread-safe.
class StatusProvider {
 public:
  virtual ~StatusProvider() = default;

  virtual Health GetHealth() = 0;
  virtual DaemonStatus GetStatus() = 0;
  virtual RulesSnapshot GetRules() = 0;
  // Of every configured source, between `since` and `until`; asks the store.
  virtual absl::StatusOr<std::vector<SourceCoverage>> GetCoverage(
      EventTime since_ms, EventTime until_ms) = 0;
  // Reads configuration and rules again and swaps them when all is well; blocks
  // until that is decided. Recorded in the audit log under `actor`.
  virtual ReloadResult Reload(absl::string_view actor) = 0;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_STATUS_PROVIDER_H_
