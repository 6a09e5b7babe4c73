#ifndef DAEMON_CORE_LEVEL_H_
#define DAEMON_CORE_LEVEL_H_

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace keywatch {

// How bad a rule says its alerts are; Sigma's levels, in ascending order.
enum class Level { kInformational, kLow, kMedium, kHigh, kCritical };

absl::string_view LevelName(Level level);
// Exact lower-case name, else nullopt.
absl::optional<Level> ParseLevel(absl::string_view name);

// What becomes of a rule's alerts: evaluated, stored and counted but never
// sent; sent as a notification; sent as a page (waking somebody).
enum class Stage { kShadow, kNotify, kPage };

absl::string_view StageName(Stage stage);
absl::optional<Stage> ParseStage(absl::string_view name);

}  // namespace keywatch

#endif  // DAEMON_CORE_LEVEL_H_
