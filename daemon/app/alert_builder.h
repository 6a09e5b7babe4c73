#ifndef DAEMON_APP_ALERT_BUILDER_H_
#define DAEMON_APP_ALERT_BUILDER_H_

#include <string>
#include <vector>

#include "daemon/core/alert.h"
#include "daemon/core/detection.h"
#include "daemon/rules/rule_set.h"
#include "daemon/store/store.h"

namespace keywatch {

// 16 hex digits: the same for every episode of a rule and group.
std::string AlertFingerprint(const RuleId& rule, const Group& group);

// The alert of a detection, with the notifiers that its rule asks for:
// `default_notify` when the rule names none, nobody in stage shadow. Pure.
AlertUpsert BuildAlert(const RuleSet& rules, const Detection& detection,
                       const std::vector<std::string>& default_notify);

}  // namespace keywatch

#endif  // DAEMON_APP_ALERT_BUILDER_H_
