#ifndef DAEMON_CORE_FIELD_TABLE_H_
#define DAEMON_CORE_FIELD_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// The index of a field in the events of one RuleSet.
using Slot = uint32_t;
constexpr Slot kNoSlot = 0xffffffff;

// FieldTable gives every field that someone needs (a rule, the key profile,
// evidence) a slot; a decoder fills just those. Names are dotted paths, exact
// in case. It is filled while a RuleSet is compiled and constant afterwards:
// thread-compatible while filled, safe to read from any thread then.
class FieldTable {
 public:
  // The field's slot, made when it is new.
  Slot Intern(absl::string_view name);
  // The field's slot, or kNoSlot.
  Slot Find(absl::string_view name) const;

  const std::string& name(Slot slot) const { return names_[slot]; }
  size_t size() const { return names_.size(); }

  // A keyword detection searches every string of the record: a decoder then
  // puts all of them, as one list, into the slot of this name.
  static constexpr char kAllStrings[] = "<all strings>";

 private:
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, Slot> slots_;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_FIELD_TABLE_H_
