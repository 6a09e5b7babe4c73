#include "daemon/serve/exposure.h"

#include <algorithm>

namespace keywatch {
namespace {

std::vector<SeenValue> FirstSeenSince(const std::vector<SeenValue>& values,
                                      EventTime since) {
  std::vector<SeenValue> found;
  for (const SeenValue& value : values) {
    if (value.first_ms >= since) found.push_back(value);
  }
  return MostFrequentFirst(std::move(found));
}

std::vector<SeenValue> SeenSince(const std::vector<SeenValue>& values,
                                 EventTime since) {
  std::vector<SeenValue> found;
  for (const SeenValue& value : values) {
    if (value.last_ms >= since) found.push_back(value);
  }
  return MostFrequentFirst(std::move(found));
}

}  // namespace

std::vector<SeenValue> MostFrequentFirst(std::vector<SeenValue> values) {
  std::sort(values.begin(), values.end(),
            [](const SeenValue& a, const SeenValue& b) {
              if (a.count != b.count) return a.count > b.count;
              return a.value < b.value;
            });
  return values;
}

Exposure ComputeExposure(const KeyProfile& profile,
                         const std::vector<Alert>& alerts) {
  Exposure exposure;
  bool any = false;
  for (const Alert& alert : alerts) {
    if (alert.state == AlertState::kResolved) continue;
    exposure.since_ms = any ? std::min(exposure.since_ms, alert.first_event_ms)
                            : alert.first_event_ms;
    any = true;
  }
  if (!any) return exposure;
  exposure.new_networks = FirstSeenSince(profile.networks, exposure.since_ms);
  exposure.new_user_agents =
      FirstSeenSince(profile.user_agents, exposure.since_ms);
  exposure.new_operations =
      FirstSeenSince(profile.operations, exposure.since_ms);
  exposure.operations = SeenSince(profile.operations, exposure.since_ms);
  exposure.sensitive_fields =
      SeenSince(profile.sensitive_fields, exposure.since_ms);
  return exposure;
}

}  // namespace keywatch
