#ifndef DAEMON_CORE_IDS_H_
#define DAEMON_CORE_IDS_H_

#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace keywatch {

// StrongString is a string that cannot be mistaken for another kind of string:
// a `KeyId` does not convert to a `RuleId`. It hashes, compares and prints as
// its text. A default-constructed one is empty. Thread-compatible.
template <typename Tag>
class StrongString {
 public:
  StrongString() = default;
  explicit StrongString(absl::string_view text) : text_(text) {}

  const std::string& str() const { return text_; }
  absl::string_view view() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const StrongString& a, const StrongString& b) {
    return a.text_ == b.text_;
  }
  friend bool operator!=(const StrongString& a, const StrongString& b) {
    return !(a == b);
  }
  friend bool operator<(const StrongString& a, const StrongString& b) {
    return a.text_ < b.text_;
  }
  template <typename H>
  friend H AbslHashValue(H h, const StrongString& id) {
    return H::combine(std::move(h), id.text_);
  }
  friend std::ostream& operator<<(std::ostream& out, const StrongString& id) {
    return out << id.text_;
  }

 private:
  std::string text_;
};

// Names an API key by its provider's id, an alias, or the fingerprint of its
// secret; never the secret itself.
using KeyId = StrongString<struct KeyIdTag>;
// The `id` of a rule document; where a document has none, its file and
// position.
using RuleId = StrongString<struct RuleIdTag>;
// 32 hex digits: hash of rule, group and the event-time episode.
using AlertId = StrongString<struct AlertIdTag>;
// The `name` of a source in the configuration.
using SourceId = StrongString<struct SourceIdTag>;
// Names one roll of one key.
using RollId = StrongString<struct RollIdTag>;

}  // namespace keywatch

#endif  // DAEMON_CORE_IDS_H_
