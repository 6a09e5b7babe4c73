#ifndef DAEMON_STORE_LIMITS_H_
#define DAEMON_STORE_LIMITS_H_

#include <algorithm>

namespace keywatch {

// The most rows that one call of the store gives, whatever the caller asks for.
constexpr int kMaxRows = 10000;

inline int BoundedLimit(int limit) {
  return std::max(1, std::min(limit, kMaxRows));
}

// Reject samples kept per source and reason: the newest.
constexpr int kMaxRejectSamples = 20;

}  // namespace keywatch

#endif  // DAEMON_STORE_LIMITS_H_
