#include "daemon/http/http_client.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"

namespace keywatch {
namespace {

constexpr absl::Duration kMaxRetryAfter = absl::Hours(1);

}  // namespace

absl::string_view HttpResponse::header(absl::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return value;
  }
  return absl::string_view();
}

absl::Duration RetryAfter(const HttpResponse& response, absl::Time now) {
  const absl::string_view text = response.header("retry-after");
  int64_t seconds = 0;
  absl::Duration wait = absl::ZeroDuration();
  absl::Time date;
  std::string error;
  if (absl::SimpleAtoi(text, &seconds)) {
    // Bounded first: a huge number must not overflow.
    wait = absl::Seconds(
        std::min<int64_t>(seconds, absl::ToInt64Seconds(kMaxRetryAfter)));
  } else if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", text,
                             absl::UTCTimeZone(), &date, &error)) {
    wait = date - now;
  }
  return std::max(absl::ZeroDuration(), std::min(wait, kMaxRetryAfter));
}

}  // namespace keywatch
