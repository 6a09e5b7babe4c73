#ifndef DAEMON_APP_COVERAGE_TIMELINE_H_
#define DAEMON_APP_COVERAGE_TIMELINE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/app/coverage_ledger.h"
#include "daemon/serve/status_provider.h"
#include "daemon/store/store.h"

namespace keywatch {

// A gap's reason as the store keeps it, "<kind>: <detail>" or "<kind>", and
// back.
std::string GapReason(GapKind kind, absl::string_view detail);
std::pair<std::string, std::string> SplitGapReason(absl::string_view reason);

// What was seen of one source between `since` and `until`: its ledger's hours,
// over which `gaps` (in any order, they may overlap) are laid. Times begin and
// end at whole minutes but for gaps. A pause of less than ten minutes between
// events is no stretch of its own. Pure.
std::vector<CoverageStretch> CoverageTimeline(const CoverageHours& hours,
                                              std::vector<Gap> gaps,
                                              EventTime since, EventTime until);

}  // namespace keywatch

#endif  // DAEMON_APP_COVERAGE_TIMELINE_H_
