#ifndef DAEMON_CORE_KEY_PROFILE_H_
#define DAEMON_CORE_KEY_PROFILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/core/event.h"
#include "daemon/core/ids.h"

namespace keywatch {

// One value that a key was seen with, and how often.
struct SeenValue {
  std::string value;
  int64_t count = 0;
  EventTime first_ms = 0;
  EventTime last_ms = 0;
};

// KeyProfile is what a key did, as its log shows it: totals, and for each
// dimension the values seen (bounded; `*_overflow` counts events whose value
// found no room). It names which sensitive fields were read, never their
// values.
struct KeyProfile {
  static constexpr size_t kMaxValues = 64;

  KeyId key;
  std::string kind;  // restricted, secret, ... ; empty when unknown
  EventTime first_seen_ms = 0;
  EventTime last_seen_ms = 0;
  // The newest request that succeeded (status below 400) and the newest that was
  // denied (401, 403): the proof of a roll at both ends. kMinEventTime: none.
  EventTime last_success_ms = kMinEventTime;
  EventTime last_denied_ms = kMinEventTime;
  int64_t requests = 0;
  int64_t denied = 0;  // 401 and 403
  int64_t failed = 0;  // all of 400..599
  std::vector<SeenValue> operations;
  std::vector<SeenValue> networks;  // "AS16509 US", or the /24 or /48 prefix
  std::vector<SeenValue> user_agents;
  std::vector<SeenValue> sensitive_fields;
  int64_t operations_overflow = 0;
  int64_t networks_overflow = 0;
  int64_t user_agents_overflow = 0;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_KEY_PROFILE_H_
