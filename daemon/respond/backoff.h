#ifndef DAEMON_RESPOND_BACKOFF_H_
#define DAEMON_RESPOND_BACKOFF_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace keywatch {

// The wait after the `attempt`-th failure in a row (from 1): `initial`, doubled
// by every further one up to `most`, less up to a quarter. How much less is a
// hash of `key` and `attempt`: messages that failed together do not come back
// together, and the same message waits the same in every run.
absl::Duration Backoff(absl::string_view key, int64_t attempt,
                       absl::Duration initial, absl::Duration most);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_BACKOFF_H_
