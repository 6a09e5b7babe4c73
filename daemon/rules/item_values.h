#ifndef DAEMON_RULES_ITEM_VALUES_H_
#define DAEMON_RULES_ITEM_VALUES_H_

#include "absl/types/optional.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/modifier.h"
#include "daemon/rules/reporter.h"

namespace keywatch {

// ItemValueParser turns the values of one detection item into expressions, as
// the item's modifiers say. Thread-compatible.
class ItemValueParser {
 public:
  // All must outlive the parser.
  ItemValueParser(const ModifierChain& chain, const CompileOptions& options,
                  Reporter* reporter)
      : chain_(chain), options_(options), reporter_(reporter) {}

  // The expression of one scalar; nothing when it is refused.
  absl::optional<Expression> Parse(const yaml::Node& value);

 private:
  absl::optional<Expression> ParsePlain(const yaml::Node& value);
  absl::optional<Expression> ParseText(const yaml::Node& value);
  absl::optional<Expression> ParseRegex(const yaml::Node& value);
  absl::optional<Expression> ParseCidr(const yaml::Node& value);
  absl::optional<Expression> ParseExists(const yaml::Node& value);
  absl::optional<Expression> ParseComparison(const yaml::Node& value);
  absl::optional<Expression> ParseFieldRef(const yaml::Node& value);

  // Replaces the placeholders of `pattern` by every combination of their
  // values. `plain` takes values as they stand, else `*` and `?` in them are
  // wildcards.
  bool Expand(const yaml::Node& value, Pattern pattern, bool plain,
              std::vector<Pattern>* results);
  bool ApplyTransforms(const yaml::Node& value, std::vector<Pattern>* values);
  // Whether the rule may still make so much of itself; refused when not.
  bool Affords(const yaml::Node& value, size_t bytes);
  absl::optional<Expression> Refuse(const yaml::Node& value, std::string code,
                                    std::string message, std::string hint = "");
  std::shared_ptr<Predicate> NewPredicate(Predicate::Kind kind) const;

  const ModifierChain& chain_;
  const CompileOptions& options_;
  Reporter* reporter_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_ITEM_VALUES_H_
