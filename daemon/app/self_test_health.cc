#include "daemon/app/self_test_health.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/app/self_test_source.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

// The self-test has stopped when so many events in a row did not come out.
constexpr int kMisses = 3;

absl::Duration SlowestSource(const Config& config, const RunnerStatus& status) {
  absl::Duration slowest;
  for (size_t i = 0; i < config.sources.size(); ++i) {
    const SourceConfig& source = config.sources[i];
    const bool failing =
        i < status.sources.size() && !status.sources[i].error.empty();
    slowest = std::max(slowest, source.allowed_lateness +
                                    (failing ? std::max(source.idle_timeout,
                                                        source.max_silence)
                                             : source.idle_timeout));
  }
  return slowest;
}

}  // namespace

SelfTestHealth CheckSelfTest(const Config& config, const RunnerStatus& status,
                             absl::Time started, absl::Time now) {
  SelfTestHealth health;
  if (!config.self_test.enabled) return health;
  const absl::Time last = status.self_test_ms == kMinEventTime
                              ? started
                              : FromEventTime(status.self_test_ms);
  const absl::Duration silence = now - std::max(last, started);
  if (silence <=
      kMisses * config.self_test.interval + SlowestSource(config, status)) {
    return health;
  }
  for (const SourceStatus& source : status.sources) {
    if (source.id.view() != kSelfTestSource) continue;
    health.broken = source.newest_ms == kMinEventTime ||
                    source.newest_ms <= status.watermark_ms;
  }
  health.problem = absl::StrCat(
      "self-test: no event of the daemon's own has come out for ",
      absl::FormatDuration(absl::Trunc(silence, absl::Seconds(1))),
      health.broken
          ? "; no alert does"
          : absl::StrCat("; alerts are as late: event time stands at ",
                         status.watermark_ms == kMinEventTime
                             ? "no time at all"
                             : FormatTime(status.watermark_ms)));
  return health;
}

}  // namespace keywatch
