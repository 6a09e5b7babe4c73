#ifndef DAEMON_RULES_TEST_VALUE_H_
#define DAEMON_RULES_TEST_VALUE_H_

#include <string>
#include <vector>

#include "daemon/rules/inline_tests.h"

namespace keywatch {

// Puts `values` at `path` of a test's event: one scalar, or, `in_list`, any
// number of them behind those that stand there already.
void AddTestValue(const std::string& path, std::vector<TestValue> values,
                  bool in_list, TestEvent* event);

}  // namespace keywatch

#endif  // DAEMON_RULES_TEST_VALUE_H_
