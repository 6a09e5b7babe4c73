#ifndef DAEMON_ENGINE_GROUP_KEY_H_
#define DAEMON_ENGINE_GROUP_KEY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/core/value.h"

namespace keywatch {

// A group is named by the values of its rule's group-by fields. Encoded, it is
// those values one after the other, each with its length before it: no two
// different groups have the same bytes. The empty text is the one group of a
// rule without group-by.

// A longer value is told by its beginning and a hash of all of it.
constexpr size_t kMaxGroupValueBytes = 256;

// Appends one value to an encoded group.
void AppendGroupValue(absl::string_view value, std::string* out);

// Appends the text of an event's value. False, and nothing appended, when the
// value is absent, null or empty: such an event forms no group.
bool AppendGroupValue(const Value& value, std::string* out);

// The values of an encoded group; they point into it. False when malformed.
bool DecodeGroup(absl::string_view encoded,
                 std::vector<absl::string_view>* values);

// A 64-bit hash that is the same in every process and on every machine.
uint64_t StableHash(absl::string_view text);
uint64_t StableHash(absl::string_view text, uint64_t seed);

// GroupKey owns the bytes of an encoded group; short ones (nearly all) inside
// itself, so that a lookup touches one place only. Thread-compatible.
class GroupKey {
 public:
  GroupKey() = default;
  GroupKey(const GroupKey&) = delete;
  GroupKey& operator=(const GroupKey&) = delete;

  void Assign(absl::string_view bytes) {
    size_ = static_cast<uint32_t>(bytes.size());
    char* to = inline_;
    if (bytes.size() > sizeof(inline_)) {
      heap_.reset(new char[bytes.size()]);
      to = heap_.get();
    } else {
      heap_.reset();
    }
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }

  absl::string_view view() const {
    return absl::string_view(size_ > sizeof(inline_) ? heap_.get() : inline_,
                             size_);
  }

 private:
  uint32_t size_ = 0;
  char inline_[36];
  std::unique_ptr<char[]> heap_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_GROUP_KEY_H_
