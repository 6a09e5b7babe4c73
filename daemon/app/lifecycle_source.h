#ifndef DAEMON_APP_LIFECYCLE_SOURCE_H_
#define DAEMON_APP_LIFECYCLE_SOURCE_H_

#include <memory>

#include "daemon/core/clock.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/log_source.h"
#include "daemon/store/store.h"

namespace keywatch {

// The name of the source in status, cursors and metrics.
constexpr char kLifecycleSource[] = "keywatch";

// LifecycleSource reads the key-lifecycle actions that Keywatch itself recorded
// (a roll was confirmed, an old key expired), so that rules see them between
// the requests, in event time. Thread-compatible.
class LifecycleSource : public LogSource {
 public:
  // Both must outlive the source.
  LifecycleSource(Store* store, Clock* clock) : store_(store), clock_(clock) {}

  absl::StatusOr<Page> Fetch(const Cursor& cursor,
                             absl::Time deadline) override;
  bool rereadable() const override { return true; }
  absl::Duration pause() const override { return absl::Milliseconds(200); }

 private:
  Store* const store_;
  Clock* const clock_;
};

// How its records become events; logsource product `keywatch`, service
// `lifecycle`.
std::shared_ptr<const Format> LifecycleFormat();

}  // namespace keywatch

#endif  // DAEMON_APP_LIFECYCLE_SOURCE_H_
