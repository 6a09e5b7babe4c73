#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/rules/condition.h"
#include "daemon/rules/pattern.h"

namespace keywatch {
namespace {

using Op = Condition::Op;

// What a detection can grow to when its condition names selections many times.
constexpr size_t kMaxNodes = 200'000;

// In patterns only `*` is special.
Pattern NamePattern(absl::string_view text) {
  Pattern pattern;
  std::string literal;
  for (const char c : text) {
    if (c != '*') {
      literal.push_back(c);
      continue;
    }
    pattern.AppendText(literal);
    literal.clear();
    pattern.Append({Pattern::Part::Kind::kAnyRun, ""});
  }
  pattern.AppendText(literal);
  return pattern;
}

class Resolver {
 public:
  Resolver(const yaml::Node& node, std::vector<Selection>* selections,
           Reporter* reporter)
      : node_(node), selections_(*selections), reporter_(reporter) {}

  absl::optional<Expression> Resolve(const Condition& condition) {
    switch (condition.op) {
      case Op::kName:
        return ResolveName(condition);
      case Op::kAnyOf:
      case Op::kAllOf:
        return ResolveOf(condition);
      case Op::kNot: {
        absl::optional<Expression> child = Resolve(condition.children.front());
        if (!child) return absl::nullopt;
        return Expression::Not(*std::move(child));
      }
      case Op::kAnd:
      case Op::kOr: {
        std::vector<Expression> children;
        bool ok = true;
        for (const Condition& child : condition.children) {
          absl::optional<Expression> resolved = Resolve(child);
          if (resolved) {
            children.push_back(*std::move(resolved));
          } else {
            ok = false;
          }
        }
        if (!ok) return absl::nullopt;
        return condition.op == Op::kAnd ? Expression::And(std::move(children))
                                        : Expression::Or(std::move(children));
      }
    }
    return absl::nullopt;
  }

 private:
  absl::optional<Expression> Take(Selection* selection) {
    selection->used = true;
    nodes_ += selection->expression.Size();
    if (nodes_ > kMaxNodes) {
      if (!too_large_) {
        reporter_->Error(node_, "too-large",
                         "the condition makes more than 200,000 tests");
      }
      too_large_ = true;
      return absl::nullopt;
    }
    return selection->expression;
  }

  absl::optional<Expression> ResolveName(const Condition& condition) {
    std::vector<std::string> names;
    for (Selection& selection : selections_) {
      if (selection.name == condition.name) return Take(&selection);
      names.push_back(selection.name);
    }
    reporter_->ErrorWithin(
        node_, condition.offset, condition.name.size(), "unknown-selection",
        absl::StrCat("no selection is named \"", condition.name, "\""),
        SuggestionHint(condition.name, names));
    return absl::nullopt;
  }

  absl::optional<Expression> ResolveOf(const Condition& condition) {
    const bool them = absl::EqualsIgnoreCase(condition.name, "them");
    const Pattern pattern = NamePattern(them ? "*" : condition.name);
    std::vector<Expression> children;
    Pattern open = pattern;
    open.OpenEnd();
    const Selection* longer = nullptr;  // fits only as far as the pattern goes
    std::vector<std::string> names;
    bool hidden = false;
    for (Selection& selection : selections_) {
      names.push_back(selection.name);
      if (!pattern.Matches(selection.name)) {
        if (longer == nullptr && !absl::StartsWith(selection.name, "_") &&
            open.Matches(selection.name)) {
          longer = &selection;
        }
        continue;
      }
      // Names that begin with _ are for use by name only.
      if (absl::StartsWith(selection.name, "_")) {
        hidden = true;
        continue;
      }
      absl::optional<Expression> child = Take(&selection);
      if (!child) return absl::nullopt;
      children.push_back(*std::move(child));
    }
    if (children.empty()) {
      std::string hint = hidden ? "names that begin with _ are not in patterns"
                                : SuggestionHint(condition.name, names);
      if (!hidden && !them && !absl::StrContains(condition.name, '*')) {
        hint = absl::StrCat("a pattern needs *: ", condition.name, "*");
      }
      reporter_->ErrorWithin(
          node_, condition.offset, condition.name.size(), "unknown-selection",
          absl::StrCat("no selection fits \"", condition.name, "\""),
          std::move(hint));
      return absl::nullopt;
    }
    if (longer != nullptr) {
      reporter_->LintWithin(
          node_, condition.offset, condition.name.size(), "portability",
          absl::StrCat("other Sigma tools compare the beginning only, and take "
                       "\"",
                       longer->name, "\" as well"),
          "give selections names that do not begin alike");
    }
    if (them && condition.op == Op::kAllOf) {
      reporter_->Lint(node_, "all-of-them",
                      "with \"all of them\" a filter that is added later "
                      "would have to match too",
                      "write all of selection*");
    }
    return condition.op == Op::kAllOf ? Expression::And(std::move(children))
                                      : Expression::Or(std::move(children));
  }

  const yaml::Node& node_;
  std::vector<Selection>& selections_;
  Reporter* reporter_;
  size_t nodes_ = 0;
  bool too_large_ = false;
};

}  // namespace

absl::optional<Expression> ResolveCondition(const Condition& condition,
                                            const yaml::Node& node,
                                            std::vector<Selection>* selections,
                                            Reporter* reporter) {
  return Resolver(node, selections, reporter).Resolve(condition);
}

}  // namespace keywatch
