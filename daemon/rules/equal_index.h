#ifndef DAEMON_RULES_EQUAL_INDEX_H_
#define DAEMON_RULES_EQUAL_INDEX_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// Sixteen bytes of a text and its length: all there is to know of a text of up
// to sixteen bytes, and enough to tell most longer ones apart.
struct TextDigest {
  uint64_t first = 0;  // the first eight bytes
  uint64_t last = 0;   // the last eight
  size_t size = 0;

  explicit TextDigest(absl::string_view text) : size(text.size()) {
    const char* data = text.data();
    if (size >= 8) {
      std::memcpy(&first, data, 8);
      std::memcpy(&last, data + size - 8, 8);
    } else if (size >= 4) {
      uint32_t head;
      uint32_t tail;
      std::memcpy(&head, data, 4);
      std::memcpy(&tail, data + size - 4, 4);
      first = head;
      last = tail;
    } else if (size > 0) {
      first = static_cast<uint8_t>(data[0]);
      last = static_cast<uint8_t>(data[size / 2]) << 8 |
             static_cast<uint8_t>(data[size - 1]);
    }
  }

  uint64_t Hash() const {
    constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
    const uint64_t mixed = (first ^ size) * kMultiplier;
    return ((mixed ^ (mixed >> 32)) + last) * kMultiplier;
  }
  friend bool operator==(const TextDigest& a, const TextDigest& b) {
    return a.first == b.first && a.last == b.last && a.size == b.size;
  }
};

// EqualIndex finds which of many texts a text is. Most texts that are none of
// them cost no more than a look at their length. Thread-compatible while
// filled, safe to read from any thread then.
class EqualIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  // Each text once.
  void Add(absl::string_view text, uint32_t id);
  // After the last Add.
  void Build();
  bool empty() const { return entries_.empty(); }

  // The id of `text`, or kNone.
  uint32_t Find(absl::string_view text) const {
    const size_t size = text.size();
    if ((lengths_ >> (size < 63 ? size : 63) & 1) == 0) return kNone;
    const TextDigest digest(text);
    for (uint32_t slot = static_cast<uint32_t>(digest.Hash() >> shift_);;
         slot = (slot + 1) & mask_) {
      const uint32_t entry = table_[slot];
      if (entry == kNone) return kNone;
      const Entry& e = entries_[entry];
      if (e.digest == digest &&
          (size <= 16 || std::memcmp(e.text.data(), text.data(), size) == 0)) {
        return e.id;
      }
    }
  }

 private:
  struct Entry {
    TextDigest digest;
    uint32_t id;
    std::string text;
  };

  std::vector<Entry> entries_;
  std::vector<uint32_t> table_;
  uint64_t lengths_ = 0;  // which there are; 63 is "63 or more"
  uint32_t mask_ = 0;
  int shift_ = 0;
};

// NumberIndex is the same for whole numbers.
class NumberIndex {
 public:
  static constexpr uint32_t kNone = EqualIndex::kNone;

  // The id of `number`, put there when it is new.
  uint32_t Add(int64_t number, uint32_t id);
  // After the last Add.
  void Build();
  bool empty() const { return entries_.empty(); }

  // The id of `number`, or kNone.
  uint32_t Find(int64_t number) const {
    for (uint32_t slot = Slot(number);; slot = (slot + 1) & mask_) {
      const Entry& entry = table_[slot];
      if (entry.id == kNone || entry.number == number) return entry.id;
    }
  }

 private:
  struct Entry {
    int64_t number = 0;
    uint32_t id = kNone;
  };

  uint32_t Slot(int64_t number) const {
    return static_cast<uint32_t>(
        (static_cast<uint64_t>(number) * 0x9e3779b97f4a7c15) >> shift_);
  }

  std::vector<Entry> entries_;
  std::vector<Entry> table_;
  uint32_t mask_ = 0;
  int shift_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_EQUAL_INDEX_H_
