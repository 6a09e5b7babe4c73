#ifndef DAEMON_CLI_RULE_EXPLAINER_H_
#define DAEMON_CLI_RULE_EXPLAINER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/cli/command_context.h"
#include "daemon/core/event.h"
#include "daemon/engine/engine.h"
#include "daemon/rules/explain.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// RuleExplainer prints what events do to rules, one event after the other, with
// what came before them. Thread-compatible.
class RuleExplainer {
 public:
  // `rule` is an id, or a part of names; "": all rules. A stateful rule brings
  // the detections that it counts. With `matching` only what matches is shown.
  // `context` must outlive the explainer.
  RuleExplainer(const CommandContext* context,
                std::shared_ptr<const RuleSet> rules, const std::string& rule,
                bool matching);

  // False when no rule is what the caller asked for.
  bool HasRules() const;

  // An event of the history, matched: seen, not shown.
  void Observe(const Event& event);
  // The event, matched, with its number.
  void Explain(int number, const Event& event);

 private:
  // What an event did to one stateful rule.
  struct StatefulChange {
    uint32_t rule = 0;
    std::string group;
    std::string before;
    std::string after;
    // "opens an alert: ...", "is added to the open alert: ..."
    std::string news;
  };

  void PrintHead(int number, const Event& event,
                 const std::vector<ExplainedRule>& explained);
  void Print(int number, const ExplainedRule& explained);
  void PrintChange(int number, const StatefulChange& change);
  std::string Owner(const Rule& rule) const;
  // Gives the event to the engine; what it changed, by rule and group.
  std::vector<StatefulChange> Step(const Event& event);
  // A rule whose input matched but that took nothing: the event forms no group.
  bool AddWithoutGroup(const Event& event, uint32_t index,
                       std::vector<StatefulChange>* changes);
  // A rule that was asked for by name, and that nothing reached.
  void AddUntouched(uint32_t index, std::vector<StatefulChange>* changes);

  const CommandContext& context_;
  const std::shared_ptr<const RuleSet> rules_;
  const bool matching_;
  std::vector<bool> asked_;   // by rule: it is what the caller named
  std::vector<bool> wanted_;  // asked for, or an input of one that is
  const std::unique_ptr<Engine> engine_;
};

}  // namespace keywatch

#endif  // DAEMON_CLI_RULE_EXPLAINER_H_
