#ifndef DAEMON_ENGINE_EXPLAIN_H_
#define DAEMON_ENGINE_EXPLAIN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// Words and numbers of explanations. Pure functions.

// "412", "0.25", "61.333": at most three decimals, no exponent below 1e15.
std::string FormatNumber(double x);
// "1 event", "6 events".
std::string FormatCount(int64_t n, absl::string_view singular);
// "15m", "41d", "41d3h": the two greatest units.
std::string FormatMillis(int64_t ms);
// "threshold >= 6", "threshold > 5 and <= 10".
std::string FormatCondition(const std::vector<Comparison>& condition);
// "0.00166", "threshold <= 0.01": four digits, for shares.
std::string FormatShare(double x);
std::string FormatShareCondition(const std::vector<Comparison>& condition);
// As FormatCondition, for numbers that are durations in milliseconds.
std::string FormatDurationCondition(const std::vector<Comparison>& condition);

// True when all comparisons hold.
bool ConditionHolds(const std::vector<Comparison>& condition, double x);

}  // namespace keywatch

#endif  // DAEMON_ENGINE_EXPLAIN_H_
