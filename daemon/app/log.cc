#include "daemon/app/log.h"

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
  std::fwrite(out.data(), 1, out.size(), stream_);
  std::fflush(stream_);
}

}  // namespace keywatch
