#ifndef DAEMON_ENGINE_SUPPORTS_H_
#define DAEMON_ENGINE_SUPPORTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/rules/rule_set.h"

namespace keywatch {

// Whether the engine evaluates this rule exactly as the rule language says.
// When not, `why` (may be null) is a sentence for the user, without the rule's
// name: "the condition's number 5000000 is above 1000000, the most events that
// are counted exactly". A rule set with a rule that is not supported must not
// be given to Engine::Create. A pure function.
bool EngineSupports(const Rule& rule, std::string* why);

// The most events that an event_count tells apart.
constexpr double kMaxEventCount = 1'000'000;

// --- How conditions are judged; for the engine and for `rules explain`.

// Conditions of event_count, value_count and value_sum that only ask for more
// (gt, gte) hold from the event that crosses them on. Any other can hold with
// few events and stop holding with the next one: what it says is known when
// the window is over. Such a condition is judged once for each window; the
// window opens with a group's event when none is open, and is judged when the
// watermark has passed its end.
bool JudgedAtEnd(const Rule& rule);

// True when the rule gives verdicts that no event of its own brings: what did
// not come, what a window held when it was over. When nothing more comes at all
// only the clock can bring them (Engine::AdvanceClock).
bool JudgedByTime(const Rule& rule);

// The least whole number that satisfies a condition of gt and gte only, at
// least 1.
int64_t LeastCount(const std::vector<Comparison>& condition);

// True when a temporal rule's expression has a `not`.
bool HasNot(const Rule& rule);

// The value of a temporal expression; `present(input)` says which inputs
// occurred. An empty expression asks for all of `inputs`.
template <typename F>
bool EvaluateExpression(const std::vector<BooleanStep>& expression,
                        size_t inputs, F present) {
  if (expression.empty()) {
    for (uint32_t i = 0; i < inputs; ++i) {
      if (!present(i)) return false;
    }
    return true;
  }
  // EngineSupports bounds the depth to 64.
  uint64_t stack = 0;
  for (const BooleanStep& step : expression) {
    switch (step.op) {
      case BooleanStep::Op::kInput:
        stack = stack << 1 | (present(step.input) ? 1 : 0);
        break;
      case BooleanStep::Op::kAnd:
        stack = (stack >> 1) & (~uint64_t{1} | (stack & 1));
        break;
      case BooleanStep::Op::kOr:
        stack = (stack >> 1) | (stack & 1);
        break;
      case BooleanStep::Op::kNot:
        stack ^= 1;
        break;
    }
  }
  return (stack & 1) != 0;
}

}  // namespace keywatch

#endif  // DAEMON_ENGINE_SUPPORTS_H_
