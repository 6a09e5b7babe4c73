#include "daemon/rules/explain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/field_table.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/rules/compiled_rule_set.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/predicate_evaluator.h"

namespace keywatch {
namespace {

// What a person wants to see of a long list.
constexpr size_t kMaxShown = 8;
constexpr size_t kMaxValueBytes = 120;

std::string ShownValue(const Value& value) {
  if (value.absent()) return "absent";
  if (value.type() == Value::Type::kNull) return "null";
  const std::string text = ValueText(value);
  const absl::string_view cut = TruncateUtf8(text, kMaxValueBytes);
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(cut), "'",
                      cut.size() < text.size() ? "..." : "");
}

class Explainer {
 public:
  explicit Explainer(const Event& event) : event_(event) {}

  ExplainedNode Explain(const Expression& expression) {
    ExplainedNode node;
    node.label = expression.label;
    for (const Expression& child : expression.children) {
      node.children.push_back(Explain(child));
    }
    const auto holds = [](const ExplainedNode& child) { return child.holds; };
    switch (expression.op) {
      case Expression::Op::kConstant:
        node.text = expression.constant ? "always" : "never";
        node.holds = expression.constant;
        break;
      case Expression::Op::kPredicate:
        node.text = PredicateText(*expression.predicate);
        node.holds = evaluator_.Evaluate(*expression.predicate, event_);
        break;
      case Expression::Op::kAnd:
        node.text = "and";
        node.holds =
            std::all_of(node.children.begin(), node.children.end(), holds);
        break;
      case Expression::Op::kOr:
        node.text = "or";
        node.holds =
            std::any_of(node.children.begin(), node.children.end(), holds);
        break;
      case Expression::Op::kNot:
        node.text = "not";
        node.holds = !node.children.front().holds;
        break;
    }
    return node;
  }

 private:
  std::string PredicateText(const Predicate& predicate) const {
    // All strings of a record are too much to show.
    if (predicate.field == FieldTable::kAllStrings) {
      return predicate.ToString();
    }
    const Value& value = event_.at(predicate.slot);
    // Every event has its time, whatever the record called it.
    const bool own_time =
        value.absent() && predicate.field == field::kTimestamp;
    std::string text =
        absl::StrCat(predicate.ToString(), " (",
                     own_time ? FormatTime(event_.time_ms) : ShownValue(value));
    if (predicate.kind == Predicate::Kind::kFieldRef) {
      absl::StrAppend(&text, ", ", ShownValue(event_.at(predicate.other_slot)));
    }
    return text + ")";
  }

  const Event& event_;
  PredicateEvaluator evaluator_;
};

bool Holds(const Expression& expression, const Event& event,
           PredicateEvaluator* evaluator) {
  const auto holds = [&](const Expression& child) {
    return Holds(child, event, evaluator);
  };
  const auto& children = expression.children;
  switch (expression.op) {
    case Expression::Op::kConstant:
      return expression.constant;
    case Expression::Op::kPredicate:
      return evaluator->Evaluate(*expression.predicate, event);
    case Expression::Op::kAnd:
      return std::all_of(children.begin(), children.end(), holds);
    case Expression::Op::kOr:
      return std::any_of(children.begin(), children.end(), holds);
    case Expression::Op::kNot:
      return !holds(children.front());
  }
  return false;
}

void Format(const ExplainedNode& node, int depth, std::string* out) {
  absl::StrAppend(out, node.holds ? "yes" : "no ", "  ",
                  std::string(2 * depth, ' '),
                  node.label.empty() ? "" : absl::StrCat(node.label, ": "),
                  node.text, "\n");
  size_t shown = 0;
  size_t left_out = 0;
  for (const ExplainedNode& child : node.children) {
    const bool matters = node.text == "or" ? child.holds : !child.holds;
    if (shown >= kMaxShown && !matters) {
      ++left_out;
      continue;
    }
    ++shown;
    Format(child, depth + 1, out);
  }
  if (left_out > 0) {
    absl::StrAppend(out, node.text == "or" ? "no " : "yes", "  ",
                    std::string(2 * depth + 2, ' '), "... and ", left_out,
                    " more\n");
  }
}

}  // namespace

std::vector<ExplainedRule> ExplainDetections(const RuleSet& rules,
                                             const Event& event) {
  const CompiledRuleSet& compiled = CompiledRuleSet::Of(rules);
  Explainer explainer(event);
  std::vector<ExplainedRule> explained;
  for (uint32_t i = 0; i < compiled.detections().size(); ++i) {
    ExplainedRule rule;
    rule.rule = i;
    rule.routed = compiled.Routed(event.route, i);
    rule.tree = explainer.Explain(compiled.detections()[i].expression);
    rule.matches = rule.routed && rule.tree.holds;
    explained.push_back(std::move(rule));
  }
  return explained;
}

bool DetectionMatches(const RuleSet& rules, uint32_t rule, const Event& event) {
  const CompiledRuleSet& compiled = CompiledRuleSet::Of(rules);
  if (!compiled.Routed(event.route, rule)) return false;
  PredicateEvaluator evaluator;
  return Holds(compiled.detections()[rule].expression, event, &evaluator);
}

std::string FormatExplanation(const ExplainedRule& rule) {
  std::string out;
  Format(rule.tree, 0, &out);
  return out;
}

}  // namespace keywatch
