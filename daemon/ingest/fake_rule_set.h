#ifndef DAEMON_INGEST_FAKE_RULE_SET_H_
#define DAEMON_INGEST_FAKE_RULE_SET_H_

#include <string>
#include <vector>

#include "daemon/rules/rule_set.h"

namespace keywatch {

// FakeRuleSet has no rules, but the fields that a test wants in events.
class FakeRuleSet : public RuleSet {
 public:
  explicit FakeRuleSet(const std::vector<std::string>& names) {
    for (const std::string& name : names) fields_.Intern(name);
  }
  uint32_t Route(const LogSourceSpec& source) const override {
    return static_cast<uint32_t>(source.product.size());
  }
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_FAKE_RULE_SET_H_
