#ifndef DAEMON_RULES_RANGE_INDEX_H_
#define DAEMON_RULES_RANGE_INDEX_H_

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "daemon/rules/ip_range.h"

namespace keywatch {

// RangeIndex finds which of many ranges of IP addresses hold an address, with
// one probe for each prefix length that there is. Thread-compatible while
// filled, safe to read from any thread then.
class RangeIndex {
 public:
  using Address = std::array<uint8_t, 16>;

  // Each range once.
  void Add(const IpRange& range, uint32_t id) {
    for (Length& length : lengths_) {
      if (length.bits != range.prefix_bits) continue;
      length.ids.emplace(First(range.address, range.prefix_bits), id);
      return;
    }
    lengths_.push_back({range.prefix_bits, {}});
    lengths_.back().ids.emplace(First(range.address, range.prefix_bits), id);
  }
  bool empty() const { return lengths_.empty(); }

  // Calls `emit(id)` for every range that holds `address`.
  template <typename F>
  void Find(const Address& address, F emit) const {
    for (const Length& length : lengths_) {
      const auto it = length.ids.find(First(address, length.bits));
      if (it != length.ids.end()) emit(it->second);
    }
  }

 private:
  using Key = std::pair<uint64_t, uint64_t>;
  struct Length {
    int bits;  // of 128
    absl::flat_hash_map<Key, uint32_t> ids;
  };

  // The first bits of the address; the others are 0.
  static Key First(const Address& address, int bits) {
    return {Half(address, 0, bits), Half(address, 8, bits - 64)};
  }
  static uint64_t Half(const Address& address, size_t begin, int bits) {
    if (bits <= 0) return 0;
    uint64_t half = 0;
    for (size_t i = begin; i < begin + 8; ++i) half = half << 8 | address[i];
    return bits >= 64 ? half : half >> (64 - bits) << (64 - bits);
  }

  std::vector<Length> lengths_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_RANGE_INDEX_H_
