#ifndef DAEMON_APP_SCENARIO_LOG_H_
#define DAEMON_APP_SCENARIO_LOG_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/app/scenario.h"
#include "daemon/app/source_worker.h"

namespace keywatch {

// ScenarioLog is the log that the series of a test write: the same records in
// the same order every time, so that it can be read again from any position.
// Thread-compatible.
class ScenarioLog {
 public:
  // Both must outlive the log.
  ScenarioLog(const Scenario& scenario, const ScenarioTest& test);

  int64_t size() const { return static_cast<int64_t>(records_.size()); }
  // When the record at `position` appears, after the start of the story.
  int64_t arrives_ms(int64_t position) const {
    return records_[position].arrives_ms;
  }

  // The records from `begin` to `end` (not included) as the page of a source;
  // those before `read_before` were read before a restart.
  DecodedPage Read(int64_t begin, int64_t end, int64_t read_before);

 private:
  struct Entry {
    int64_t arrives_ms;
    int64_t time_ms;
    int64_t number;  // in its series
    uint32_t series;
  };

  TestEvent EventOf(const Entry& entry) const;

  const Scenario& scenario_;
  const ScenarioTest& test_;
  std::vector<Entry> records_;
  std::vector<EventBuilder> builders_;  // per series
  std::unique_ptr<Matcher> matcher_;
  std::vector<uint32_t> matches_;  // scratch
};

}  // namespace keywatch

#endif  // DAEMON_APP_SCENARIO_LOG_H_
