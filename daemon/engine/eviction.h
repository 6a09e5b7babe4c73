#ifndef DAEMON_ENGINE_EVICTION_H_
#define DAEMON_ENGINE_EVICTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// Which group makes room when a rule has too many. Whoever can invent keys can
// fill any table; what is already known of a real key must survive that:
//
// - Groups stand in lists by how often they were used (once, 2, 4, 16, 256
//   times), and those with an open episode in one of their own. A group goes
//   from the list of the least used that holds more than its share (an eighth
//   of the table; three eighths for open episodes), the one used longest ago.
//   So a flood of keys that are used once pushes out nothing but itself, and
//   groups that were used often but are long dead leave room for new ones.
// - A group that was dropped is remembered by a byte of its hash. When it comes
//   back it counts as used before, and the flood that it came back in does not
//   push it out again.
//
// To push out a key that was used n times an attacker has to use as many keys
// as the table has groups, each of them about n times.

constexpr uint8_t kUseClasses = 5;
// The list of groups with an open episode.
constexpr uint8_t kPinnedList = kUseClasses;
constexpr uint8_t kGroupLists = kUseClasses + 1;

inline uint8_t UseClass(uint64_t uses) {
  if (uses < 2) return 0;
  if (uses < 4) return 1;
  if (uses < 16) return 2;
  return uses < 256 ? 3 : 4;
}

// The list that a group leaves from, given how many groups each list has; at
// least one of them has some. Pure.
uint8_t ListToEvictFrom(const size_t (&sizes)[kGroupLists], size_t max_groups);

// EvictedGroups remembers groups that were dropped: a byte for each, in a table
// of sixteen times as many bytes as the rule has groups, where newer ones
// overwrite older ones. One time in 255 it takes a group for one that it was
// not. It takes no memory before the first. Saved page by page.
// Thread-compatible.
class EvictedGroups {
 public:
  static constexpr size_t kPageBytes = 4096;

  explicit EvictedGroups(size_t max_groups);

  void Add(uint64_t hash);
  bool Contains(uint64_t hash) const;

  size_t pages() const { return bytes_.size() / kPageBytes; }
  absl::string_view page(size_t index) const {
    return absl::string_view(
        reinterpret_cast<const char*>(bytes_.data()) + index * kPageBytes,
        kPageBytes);
  }
  bool PageIsEmpty(size_t index) const;
  // Indexes of the pages that changed since the last call.
  std::vector<size_t> TakeChanged();
  // False when there is no such page or it has another length.
  bool RestorePage(size_t index, absl::string_view bytes);

 private:
  static uint8_t Mark(uint64_t hash) {
    return static_cast<uint8_t>(hash >> 56 == 0 ? 1 : hash >> 56);
  }
  void Allocate();

  const size_t size_;           // a power of two, at least a page
  std::vector<uint8_t> bytes_;  // 0 is nothing; empty until needed
  std::vector<bool> changed_;   // by page
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_EVICTION_H_
