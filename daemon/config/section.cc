#include "daemon/config/section.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/config/hide_secrets.h"
#include "daemon/core/issue.h"

namespace keywatch {
namespace {

// Whether a URL has a user, or a parameter that is named as secrets are.
bool HoldsSecret(absl::string_view authority, absl::string_view rest) {
  if (absl::StrContains(authority, "@")) return true;
  const size_t query = rest.find('?');
  if (query == absl::string_view::npos) return false;
  for (absl::string_view parameter :
       absl::StrSplit(rest.substr(query + 1), absl::ByAnyChar("&#;"))) {
    if (IsSecretName(parameter.substr(0, parameter.find('='))) ||
        MaskSecrets(parameter) != parameter) {
      return true;
    }
  }
  return false;
}

}  // namespace

Section::Section(LoadContext* context, const yaml::Node* node, std::string path)
    : context_(context),
      path_(std::move(path)),
      reader_(context->file, node, context->issues) {}

std::string Section::KeyPath(absl::string_view key) const {
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
}

Section Section::Child(absl::string_view key) {
  return Section(context_, reader_.Get(key), KeyPath(key));
}

void Section::ForEach(absl::string_view key,
                      const std::function<void(Section*)>& read) {
  const yaml::Node* list = reader_.Get(key);
  if (list == nullptr || list->is_null()) return;
  if (!list->is_list()) {
    reader_.ErrorAt(*list, "wrong-type",
                    absl::StrCat("\"", key, "\" must be a list, not ",
                                 yaml::KindName(list->kind)),
                    "each element begins with -");
    return;
  }
  for (const yaml::Node& element : list->list) {
    if (!element.is_map()) {
      reader_.ErrorAt(
          element, "wrong-type",
          absl::StrCat("the elements of \"", key, "\" must be maps, not ",
                       yaml::KindName(element.kind)),
          "- name: ...");
      continue;
    }
    Section section(context_, &element, absl::StrCat(KeyPath(key), "[]"));
    read(&section);
  }
}

std::vector<std::pair<const yaml::Node*, const yaml::Node*>> Section::Entries(
    absl::string_view key) {
  std::vector<std::pair<const yaml::Node*, const yaml::Node*>> entries;
  const yaml::Node* map = reader_.Get(key);
  if (map == nullptr || map->is_null()) return entries;
  if (!map->is_map()) {
    reader_.ErrorAt(*map, "wrong-type",
                    absl::StrCat("\"", key, "\" must be a map, not ",
                                 yaml::KindName(map->kind)),
                    "name: value");
    return entries;
  }
  for (const auto& entry : map->map) {
    entries.emplace_back(&entry.first, &entry.second);
  }
  return entries;
}

std::vector<const yaml::Node*> Section::Scalars(absl::string_view key) {
  std::vector<const yaml::Node*> scalars;
  const yaml::Node* value = reader_.Get(key);
  // Strings reports what is wrong with it.
  if (reader_.Strings(key).empty()) return scalars;
  if (value->is_scalar()) return {value};
  for (const yaml::Node& element : value->list) {
    if (element.is_scalar() && !element.is_null()) scalars.push_back(&element);
  }
  return scalars;
}

std::vector<std::pair<std::string, std::string>> Section::Headers(
    absl::string_view key) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& entry : Entries(key)) {
    const std::string& name = entry.first->text;
    const yaml::Node& value = *entry.second;
    const bool good_name =
        !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
          return absl::ascii_isalnum(c) ||
                 absl::string_view("!#$%&'*+-.^_`|~").find(c) !=
                     absl::string_view::npos;
        });
    if (!good_name) {
      reader_.ErrorAt(*entry.first, "bad-header",
                      absl::StrCat("\"", name, "\" is no header name"),
                      "letters, digits and -");
    } else if (absl::EqualsIgnoreCase(name, "authorization")) {
      HiddenError(*entry.first, "secret-in-config",
                  "a secret does not belong into the configuration",
                  "write bearer: {file: PATH} instead of this header");
    } else if (!value.is_scalar() || value.is_null()) {
      reader_.ErrorAt(value, "wrong-type",
                      absl::StrCat("a header must be text, not ",
                                   yaml::KindName(value.kind)),
                      "Name: value");
    } else if (value.text.find_first_of("\r\n") != std::string::npos) {
      reader_.ErrorAt(value, "bad-header", "a header has one line",
                      "remove the line break");
    } else {
      headers.emplace_back(name, value.text);
    }
  }
  return headers;
}

void Section::CheckUrl(const yaml::Node& node, bool carries_secret) {
  const absl::string_view url = node.text;
  const bool http = absl::StartsWith(url, "http://");
  if (!http && !absl::StartsWith(url, "https://")) {
    reader_.ErrorAt(node, "bad-url", "must be an http:// or https:// URL",
                    absl::StrContains(url, "://")
                        ? "other schemes are not spoken"
                        : absl::StrCat("did you mean \"http://", url, "\"?"));
    return;
  }
  const absl::string_view rest = url.substr(url.find("://") + 3);
  absl::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (HoldsSecret(authority, rest)) {
    HiddenError(node, "secret-in-config",
                "a secret does not belong into the URL",
                "write bearer: {file: PATH} instead");
    return;
  }
  const absl::string_view host =
      absl::StartsWith(authority, "[")
          ? authority.substr(1, authority.find(']') - 1)
          : authority.substr(0, authority.find(':'));
  const bool blanks = std::any_of(url.begin(), url.end(), [](char c) {
    return absl::ascii_isspace(c) || absl::ascii_iscntrl(c);
  });
  if (host.empty() || blanks) {
    reader_.ErrorAt(node, "bad-url", "the URL has no host, or blanks in it",
                    "https://HOST/PATH");
    return;
  }
  const bool local =
      host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
  if (http && carries_secret && !local) {
    reader_.ErrorAt(node, "plain-http",
                    "the token would be sent without encryption",
                    "use https://");
  }
}

void Section::StatusError(const yaml::Node& node, std::string code,
                          const absl::Status& status) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(status.message(), absl::MaxSplits("; ", 1));
  reader_.ErrorAt(node, std::move(code), parts.first, parts.second);
}

void Section::HiddenError(const yaml::Node& node, std::string code,
                          std::string message, std::string hint) {
  Issue issue =
      context_->file.At(node, Issue::Severity::kError, std::move(code),
                        std::move(message), std::move(hint));
  issue.line_text.clear();
  context_->issues->Add(std::move(issue));
}

void Section::Finish() {
  FinishUnchecked();
  reader_.Finish();
}

void Section::FinishUnchecked() {
  for (const std::string& key : reader_.asked()) {
    context_->keys->insert(KeyPath(key));
  }
}

bool IsPlainName(absl::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '_' || c == '-';
         });
}

std::string UniqueName(Section* section, absl::string_view key,
                       std::set<std::string>* taken) {
  yaml::MapReader& reader = section->reader();
  const std::string name = reader.RequiredString(key);
  if (name.empty()) return name;
  if (!IsPlainName(name)) {
    reader.Error(key, "bad-name", absl::StrCat("\"", name, "\" is no name"),
                 "a-z, 0-9, _ and -, at most 64 of them");
  } else if (!taken->insert(name).second) {
    reader.Error(key, "duplicate-name",
                 absl::StrCat("the name \"", name, "\" is taken already"),
                 "choose another one");
  }
  return name;
}

std::vector<std::string> NotifierNames(Section* section, absl::string_view key,
                                       const Config& config) {
  std::vector<std::string> known;
  for (const NotifierConfig& notifier : config.notifiers) {
    known.push_back(notifier.name);
  }
  std::vector<std::string> names;
  for (const yaml::Node* node : section->Scalars(key)) {
    if (std::find(known.begin(), known.end(), node->text) == known.end()) {
      section->reader().ErrorAt(
          *node, "unknown-notifier",
          absl::StrCat("no notifier is named \"", node->text, "\""),
          known.empty() ? "there is none: add it to notifiers"
                        : SuggestionHint(node->text, known));
    } else if (std::find(names.begin(), names.end(), node->text) ==
               names.end()) {
      names.push_back(node->text);
    }
  }
  return names;
}

}  // namespace keywatch
