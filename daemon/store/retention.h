#ifndef DAEMON_STORE_RETENTION_H_
#define DAEMON_STORE_RETENTION_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/store/store.h"

namespace keywatch {

// For how long what is over is kept; an infinite duration keeps it for ever.
struct RetentionPeriods {
  absl::Duration alerts = absl::InfiniteDuration();
  absl::Duration messages = absl::InfiniteDuration();
  absl::Duration gaps = absl::InfiniteDuration();
  absl::Duration rejects = absl::InfiniteDuration();
};

// Retention drops what has been kept for long enough: small transactions, apart
// from the engine's, one per call. When nothing is left it rests for an hour.
// Thread-compatible; `store` must outlive it.
class Retention {
 public:
  // `log` gets a line for people when a round dropped something.
  Retention(const RetentionPeriods& periods, Store* store,
            std::function<void(absl::string_view)> log);

  // Drops one batch when it is time to; to be called about once a second. After
  // an error the same is tried again a minute later.
  absl::Status RunOnce(absl::Time now);

 private:
  const RetentionPeriods periods_;
  Store* const store_;
  const std::function<void(absl::string_view)> log_;
  absl::Time next_ = absl::InfinitePast();
  int64_t dropped_ = 0;  // in this round
};

}  // namespace keywatch

#endif  // DAEMON_STORE_RETENTION_H_
