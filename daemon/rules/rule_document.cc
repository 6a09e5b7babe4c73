#include "daemon/rules/rule_document.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/rules/selections.h"

namespace keywatch {
namespace {

constexpr const char* kKindKeys[] = {"detection", "correlation", "filter",
                                     "anomaly"};

// The one kind that the document is of, by the key that it has.
RuleDocument::Kind FindKind(RuleDocument* document) {
  Reporter& reporter = document->reporter;
  const yaml::Node& node = *document->node;
  std::vector<const yaml::Node*> found;
  RuleDocument::Kind kind = RuleDocument::Kind::kUnknown;
  for (int i = 0; i < 4; ++i) {
    const yaml::Node* key = node.FindKey(kKindKeys[i]);
    if (key == nullptr) continue;
    if (found.empty()) kind = static_cast<RuleDocument::Kind>(i + 1);
    found.push_back(key);
  }
  if (found.size() > 1) {
    reporter.Error(*found[1], "two-kinds",
                   absl::StrCat("a document has either `", found[0]->text,
                                "` or `", found[1]->text, "`, not both"),
                   "divide it into two documents with ---");
    return kind;
  }
  if (!found.empty()) return kind;
  std::vector<std::string> kinds(std::begin(kKindKeys), std::end(kKindKeys));
  for (const auto& entry : node.map) {
    const std::string nearest = NearestWord(entry.first.text, kinds);
    if (nearest.empty()) continue;
    reporter.Error(
        entry.first, "no-rule",
        absl::StrCat("`", entry.first.text, "` is not a part of any rule"),
        absl::StrCat("did you mean \"", nearest, "\"?"));
    return kind;
  }
  reporter.Error(node, "no-rule",
                 "no rule: there is no `detection`, `correlation`, `filter` "
                 "or `anomaly`");
  return kind;
}

// `node` is anything below `detection`: field names are the keys of its maps.
void CollectFieldKeys(const yaml::Node& node,
                      std::vector<const yaml::Node*>* keys) {
  for (const yaml::Node& item : node.list) CollectFieldKeys(item, keys);
  for (const auto& entry : node.map) keys->push_back(&entry.first);
}

// Any name may be a path of the raw record: only names that are nearly one of
// the normalised fields are worth a word.
void LintFieldNames(const yaml::Node& node, const CompileOptions& options,
                    RuleDocument* document) {
  if (!options.lint || !options.known_fields) return;
  const std::vector<std::string> known =
      options.known_fields(document->logsource);
  if (known.empty()) return;
  std::vector<const yaml::Node*> keys;
  for (const auto& entry : node.map) CollectFieldKeys(entry.second, &keys);
  for (const yaml::Node* key : keys) {
    const std::string field = key->text.substr(0, key->text.find('|'));
    if (field.empty() || absl::c_linear_search(known, field)) continue;
    const std::string nearest = NearestWord(field, known);
    const auto root = [](const std::string& name) {
      return name.substr(0, name.find('.'));
    };
    if (nearest.empty() || (root(nearest) != root(field) &&
                            !absl::EqualsIgnoreCase(nearest, field))) {
      continue;
    }
    document->reporter.LintWithin(
        *key, 0, field.size(), "unknown-field",
        absl::StrCat("no format of this log source gives \"", field, "\""),
        absl::StrCat("did you mean \"", nearest, "\"?"));
  }
}

}  // namespace

absl::string_view DocumentKindName(RuleDocument::Kind kind) {
  return kind == RuleDocument::Kind::kUnknown
             ? ""
             : kKindKeys[static_cast<int>(kind) - 1];
}

void ParseDetection(const yaml::Node& node, const CompileOptions& options,
                    RuleDocument* document) {
  document->rule.type = RuleType::kDetection;
  absl::optional<SelectionSet> set =
      ParseSelectionSet(*document->node->FindKey("detection"), node, {},
                        options, &document->reporter);
  if (!set) return;
  document->expression = std::move(set->expression);
  for (const Condition& condition : set->conditions) {
    document->conditions.push_back(condition.ToString());
  }
  LintFieldNames(node, options, document);
  const LogSourceSpec& source = document->logsource;
  if (source.product.empty() && source.category.empty() &&
      source.service.empty()) {
    document->reporter.Lint(node, "no-logsource",
                            "without `logsource` the rule looks at every "
                            "event");
  }
}

std::unique_ptr<RuleDocument> ParseRuleDocument(const yaml::File& file,
                                                const yaml::Node& node,
                                                int position,
                                                const CompileOptions& options) {
  auto document = std::make_unique<RuleDocument>(file, node, options.lint);
  document->position = position;
  document->rule.file = file.name();
  document->rule.line = node.line;
  if (!node.is_map()) {
    document->reporter.Error(
        node, "no-rule",
        absl::StrCat("a rule is a map, not ", yaml::KindName(node.kind)));
    document->refused = true;
    return document;
  }
  document->kind = FindKind(document.get());
  ParseHeader(document.get());
  const absl::string_view key = DocumentKindName(document->kind);
  const yaml::Node* body = key.empty() ? nullptr : node.Find(key);
  if (body != nullptr && !body->is_map()) {
    document->reporter.Error(
        *body, "bad-value",
        absl::StrCat("`", key, "` is a map, not ", yaml::KindName(body->kind)));
  } else if (body != nullptr) {
    switch (document->kind) {
      case RuleDocument::Kind::kDetection:
        ParseDetection(*body, options, document.get());
        break;
      case RuleDocument::Kind::kCorrelation:
        ParseCorrelation(*body, document.get());
        break;
      case RuleDocument::Kind::kFilter:
        ParseFilter(*body, options, document.get());
        break;
      case RuleDocument::Kind::kAnomaly:
        ParseAnomaly(*body, document.get());
        break;
      case RuleDocument::Kind::kUnknown:
        break;
    }
  }
  document->refused = document->reporter.has_errors();
  return document;
}

}  // namespace keywatch
