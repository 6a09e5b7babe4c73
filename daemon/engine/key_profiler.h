#ifndef DAEMON_ENGINE_KEY_PROFILER_H_
#define DAEMON_ENGINE_KEY_PROFILER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"
#include "daemon/core/key_profile.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// KeyProfiler keeps the profile of every key that the log shows: what it was
// used for, from where, by which clients, and how often that failed. Events
// may come in any order; one without a key is ignored.
//
// At most `max_keys` profiles are in memory. The least recently used one goes
// when another key comes; `load` brings it back from where TakeChanged put it.
// A profile that changed since the last TakeChanged is kept until that call,
// beyond the bound if need be, so that nothing is lost. Thread-compatible.
class KeyProfiler {
 public:
  using Loader = std::function<absl::optional<KeyProfile>(const KeyId&)>;

  // `load` may be empty: keys that are not in memory are then new.
  KeyProfiler(std::shared_ptr<const RuleSet> rules, size_t max_keys,
              Loader load);
  ~KeyProfiler();

  void Observe(const Event& event);

  // The profiles that changed since the last call, whole, in order of key.
  std::vector<KeyProfile> TakeChanged();

  // Puts a profile into memory, as `load` would.
  void Restore(const KeyProfile& profile);

  // The profile if it is in memory, else nullptr; valid until the next call.
  const KeyProfile* Find(const KeyId& key) const;

  // Profiles in memory.
  size_t size() const { return keys_.size(); }

 private:
  struct Entry;

  Entry* Get(absl::string_view key, EventTime time);
  Entry* Insert(KeyProfile profile);
  void Evict();

  const std::shared_ptr<const RuleSet> rules_;
  const size_t max_keys_;
  const Loader load_;
  // Least recently used first.
  std::list<std::unique_ptr<Entry>> order_;
  absl::flat_hash_map<absl::string_view, Entry*> keys_;  // names in entries
  std::vector<Entry*> changed_;
  std::string scratch_;
};

// "AS16509 US" when the event knows its network, else the /24 (IPv4) or /48
// (IPv6) prefix of source.ip, else "".
std::string NetworkOf(const Event& event, const RuleSet::WellKnown& fields);

}  // namespace keywatch

#endif  // DAEMON_ENGINE_KEY_PROFILER_H_
