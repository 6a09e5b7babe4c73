#ifndef DAEMON_APP_SCENARIO_EVENT_H_
#define DAEMON_APP_SCENARIO_EVENT_H_

#include "daemon/core/issue.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/yaml/document.h"

namespace keywatch {

// Reads a YAML map as a test's event, as the tests beside rules are read:
// nested maps become dotted paths, lists keep their scalars. What is wrong goes
// to `issues`, at `node`. Pure.
TestEvent ReadTestEvent(const yaml::File& file, const yaml::Node& node,
                        IssueList* issues);

// A scalar; null for lists and maps.
TestValue ReadTestValue(const yaml::Node& node);

}  // namespace keywatch

#endif  // DAEMON_APP_SCENARIO_EVENT_H_
