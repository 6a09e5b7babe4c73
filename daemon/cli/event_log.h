#ifndef DAEMON_CLI_EVENT_LOG_H_
#define DAEMON_CLI_EVENT_LOG_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/core/event.h"
#include "daemon/ingest/enricher.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/redactor.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// EventLog holds the events of log files, decoded and matched, for commands
// that look at single events. Thread-compatible.
class EventLog {
 public:
  // `enricher` may be null, and must outlive the log.
  EventLog(std::shared_ptr<const RuleSet> rules,
           std::shared_ptr<const Format> format, const Enricher* enricher);

  // Adds the file's events (compressed files, too), or just those that some
  // rule matches. NOT_FOUND, PERMISSION_DENIED, DATA_LOSS as ReplaySource.
  absl::Status Read(const std::string& path, bool only_matched);

  // In the order of the file.
  const std::vector<const Event*>& events() const { return events_; }
  // Records of which no event could be made.
  const std::vector<Reject>& rejects() const { return rejects_; }

 private:
  const std::shared_ptr<const RuleSet> rules_;
  const std::shared_ptr<const Format> format_;
  const Redactor redactor_;
  const std::unique_ptr<RecordDecoder> decoder_;
  const std::unique_ptr<Matcher> matcher_;
  std::vector<std::unique_ptr<EventBatch>> batches_;
  std::deque<std::vector<uint32_t>> matches_;
  std::vector<const Event*> events_;
  std::vector<Reject> rejects_;
};

// The format `name` (shipped, or a file); without a name, what the beginning of
// `path` looks like. INVALID_ARGUMENT with what is wrong when there is none.
absl::StatusOr<std::shared_ptr<const Format>> FindFormat(
    const std::string& name, const std::string& path);

}  // namespace keywatch

#endif  // DAEMON_CLI_EVENT_LOG_H_
