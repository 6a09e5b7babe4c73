#include "daemon/rules/filter_folder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/event.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

// What copies of filters in rules can grow to.
constexpr size_t kMaxNodes = 5'000'000;

// The attributes that a filter sets are those of the rule.
bool Covers(const LogSourceSpec& filter, const LogSourceSpec& rule) {
  return (filter.product.empty() || filter.product == rule.product) &&
         (filter.category.empty() || filter.category == rule.category) &&
         (filter.service.empty() || filter.service == rule.service);
}

// What the filter asks of an event. When it expires is judged by the event's
// own time: a replay of an old log gives what was given then, and nothing
// changes at midnight but the events.
Expression UntilExpiry(const RuleDocument& filter) {
  if (filter.expires_ms == 0) return filter.expression;
  auto before = std::make_shared<Predicate>();
  before->kind = Predicate::Kind::kBefore;
  before->field = std::string(field::kTimestamp);
  before->until_ms = filter.expires_ms;
  std::vector<Expression> either;
  either.push_back(Expression::Not(Expression::Of(std::move(before))));
  either.push_back(filter.expression);
  return Expression::Or(std::move(either));
}

}  // namespace

void FilterFolder::Fold() {
  for (auto& document : documents_) {
    if (document->kind == RuleDocument::Kind::kFilter && !document->refused) {
      Apply(document.get());
    }
  }
  // One level for all of a rule's filters, beside the rule's own expression.
  for (auto& [index, parts] : parts_) {
    RuleDocument& rule = *documents_[index];
    std::vector<Expression> all;
    all.push_back(std::move(rule.expression));
    for (Expression& part : parts) all.push_back(std::move(part));
    rule.expression = Expression::And(std::move(all));
  }
}

std::vector<size_t> FilterFolder::Targets(RuleDocument* filter) const {
  std::vector<size_t> targets;
  if (filter->any_rule) {
    for (size_t i = 0; i < documents_.size(); ++i) {
      const RuleDocument& document = *documents_[i];
      if (document.kind == RuleDocument::Kind::kDetection &&
          !document.refused && Covers(filter->logsource, document.logsource)) {
        targets.push_back(i);
      }
    }
  }
  for (const NameNode& name : filter->targets) {
    const absl::optional<size_t> found = names_.Find(name, filter);
    if (!found) continue;
    const RuleDocument& rule = *documents_[*found];
    if (rule.refused) {
      filter->Refuse(*name.node, "refused-rule",
                     absl::StrCat("the rule \"", name.name, "\" was refused"));
    } else if (rule.kind != RuleDocument::Kind::kDetection) {
      filter->Refuse(*name.node, "not-a-detection",
                     absl::StrCat("\"", name.name,
                                  "\" is no detection; filters apply to "
                                  "events"),
                     "name the rules that it correlates");
    } else if (!Covers(filter->logsource, rule.logsource)) {
      filter->Refuse(*name.node, "logsource-mismatch",
                     absl::StrCat("the filter's logsource is not that of \"",
                                  name.name, "\""));
    } else {
      targets.push_back(*found);
    }
  }
  return targets;
}

void FilterFolder::Apply(RuleDocument* filter) {
  if (filter->expires_ms != 0 && options_.now_ms != 0 &&
      filter->expires_ms <= options_.now_ms) {
    filter->reporter.Warning(
        *filter->node->Find("expires"), "expired-filter",
        absl::StrCat("the filter expired: it does nothing for events from ",
                     FormatTime(filter->expires_ms), " on",
                     filter->owner.empty()
                         ? ""
                         : absl::StrCat("; its owner is ", filter->owner)),
        "renew it or delete it");
  }
  const std::vector<size_t> targets = Targets(filter);
  if (filter->refused) return;
  nodes_ += targets.size() * filter->expression.Size();
  if (nodes_ > kMaxNodes) {
    filter->Refuse(*filter->node, "too-large",
                   "the filters make more than 5,000,000 tests over all "
                   "rules");
    return;
  }
  for (const size_t target : targets) {
    Expression part = UntilExpiry(*filter);
    part.label = absl::StrCat("filter ", filter->rule.title);
    parts_[target].push_back(std::move(part));
  }
}

}  // namespace keywatch
