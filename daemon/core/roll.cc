#include "daemon/core/roll.h"

namespace keywatch {
namespace {
constexpr absl::string_view kStates[] = {
    "awaiting_operator", "awaiting_expiry", "verifying",
    "completed",         "failed",          "cancelled"};
}  // namespace

absl::string_view RollStateName(RollState state) {
  return kStates[static_cast<int>(state)];
}

absl::optional<RollState> ParseRollState(absl::string_view name) {
  for (int i = 0; i < 6; ++i) {
    if (kStates[i] == name) return static_cast<RollState>(i);
  }
  return absl::nullopt;
}

}  // namespace keywatch
