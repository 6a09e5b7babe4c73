#ifndef DAEMON_SERVE_EXPOSURE_H_
#define DAEMON_SERVE_EXPOSURE_H_

#include <vector>

#include "daemon/core/alert.h"
#include "daemon/core/event.h"
#include "daemon/core/key_profile.h"

namespace keywatch {

// What a leak of a key touched, as far as its log shows it. Values are those
// of the profile, most frequent first.
struct Exposure {
  // The oldest event of an unresolved alert of the key; kMinEventTime when it
  // has none, and then the lists are empty.
  EventTime since_ms = kMinEventTime;
  // First seen at or after `since_ms`.
  std::vector<SeenValue> new_networks;
  std::vector<SeenValue> new_user_agents;
  std::vector<SeenValue> new_operations;
  // Seen at or after `since_ms`, new or not.
  std::vector<SeenValue> operations;
  std::vector<SeenValue> sensitive_fields;
};

// Pure. `alerts` are alerts of that key; resolved ones are passed over.
Exposure ComputeExposure(const KeyProfile& profile,
                         const std::vector<Alert>& alerts);

// `values` by falling count, then by value.
std::vector<SeenValue> MostFrequentFirst(std::vector<SeenValue> values);

}  // namespace keywatch

#endif  // DAEMON_SERVE_EXPOSURE_H_
