#include "daemon/rules/rule_names.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/core/issue.h"

namespace keywatch {
namespace {

std::string Place(const RuleDocument& document) {
  return absl::StrCat(document.rule.file, ":", document.rule.line);
}

}  // namespace

RuleNames::RuleNames(std::vector<std::unique_ptr<RuleDocument>>* documents)
    : documents_(*documents) {
  for (size_t i = 0; i < documents_.size(); ++i) {
    RuleDocument& document = *documents_[i];
    Rule& rule = document.rule;
    const bool has_name = !rule.name.empty();
    if (rule.id.empty()) {
      rule.id = RuleId(absl::StrCat(rule.file, "#", document.position));
    }
    if (!has_name) rule.name = rule.id.str();
    if (rule.title.empty()) rule.title = rule.name;
    const auto [it, inserted] = by_id_.try_emplace(rule.id.str(), i);
    if (!inserted) {
      const yaml::Node* id = document.node->Find("id");
      document.Refuse(
          id != nullptr ? *id : *document.node, "duplicate-id",
          absl::StrCat("the id \"", rule.id.str(), "\" is used twice"),
          absl::StrCat("first at ", Place(*documents_[it->second])));
    }
    if (!has_name) continue;
    std::vector<size_t>& same = by_name_[rule.name];
    if (!same.empty()) {
      document.reporter.Lint(
          *document.node->Find("name"), "duplicate-name",
          absl::StrCat("the name \"", rule.name, "\" is used twice"),
          absl::StrCat("first at ", Place(*documents_[same.front()])));
    }
    same.push_back(i);
  }
}

absl::optional<size_t> RuleNames::Find(const NameNode& name,
                                       RuleDocument* from) const {
  const auto id = by_id_.find(name.name);
  size_t found = documents_.size();
  if (id != by_id_.end()) {
    found = id->second;
  } else {
    const auto named = by_name_.find(name.name);
    if (named == by_name_.end()) {
      from->Refuse(
          *name.node, "unknown-rule",
          absl::StrCat("no rule has the id or name \"", name.name, "\""),
          Hint(name.name));
      return absl::nullopt;
    }
    if (named->second.size() > 1) {
      from->Refuse(*name.node, "ambiguous-rule",
                   absl::StrCat("two rules have the name \"", name.name, "\""),
                   absl::StrCat(Place(*documents_[named->second[0]]), " and ",
                                Place(*documents_[named->second[1]])));
      return absl::nullopt;
    }
    found = named->second.front();
  }
  if (documents_[found]->kind == RuleDocument::Kind::kFilter) {
    from->Refuse(*name.node, "unknown-rule",
                 absl::StrCat("\"", name.name, "\" is a filter, not a rule"));
    return absl::nullopt;
  }
  return found;
}

bool RuleNames::RefersTo(const std::string& name, size_t document) const {
  return documents_[document]->rule.id.str() == name ||
         documents_[document]->rule.name == name;
}

std::string RuleNames::Hint(absl::string_view name) const {
  // By edit distance over thousands of rules: only where the lengths are near
  // enough to be a misspelling.
  constexpr size_t kMaxNames = 2000;
  std::vector<std::string> names;
  for (const auto& entry : by_name_) {
    const size_t size = entry.first.size();
    if (size <= name.size() + 3 && name.size() <= size + 3) {
      names.push_back(entry.first);
    }
  }
  if (names.size() > kMaxNames) return "";
  std::sort(names.begin(), names.end());
  const std::string nearest = NearestWord(name, names);
  return nearest.empty() ? "" : absl::StrCat("did you mean \"", nearest, "\"?");
}

}  // namespace keywatch
