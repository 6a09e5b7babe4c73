#ifndef DAEMON_CONFIG_DECLARED_KEY_H_
#define DAEMON_CONFIG_DECLARED_KEY_H_

#include <bitset>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/config/network.h"
#include "daemon/core/ids.h"

namespace keywatch {

// The hours of the week in which a key is meant to be used. Immutable.
class ActiveHours {
 public:
  // `days` is "mon-fri", "sat" or several of those, comma-separated; `hours` is
  // "07:00-20:00", and "22:00-06:00" goes over midnight and belongs to the day
  // that it begins on; either may be "": all of them. `timezone` is an IANA
  // name, "" is UTC. INVALID_ARGUMENT, with a message "what is wrong; what to
  // do".
  static absl::StatusOr<ActiveHours> Parse(absl::string_view days,
                                           absl::string_view hours,
                                           absl::string_view timezone);

  bool Contains(absl::Time time) const;

 private:
  ActiveHours() = default;

  std::bitset<7> days_;  // Monday first
  // Minutes of the day; the end is not in it. The same twice: the whole day.
  int from_ = 0;
  int to_ = 0;
  absl::TimeZone timezone_;
};

// What a key is meant for, as its owner declares it.
struct DeclaredKey {
  KeyId id;
  // Other names that logs have for it.
  std::vector<std::string> also_known_as;
  std::string owner;
  std::string purpose;
  // Empty: from anywhere.
  std::vector<Network> networks;
  // Whether the provider itself refuses other addresses; nullopt: not declared.
  absl::optional<bool> ip_restricted;
  // Operations as events name them, `*` for any run of characters; empty: not
  // declared.
  std::vector<std::string> operations;
  // As the provider names them; empty: not declared.
  std::vector<std::string> permissions;
  absl::optional<ActiveHours> active;
  // "hourly", "daily", "weekly": how often its job runs; "": no job.
  std::string job;
  bool canary = false;
};

// Whether `networks` hold `ip`; nullopt when `ip` is no address.
absl::optional<bool> InNetworks(const std::vector<Network>& networks,
                                absl::string_view ip);
// Whether one of `patterns`, in which `*` stands for any run of characters, is
// `operation`, with regard to case.
bool MatchesOperation(const std::vector<std::string>& patterns,
                      absl::string_view operation);

}  // namespace keywatch

#endif  // DAEMON_CONFIG_DECLARED_KEY_H_
