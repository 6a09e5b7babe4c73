#include "daemon/app/log.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

struct Name {
  const char* text;
  int priority;  // of syslog(3)
};
constexpr Name kNames[] = {
    {"debug", 7}, {"info", 6}, {"warning", 4}, {"error", 3}};

// Once, for a reader that is only slow.
constexpr int kLongestWaitMs = 100;

}  // namespace

void Log::Write(Severity severity, absl::string_view text) {
  if (severity < least_) return;
  const Name& name = kNames[static_cast<int>(severity)];
  // Quotes do no harm, and are all over what people are told.
  const std::string line =
      absl::StrReplaceAll(absl::Utf8SafeCEscape(text),
                          {{"\\\\", "\\\\"}, {"\\'", "'"}, {"\\\"", "\""}});
  const std::string out =
      journald_ ? absl::StrCat("<", name.priority, ">", line, "\n")
                : absl::StrCat(FormatTime(ToEventTime(clock_->Now())), " ",
                               name.text, " ", line, "\n");
  absl::MutexLock lock(&mu_);
  if (dropped_ > 0) {
    const absl::string_view prefix = journald_ ? "<4>" : "";
    if (!TryWrite(absl::StrCat("\n", prefix, dropped_,
                               " lines of the log were dropped: nobody read "
                               "them\n"))) {
      ++dropped_;
      return;
    }
    dropped_ = 0;
  }
  if (!TryWrite(out)) ++dropped_;
}

bool Log::TryWrite(absl::string_view text) {
  while (!text.empty()) {
    // A pipe that can be written takes so much at once.
    const absl::string_view part = text.substr(0, PIPE_BUF);
    pollfd ready = {fileno(stream_), POLLOUT, 0};
    const int wait = dropped_ > 0 ? 0 : kLongestWaitMs;
    if (ready.fd >= 0 && poll(&ready, 1, wait) == 0) return false;
    std::fwrite(part.data(), 1, part.size(), stream_);
    std::fflush(stream_);
    text.remove_prefix(part.size());
  }
  return true;
}

void OpenStandardStreams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest that is free: this one.
    if (open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd) {
      std::abort();
    }
  }
}

}  // namespace keywatch
