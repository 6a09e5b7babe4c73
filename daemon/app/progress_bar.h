#ifndef DAEMON_APP_PROGRESS_BAR_H_
#define DAEMON_APP_PROGRESS_BAR_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/clock.h"

namespace keywatch {

// ProgressBar shows on a terminal how far something is; it appears only when
// that takes longer than a moment, and leaves nothing behind. Switched off it
// does nothing. Thread-compatible.
class ProgressBar {
 public:
  // Both must outlive the bar.
  ProgressBar(bool on, Clock* clock, std::ostream* err)
      : on_(on), clock_(clock), err_(err), begin_(clock->Now()) {}
  ~ProgressBar() { End(); }

  // `share` of 1 is done; `count` things of `unit` ("records") were done.
  void Show(double share, int64_t count, absl::string_view unit);
  void End();

 private:
  const bool on_;
  Clock* const clock_;
  std::ostream* const err_;
  const absl::Time begin_;
  absl::Time shown_ = absl::InfinitePast();
};

}  // namespace keywatch

#endif  // DAEMON_APP_PROGRESS_BAR_H_
