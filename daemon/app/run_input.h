#ifndef DAEMON_APP_RUN_INPUT_H_
#define DAEMON_APP_RUN_INPUT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/app/log_run.h"
#include "daemon/app/pipeline.h"
#include "daemon/app/source_worker.h"
#include "daemon/ingest/redactor.h"

namespace keywatch {

// One stream of events on its way into a pipeline. Thread-compatible.
class InputStream {
 public:
  virtual ~InputStream() = default;
  virtual const PipelineSource& spec() const = 0;
  // The next page; one without records and without more is the end. After an
  // error nothing more is read.
  virtual absl::StatusOr<DecodedPage> Next(absl::Time deadline) = 0;
  virtual std::string name() const = 0;
  virtual int64_t bytes_done() const = 0;
  virtual int64_t bytes_total() const = 0;
  // The format when nobody named it; else "".
  virtual std::string found_format() const { return ""; }
  // Zero for what is not decoded by a format.
  virtual DecodeCounts decode_counts() const { return DecodeCounts(); }
  // What was skipped, for people.
  virtual std::vector<std::string> problems() const = 0;
};

// The logs of `input`, in their order. `redactor` must outlive them.
absl::StatusOr<std::vector<std::unique_ptr<InputStream>>> OpenLogs(
    const RunInput& input, std::shared_ptr<const RuleSet> rules,
    const Redactor* redactor, std::ostream& err);

// The fields of the first records of the first of `logs`, for hints; empty when
// it is standard input or no JSON.
std::vector<std::string> FieldNames(const std::vector<std::string>& logs);

// The history of `input`: events in the order in which the daemon's engine saw
// them, matched by `rules`.
absl::StatusOr<std::unique_ptr<InputStream>> OpenHistory(
    const RunInput& input, std::shared_ptr<const RuleSet> rules);

}  // namespace keywatch

#endif  // DAEMON_APP_RUN_INPUT_H_
