#ifndef DAEMON_RULES_EXPLAIN_H_
#define DAEMON_RULES_EXPLAIN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/core/event.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// One part of a detection, evaluated for one event.
struct ExplainedNode {
  // "and", "or", "not", or a test with the value that it saw:
  // `url.path startswith '/v1/' ('/v1/payouts')`.
  std::string text;
  // The search identifier or filter that it comes from; may be empty.
  std::string label;
  bool holds = false;
  std::vector<ExplainedNode> children;
};

// One detection rule, evaluated for one event.
struct ExplainedRule {
  uint32_t rule = 0;
  // False when the rule's logsource is not the event's; the tree is evaluated
  // all the same.
  bool routed = false;
  // Routed, and the tree holds.
  bool matches = false;
  ExplainedNode tree;
};

// Every detection of the set, evaluated part by part without any index. Pure.
std::vector<ExplainedRule> ExplainDetections(const RuleSet& rules,
                                             const Event& event);

// Whether the event matches the detection `rule` (an index into the set): what
// a Matcher finds, by plain evaluation.
bool DetectionMatches(const RuleSet& rules, uint32_t rule, const Event& event);

// The tree as indented lines, each ended by a newline:
//
//   yes  and
//   yes    selection: http.response.status_code is 403 ('403')
//   no     not
//
// Of long lists what holds is shown, and how many parts do not.
std::string FormatExplanation(const ExplainedRule& rule);

}  // namespace keywatch

#endif  // DAEMON_RULES_EXPLAIN_H_
