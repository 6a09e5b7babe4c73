#include "daemon/core/alert.h"

namespace keywatch {
namespace {
constexpr absl::string_view kStates[] = {"open", "acknowledged", "resolved"};
}  // namespace

absl::string_view AlertStateName(AlertState state) {
  return kStates[static_cast<int>(state)];
}

absl::optional<AlertState> ParseAlertState(absl::string_view name) {
  for (int i = 0; i < 3; ++i) {
    if (kStates[i] == name) return static_cast<AlertState>(i);
  }
  return absl::nullopt;
}

}  // namespace keywatch
