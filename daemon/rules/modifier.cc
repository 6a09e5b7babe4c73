#include "daemon/rules/modifier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/core/field_table.h"

namespace keywatch {
namespace {

using Test = ModifierChain::Test;

// One modifier where it stands in the key.
struct Written {
  std::string name;
  size_t offset = 0;
};

struct NamedTransform {
  const char* name;
  Transform transform;
};
constexpr NamedTransform kTransforms[] = {
    {"contains", Transform::kContains},
    {"startswith", Transform::kStartsWith},
    {"endswith", Transform::kEndsWith},
    {"windash", Transform::kWindash},
    {"base64", Transform::kBase64},
    {"base64offset", Transform::kBase64Offset},
    {"utf16le", Transform::kUtf16Le},
    {"wide", Transform::kUtf16Le},
    {"utf16be", Transform::kUtf16Be},
    {"utf16", Transform::kUtf16},
};

struct NamedComparison {
  const char* name;
  Comparison::Op op;
};
constexpr NamedComparison kComparisons[] = {{"lt", Comparison::Op::kLt},
                                            {"lte", Comparison::Op::kLte},
                                            {"gt", Comparison::Op::kGt},
                                            {"gte", Comparison::Op::kGte}};

struct NamedTimePart {
  const char* name;
  Predicate::TimePart part;
};
constexpr NamedTimePart kTimeParts[] = {
    {"minute", Predicate::TimePart::kMinute},
    {"hour", Predicate::TimePart::kHour},
    {"day", Predicate::TimePart::kDay},
    {"week", Predicate::TimePart::kWeek},
    {"month", Predicate::TimePart::kMonth},
    {"year", Predicate::TimePart::kYear}};

bool IsAffix(Transform t) {
  return t == Transform::kContains || t == Transform::kStartsWith ||
         t == Transform::kEndsWith;
}

bool IsAffixName(absl::string_view name) {
  return name == "contains" || name == "startswith" || name == "endswith";
}

bool IsUtf16(Transform t) {
  return t == Transform::kUtf16Le || t == Transform::kUtf16Be ||
         t == Transform::kUtf16;
}

bool IsBase64(Transform t) {
  return t == Transform::kBase64 || t == Transform::kBase64Offset;
}

// The flag letter of a regular expression's sub-modifier, "" for others.
std::string RegexFlag(absl::string_view name) {
  if (name == "i" || name == "ignorecase") return "i";
  if (name == "m" || name == "multiline") return "m";
  if (name == "s" || name == "dotall") return "s";
  return "";
}

// Reads the chain from left to right and refuses at the first modifier that
// does not fit those before it.
class ChainParser {
 public:
  ChainParser(const yaml::Node& key, Reporter* reporter)
      : key_(key), reporter_(reporter) {}

  absl::optional<ModifierChain> Parse();

 private:
  bool Take(const Written& modifier);
  bool TakeTransform(const Written& modifier, Transform transform);
  bool TakeTest(const Written& modifier, Test test);
  bool Check();
  bool CheckKeyword();
  void LintOrder();

  bool Refuse(const Written& at, std::string message, std::string hint = "") {
    reporter_->ErrorWithin(key_, at.offset, at.name.size(),
                           "modifier-combination", std::move(message),
                           std::move(hint));
    return false;
  }
  const Written* Find(absl::string_view name) const {
    for (const Written& modifier : written_) {
      if (modifier.name == name) return &modifier;
    }
    return nullptr;
  }

  const yaml::Node& key_;
  Reporter* reporter_;
  ModifierChain chain_;
  std::vector<Written> written_;
  bool compared_ = false;
  // The modifier that decided chain_.test.
  std::string test_name_;
};

bool ChainParser::TakeTest(const Written& modifier, Test test) {
  if (chain_.test != Test::kValue) {
    return Refuse(modifier,
                  absl::StrCat("\"", test_name_, "\" and \"", modifier.name,
                               "\" cannot be combined"));
  }
  chain_.test = test;
  test_name_ = modifier.name;
  return true;
}

bool ChainParser::TakeTransform(const Written& modifier, Transform transform) {
  for (const Transform before : chain_.transforms) {
    if (IsAffix(before) && IsAffix(transform)) {
      return Refuse(modifier,
                    "only one of contains, startswith and endswith can apply");
    }
    if (IsUtf16(before) && IsUtf16(transform)) {
      return Refuse(modifier, "a value can be encoded as UTF-16 only once");
    }
    if (IsBase64(before) && IsBase64(transform)) {
      return Refuse(modifier, "a value can be encoded in Base64 only once");
    }
    if (IsAffix(before) && IsBase64(transform)) {
      return Refuse(modifier, "Base64 of a value with wildcards has no meaning",
                    "put the encoding first: base64offset|contains");
    }
    if ((IsBase64(before) || IsUtf16(before)) &&
        transform == Transform::kWindash) {
      return Refuse(modifier, "windash of an encoded value has no meaning",
                    "put windash before the encoding");
    }
  }
  chain_.transforms.push_back(transform);
  return true;
}

bool ChainParser::Take(const Written& modifier) {
  const std::string& name = modifier.name;
  for (const Written& before : written_) {
    if (before.name == name) {
      return Refuse(modifier, absl::StrCat("\"", name, "\" is given twice"));
    }
  }
  for (const NamedTransform& t : kTransforms) {
    if (name == t.name) return TakeTransform(modifier, t.transform);
  }
  for (const NamedComparison& c : kComparisons) {
    if (name != c.name) continue;
    if (compared_) {
      return Refuse(modifier, "only one of lt, lte, gt and gte can apply",
                    "a range is two items: the field once for each bound");
    }
    compared_ = true;
    chain_.compare = c.op;
    if (chain_.test == Test::kTimePart) return true;
    return TakeTest(modifier, Test::kCompare);
  }
  for (const NamedTimePart& t : kTimeParts) {
    if (name != t.name) continue;
    if (compared_) {
      return Refuse(modifier, absl::StrCat("\"", name, "\" belongs before \"",
                                           test_name_, "\""));
    }
    chain_.time_part = t.part;
    return TakeTest(modifier, Test::kTimePart);
  }
  const std::string flag = RegexFlag(name);
  if (!flag.empty()) {
    if (chain_.test != Test::kRegex) {
      return Refuse(modifier,
                    absl::StrCat("\"", name, "\" belongs behind \"re\""));
    }
    if (chain_.regex_flags.find(flag) != std::string::npos) {
      return Refuse(modifier, absl::StrCat("\"", name, "\" is given twice"));
    }
    chain_.regex_flags += flag;
    return true;
  }
  if (name == "all") {
    chain_.all = true;
    return true;
  }
  if (name == "neq") {
    chain_.negated = true;
    return true;
  }
  if (name == "cased") {
    chain_.cased = true;
    return true;
  }
  if (name == "expand") {
    for (const Transform t : chain_.transforms) {
      if (!IsAffix(t)) {
        return Refuse(modifier,
                      "placeholders must be expanded before they are encoded",
                      "put expand first");
      }
    }
    chain_.expand = true;
    return true;
  }
  if (name == "re") return TakeTest(modifier, Test::kRegex);
  if (name == "cidr") return TakeTest(modifier, Test::kCidr);
  if (name == "exists") return TakeTest(modifier, Test::kExists);
  if (name == "fieldref") return TakeTest(modifier, Test::kFieldRef);
  reporter_->ErrorWithin(key_, modifier.offset, name.size(), "unknown-modifier",
                         absl::StrCat("unknown modifier \"", name, "\""),
                         SuggestionHint(name, ModifierNames()));
  return false;
}

bool ChainParser::CheckKeyword() {
  if (!chain_.keyword) return true;
  if (chain_.test != Test::kValue && chain_.test != Test::kRegex) {
    return Refuse(*Find(test_name_),
                  absl::StrCat("\"", test_name_, "\" needs a field"));
  }
  for (const char* name : {"startswith", "endswith"}) {
    if (const Written* modifier = Find(name)) {
      return Refuse(*modifier, absl::StrCat("\"", name, "\" needs a field"),
                    "keywords are searched anywhere in the record");
    }
  }
  return true;
}

bool ChainParser::Check() {
  if (chain_.test == Test::kValue) return CheckKeyword();
  // The transforms and `cased` are about plain text values.
  const bool fieldref = chain_.test == Test::kFieldRef;
  const bool regex = chain_.test == Test::kRegex;
  for (const NamedTransform& t : kTransforms) {
    const Written* modifier = Find(t.name);
    if (modifier == nullptr) continue;
    if (fieldref && IsAffix(t.transform)) continue;
    // A regular expression is searched anywhere already.
    if (regex && t.transform == Transform::kContains) continue;
    const bool behind = modifier->offset > Find(test_name_)->offset;
    if (regex && IsAffix(t.transform) && behind) {
      (t.transform == Transform::kStartsWith ? chain_.regex_at_start
                                             : chain_.regex_at_end) = true;
      continue;
    }
    const std::string hint = regex && IsAffix(t.transform)
                                 ? absl::StrCat("put it behind: re|", t.name)
                                 : "";
    return Refuse(*modifier,
                  absl::StrCat("\"", t.name, "\" and \"", test_name_,
                               "\" cannot be combined"),
                  hint);
  }
  if (chain_.cased && !fieldref) {
    return Refuse(
        *Find("cased"),
        absl::StrCat("\"cased\" and \"", test_name_, "\" cannot be combined"),
        regex ? "re is case-sensitive unless |re|i says otherwise" : "");
  }
  if (chain_.expand && !regex && chain_.test != Test::kCidr) {
    return Refuse(*Find("expand"), absl::StrCat("\"expand\" and \"", test_name_,
                                                "\" cannot be combined"));
  }
  if (chain_.all && chain_.test == Test::kExists) {
    return Refuse(*Find("all"), "\"all\" and \"exists\" cannot be combined");
  }
  if (fieldref && !chain_.transforms.empty()) {
    switch (chain_.transforms.front()) {
      case Transform::kContains:
        chain_.relation = Predicate::Relation::kContains;
        break;
      case Transform::kStartsWith:
        chain_.relation = Predicate::Relation::kPrefix;
        break;
      default:
        chain_.relation = Predicate::Relation::kSuffix;
        break;
    }
  }
  chain_.transforms.clear();
  return CheckKeyword();
}

// Others apply these to values that nothing has changed yet.
void ChainParser::LintOrder() {
  if (test_name_.empty() || written_.front().name == test_name_) return;
  if (chain_.test == Test::kCompare || chain_.test == Test::kTimePart ||
      (chain_.test == Test::kFieldRef && !IsAffixName(written_.front().name))) {
    return;
  }
  const Written& test = *Find(test_name_);
  reporter_->LintWithin(
      key_, test.offset, test.name.size(), "portability",
      absl::StrCat("other Sigma tools take \"", test.name,
                   "\" as the first modifier only"),
      absl::StrCat("write ", test.name, "|", written_.front().name));
}

absl::optional<ModifierChain> ChainParser::Parse() {
  const std::vector<std::string> parts = absl::StrSplit(key_.text, '|');
  chain_.field = parts.front();
  if (chain_.field.empty()) {
    chain_.keyword = true;
    chain_.field = FieldTable::kAllStrings;
    if (parts.size() == 1) {
      reporter_->Error(key_, "empty-field", "the name of a field is empty");
      return absl::nullopt;
    }
  }
  size_t offset = parts.front().size() + 1;
  for (size_t i = 1; i < parts.size(); ++i) {
    const Written modifier{parts[i], offset};
    offset += parts[i].size() + 1;
    if (!Take(modifier)) return absl::nullopt;
    written_.push_back(modifier);
  }
  if (chain_.test == Test::kTimePart && !compared_) {
    chain_.compare = Comparison::Op::kEq;
  }
  if (!Check()) return absl::nullopt;
  LintOrder();
  if (chain_.test == Test::kTimePart && compared_) {
    reporter_->Lint(key_, "portability",
                    "other Sigma tools cannot compare a part of a time with "
                    "lt, lte, gt or gte",
                    "they take a list of values");
  }
  return std::move(chain_);
}

}  // namespace

const std::vector<std::string>& ModifierNames() {
  static const auto* const kNames = new std::vector<std::string>{
      "contains", "startswith",   "endswith", "all",     "cased", "exists",
      "neq",      "re",           "i",        "m",       "s",     "cidr",
      "base64",   "base64offset", "utf16le",  "utf16be", "utf16", "wide",
      "windash",  "lt",           "lte",      "gt",      "gte",   "minute",
      "hour",     "day",          "week",     "month",   "year",  "expand",
      "fieldref"};
  return *kNames;
}

absl::optional<ModifierChain> ParseModifiers(const yaml::Node& key,
                                             Reporter* reporter) {
  return ChainParser(key, reporter).Parse();
}

}  // namespace keywatch
