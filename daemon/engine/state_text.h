#ifndef DAEMON_ENGINE_STATE_TEXT_H_
#define DAEMON_ENGINE_STATE_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// What a row of engine state (STATE.md, part 0) says, for people, as of
// `now_ms`: "3 events in 15m (threshold >= 6); no alert open". Only what counts
// at that time: events that have left the window are not told. A row that
// cannot be read is "unreadable state". Pure.
std::string StateText(const RuleSet& rules, const Rule& rule,
                      absl::string_view blob, EventTime now_ms);

// The group of a row as "api.key.id=mk_1, source.ip=10.0.0.1"; "all events" for
// the one group of a rule without group-by, "" for what is no group of an event
// (the second part of a row, a peer group).
std::string StateGroupText(const Rule& rule, absl::string_view group);

}  // namespace keywatch

#endif  // DAEMON_ENGINE_STATE_TEXT_H_
