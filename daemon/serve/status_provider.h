#ifndef DAEMON_SERVE_STATUS_PROVIDER_H_
#define DAEMON_SERVE_STATUS_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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
  };
  std::vector<Source> sources;

  EventTime watermark_ms = kMinEventTime;
  int64_t reorder_buffer_events = 0;

  absl::Time last_commit = absl::InfinitePast();
  std::string commit_error;  // empty when the last attempt worked

  bool reload_success = true;
  absl::Time last_reload_success = absl::InfinitePast();
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
};

struct ReloadResult {
  // The new set is in force; otherwise the old one still is.
  bool applied = false;
  // Everything found, warnings included.
  IssueList issues;
};

// StatusProvider is what the servers ask the App. All calls are answered from
// memory and at once, but for Reload. Thread-safe.
class StatusProvider {
 public:
  virtual ~StatusProvider() = default;

  virtual Health GetHealth() = 0;
  virtual DaemonStatus GetStatus() = 0;
  virtual RulesSnapshot GetRules() = 0;
  // Reads configuration and rules again and swaps them when all is well; blocks
  // until that is decided. Recorded in the audit log under `actor`.
  virtual ReloadResult Reload(absl::string_view actor) = 0;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_STATUS_PROVIDER_H_
