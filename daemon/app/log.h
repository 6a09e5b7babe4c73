#ifndef DAEMON_APP_LOG_H_
#define DAEMON_APP_LOG_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/core/clock.h"

namespace keywatch {

// Log writes one line an event to a stream, for people and for journald: under
// journald with its priority prefix, else with time and level. Control
// characters of the text are escaped, so that a log record cannot forge a
// line. A reader that takes nothing more (a full pipe) holds nobody up for long:
// lines are dropped, and their number is told when it reads again. Only the App
// logs; libraries return a Status. Thread-safe.
class Log {
 public:
  enum class Severity { kDebug, kInfo, kWarning, kError };

  // `journald`: the stream goes to the journal, which keeps the time itself.
  Log(std::FILE* stream, bool journald, Severity least, Clock* clock)
      : stream_(stream), journald_(journald), least_(least), clock_(clock) {}

  void Write(Severity severity, absl::string_view text);

  template <typename... Args>
  void Debug(const Args&... args) {
    Write(Severity::kDebug, absl::StrCat(args...));
  }
  template <typename... Args>
  void Info(const Args&... args) {
    Write(Severity::kInfo, absl::StrCat(args...));
  }
  template <typename... Args>
  void Warning(const Args&... args) {
    Write(Severity::kWarning, absl::StrCat(args...));
  }
  template <typename... Args>
  void Error(const Args&... args) {
    Write(Severity::kError, absl::StrCat(args...));
  }

 private:
  // False when it cannot be written without waiting.
  bool TryWrite(absl::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::FILE* const stream_;
  const bool journald_;
  const Severity least_;
  Clock* const clock_;
  absl::Mutex mu_;  // keeps lines whole
  int64_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
};

// Opens /dev/null as those of stdin, stdout and stderr that are closed: else the
// next file that is opened, a database or a lock, would get the lines of the
// log. Before anything else is opened.
void OpenStandardStreams();

}  // namespace keywatch

#endif  // DAEMON_APP_LOG_H_
