#include "daemon/core/level.h"

namespace keywatch {
namespace {
constexpr absl::string_view kLevels[] = {"informational", "low", "medium",
                                         "high", "critical"};
constexpr absl::string_view kStages[] = {"shadow", "notify", "page"};
}  // namespace

absl::string_view LevelName(Level level) {
  return kLevels[static_cast<int>(level)];
}

absl::optional<Level> ParseLevel(absl::string_view name) {
  for (int i = 0; i < 5; ++i) {
    if (kLevels[i] == name) return static_cast<Level>(i);
  }
  return absl::nullopt;
}

absl::string_view StageName(Stage stage) {
  return kStages[static_cast<int>(stage)];
}

absl::optional<Stage> ParseStage(absl::string_view name) {
  for (int i = 0; i < 3; ++i) {
    if (kStages[i] == name) return static_cast<Stage>(i);
  }
  return absl::nullopt;
}

}  // namespace keywatch
