#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/stateful_keys.h"

namespace keywatch {
namespace {

// In the order of RuleType, from kEventCount on.
const std::vector<std::string>& TypeNames() {
  static const auto* const kNames = new std::vector<std::string>{
      "event_count", "value_count", "temporal",         "temporal_ordered",
      "value_sum",   "value_avg",   "value_percentile", "value_median"};
  return *kNames;
}

bool IsTemporal(RuleType type) {
  return type == RuleType::kTemporal || type == RuleType::kTemporalOrdered;
}

bool ReadsValues(RuleType type) {
  switch (type) {
    case RuleType::kValueCount:
    case RuleType::kValueSum:
    case RuleType::kValueAvg:
    case RuleType::kValuePercentile:
    case RuleType::kValueMedian:
      return true;
    default:
      return false;
  }
}

class CorrelationParser {
 public:
  CorrelationParser(const yaml::Node& node, RuleDocument* document)
      : document_(*document),
        rule_(document->rule),
        reporter_(document->reporter),
        reader_(document->reporter.file(), &node, document->reporter.issues()) {
  }

  void Parse() {
    if (!ParseType()) {
      // Without a type nothing else can be judged; name the keys at least.
      for (const char* key : {"rules", "group-by", "timespan", "condition",
                              "aliases", "generate"}) {
        reader_.Get(key);
      }
      reader_.Finish();
      return;
    }
    const yaml::Node* condition = reader_.Get("condition");
    // The names in a temporal condition are its rules when `rules` is absent.
    const bool named_by_condition =
        IsTemporal(rule_.type) && condition != nullptr &&
        condition->is_scalar() && !condition->is_null();
    ParseInputs(&reader_, !named_by_condition, &document_);
    if (const yaml::Node* timespan = reader_.Require("timespan")) {
      rule_.timespan_ms = ParseTimespan(*timespan, &reporter_);
    }
    if (IsTemporal(rule_.type)) {
      ParseTemporal(condition);
    } else {
      ParseMeasured(condition);
    }
    reader_.Finish();
  }

 private:
  bool ParseType() {
    const yaml::Node* node = reader_.Require("type");
    if (node == nullptr) return false;
    const auto& names = TypeNames();
    const auto found = std::find(names.begin(), names.end(), node->text);
    if (!node->is_scalar() || found == names.end()) {
      reporter_.Error(
          *node, "unknown-type",
          absl::StrCat("\"", node->text, "\" is no type of correlation"),
          SuggestionHint(node->text, names));
      return false;
    }
    rule_.type = static_cast<RuleType>(static_cast<int>(RuleType::kEventCount) +
                                       (found - names.begin()));
    return true;
  }

  void ParseMeasured(const yaml::Node* condition) {
    if (condition == nullptr) {
      reader_.Require("condition");
      return;
    }
    if (!condition->is_map()) {
      reporter_.Error(*condition, "bad-condition",
                      condition->is_scalar()
                          ? "a condition over rule names is for temporal and "
                            "temporal_ordered only"
                          : "the condition is a map like {gte: 10}");
      return;
    }
    yaml::MapReader reader(reporter_.file(), condition, reporter_.issues());
    rule_.condition = ParseComparisons(&reader);
    ParseValueFields(&reader);
    ParsePercentile(&reader);
    reader.Finish();
    LintCondition(*condition);
  }

  void ParseValueFields(yaml::MapReader* reader) {
    const std::string& type =
        TypeNames()[static_cast<int>(rule_.type) -
                    static_cast<int>(RuleType::kEventCount)];
    if (!ReadsValues(rule_.type)) {
      if (const yaml::Node* field = reader->Get("field")) {
        reporter_.Error(*field, "bad-value",
                        absl::StrCat(type, " reads no field"),
                        "value_count counts the values of one");
      }
      return;
    }
    document_.value_fields = ParseNames(reader, "field", true);
    for (const NameNode& name : document_.value_fields) {
      rule_.value_fields.push_back(name.name);
    }
    if (rule_.type != RuleType::kValueCount &&
        document_.value_fields.size() > 1) {
      reporter_.Error(*document_.value_fields[1].node, "bad-value",
                      absl::StrCat(type, " reads one field"));
    }
  }

  void ParsePercentile(yaml::MapReader* reader) {
    if (rule_.type == RuleType::kValuePercentile) {
      if (!reader->Has("percentile")) {
        reader->Require("percentile");
        return;
      }
      rule_.percentile = reader->Double("percentile", 50, 0, 100);
    } else if (const yaml::Node* node = reader->Get("percentile")) {
      reporter_.Error(*node, "bad-value",
                      "only value_percentile has a percentile");
    }
  }

  void LintCondition(const yaml::Node& condition) {
    if (rule_.condition.size() > 1) {
      reporter_.Lint(condition, "portability",
                     "other Sigma tools may take one comparison only");
    }
    for (const auto& entry : condition.map) {
      const yaml::Node& value = entry.second;
      if (value.kind == yaml::Node::Kind::kDouble &&
          value.number != std::floor(value.number)) {
        reporter_.Lint(value, "portability",
                       "other Sigma tools may cut this to a whole number");
      }
    }
    if (document_.value_fields.size() > 1) {
      reporter_.Lint(*condition.Find("field"), "portability",
                     "other Sigma tools may take one field only; here the "
                     "fields are counted as a tuple");
    }
  }

  void ParseTemporal(const yaml::Node* condition) {
    if (condition != nullptr && condition->is_map()) {
      ParseTemporalCount(*condition);
    } else if (condition != nullptr && !condition->is_null()) {
      absl::optional<Condition> parsed = ParseCondition(
          *condition, ConditionLanguage::kCorrelation, &reporter_);
      if (!parsed) return;
      reporter_.Lint(*condition, "portability",
                     "other Sigma tools may not know conditions over the names "
                     "of rules");
      document_.temporal = *std::move(parsed);
      document_.temporal_node = condition;
      CollectNames(*document_.temporal);
    }
    if (document_.inputs.size() == 1 &&
        rule_.type == RuleType::kTemporalOrdered) {
      reporter_.Error(*document_.inputs[0].node, "bad-value",
                      "temporal_ordered needs two rules or more");
    }
  }

  // A count of rules seen. "All of them" is what temporal means by itself; less
  // becomes a boolean expression once the rules are known.
  void ParseTemporalCount(const yaml::Node& condition) {
    yaml::MapReader reader(reporter_.file(), &condition, reporter_.issues());
    const std::vector<Comparison> comparisons = ParseComparisons(&reader);
    reader.Finish();
    if (reporter_.has_errors() || comparisons.empty()) return;
    const int rules = static_cast<int>(document_.inputs.size());
    int least = 0;  // the least number of rules that satisfies it
    while (least <= rules && !Hold(comparisons, least)) ++least;
    for (int n = least; n <= rules; ++n) {
      if (Hold(comparisons, n)) continue;
      reporter_.Error(condition, "bad-condition",
                      "a temporal condition that more rules make false is not "
                      "supported",
                      "write it with the rules' names and `not`");
      return;
    }
    if (least > rules) {
      reporter_.Error(condition, "bad-condition",
                      absl::StrCat("the condition asks for more than the ",
                                   rules, " rules there are"));
      return;
    }
    if (least == 0) {
      reporter_.Error(condition, "bad-condition",
                      "the condition holds when nothing happened");
      return;
    }
    if (least == rules) return;
    if (rule_.type == RuleType::kTemporalOrdered) {
      reporter_.Error(condition, "bad-condition",
                      "temporal_ordered with a part of its rules is not "
                      "supported",
                      "it needs all of them, in their order");
      return;
    }
    BuildThreshold(condition, rules, least);
  }

  static bool Hold(const std::vector<Comparison>& comparisons, int n) {
    return std::all_of(comparisons.begin(), comparisons.end(),
                       [n](const Comparison& c) { return c.Holds(n); });
  }

  // "At least `least` of `rules`" as an OR over ANDs.
  void BuildThreshold(const yaml::Node& condition, int rules, int least) {
    constexpr int kMaxTerms = 256;
    std::vector<bool> chosen(rules, false);
    std::fill(chosen.begin(), chosen.begin() + least, true);
    Condition any;
    any.op = Condition::Op::kOr;
    do {
      Condition all;
      all.op = Condition::Op::kAnd;
      for (int i = 0; i < rules; ++i) {
        if (!chosen[i]) continue;
        Condition name;
        name.name = document_.inputs[i].name;
        all.children.push_back(std::move(name));
      }
      if (all.children.size() == 1) {
        Condition one = std::move(all.children.front());
        all = std::move(one);
      }
      any.children.push_back(std::move(all));
      if (any.children.size() > kMaxTerms) {
        reporter_.Error(condition, "too-large",
                        "the condition has too many combinations of rules");
        return;
      }
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
    document_.temporal = std::move(any);
    document_.temporal_node = &condition;
  }

  // Every name in the expression is a rule; every rule is in the expression.
  void CollectNames(const Condition& condition) {
    std::vector<const Condition*> names;
    Walk(condition, &names);
    const bool given = !document_.inputs.empty();
    for (const Condition* name : names) {
      const bool known = std::any_of(
          document_.inputs.begin(), document_.inputs.end(),
          [&](const NameNode& input) { return input.name == name->name; });
      if (known) continue;
      if (!given) {
        document_.inputs.push_back({name->name, document_.temporal_node});
        continue;
      }
      std::vector<std::string> known_names;
      for (const NameNode& input : document_.inputs) {
        known_names.push_back(input.name);
      }
      reporter_.ErrorWithin(
          *document_.temporal_node, name->offset, name->name.size(),
          "unknown-rule",
          absl::StrCat("\"", name->name, "\" is not one of `rules`"),
          SuggestionHint(name->name, known_names));
    }
    for (const NameNode& input : document_.inputs) {
      const bool used = std::any_of(
          names.begin(), names.end(),
          [&](const Condition* name) { return name->name == input.name; });
      if (!used) {
        reporter_.Error(
            *input.node, "unused-rule",
            absl::StrCat("the condition does not use \"", input.name, "\""));
      }
    }
  }

  static void Walk(const Condition& condition,
                   std::vector<const Condition*>* names) {
    if (condition.op == Condition::Op::kName) names->push_back(&condition);
    for (const Condition& child : condition.children) Walk(child, names);
  }

  RuleDocument& document_;
  Rule& rule_;
  Reporter& reporter_;
  yaml::MapReader reader_;
};

}  // namespace

void ParseCorrelation(const yaml::Node& node, RuleDocument* document) {
  CorrelationParser(node, document).Parse();
}

}  // namespace keywatch
