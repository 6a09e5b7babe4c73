#include "daemon/core/field_table.h"

namespace keywatch {

constexpr char FieldTable::kAllStrings[];

Slot FieldTable::Intern(absl::string_view name) {
  auto [it, inserted] =
      slots_.try_emplace(std::string(name), static_cast<Slot>(names_.size()));
  if (inserted) names_.emplace_back(name);
  return it->second;
}

Slot FieldTable::Find(absl::string_view name) const {
  auto it = slots_.find(name);
  return it == slots_.end() ? kNoSlot : it->second;
}

}  // namespace keywatch
