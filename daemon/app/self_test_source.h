#ifndef DAEMON_APP_SELF_TEST_SOURCE_H_
#define DAEMON_APP_SELF_TEST_SOURCE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "daemon/core/clock.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/log_source.h"

namespace keywatch {

// The name of the source in cursors and metrics.
constexpr char kSelfTestSource[] = "keywatch_self_test";
// The id of the rule that its events satisfy.
constexpr char kSelfTestRule[] = "6b657977-6174-4368-8000-73656c667465";

// SelfTestSource gives one event per interval, made here, so that the whole way
// of the data is seen to work: what it gives must come out of a commit as a
// detection of the rule kSelfTestRule. No alert is made of that.
// Thread-compatible.
class SelfTestSource : public LogSource {
 public:
  // `clock` must outlive the source.
  SelfTestSource(absl::Duration interval, Clock* clock)
      : interval_(interval), clock_(clock) {}

  absl::StatusOr<Page> Fetch(const Cursor& cursor,
                             absl::Time deadline) override;
  bool rereadable() const override { return false; }
  absl::Duration pause() const override;

 private:
  const absl::Duration interval_;
  Clock* const clock_;
};

// How its records become events; logsource product `keywatch`, service
// `self_test`.
std::shared_ptr<const Format> SelfTestFormat();

// The rule, as a document to compile with the others: name and YAML.
std::pair<std::string, std::string> SelfTestRuleText();

}  // namespace keywatch

#endif  // DAEMON_APP_SELF_TEST_SOURCE_H_
