#ifndef DAEMON_RESPOND_BLAST_RADIUS_H_
#define DAEMON_RESPOND_BLAST_RADIUS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/core/event.h"
#include "daemon/core/key_profile.h"

namespace keywatch {

// Who uses a key for what: what stops working when the key does. It is what the
// key's log has shown; a use that never came through a source of Keywatch is not
// in it.
struct BlastRadius {
  // One of the key's operations, networks, clients or sensitive fields.
  struct Use {
    std::string what;
    int64_t count = 0;
    EventTime first_ms = 0;
    EventTime last_ms = 0;
    // Seen within the last kRecent before `now`: likely to break.
    bool recent = false;
  };

  KeyId key;
  int64_t requests = 0;
  EventTime first_seen_ms = 0;
  EventTime last_seen_ms = 0;
  bool recent = false;
  // Each with the most recent use first.
  std::vector<Use> operations;
  std::vector<Use> networks;
  std::vector<Use> clients;
  std::vector<Use> sensitive_fields;
  // True when the profile had no room for everything that it saw.
  bool incomplete = false;

  static constexpr int64_t kRecentMs = int64_t{7} * 24 * 3600 * 1000;
};

BlastRadius BlastRadiusOf(const KeyProfile& profile, EventTime now_ms);

// The same for people, a line each, the summary first; at most `max_uses` lines
// of each kind (and one that counts the rest), 0 for the summary only.
std::vector<std::string> BlastRadiusText(const BlastRadius& radius,
                                         EventTime now_ms, size_t max_uses);

// Follow-ups of a roll that the key's own history calls for: what it made that
// stays when it is gone (webhook endpoints and event destinations that were
// created or changed with it).
std::vector<std::string> FollowUpsFrom(const KeyProfile& profile);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_BLAST_RADIUS_H_
