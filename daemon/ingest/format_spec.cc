#include "daemon/ingest/format_spec.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/yaml/document.h"

namespace keywatch {
namespace {

// A dotted path of a record.
void CheckPath(const yaml::Node& node, yaml::MapReader* reader) {
  if (!node.is_scalar() || node.is_null() || node.text.empty()) {
    reader->ErrorAt(node, "bad-path", "a path of the record is expected here",
                    "such as request.id");
    return;
  }
  for (absl::string_view name : absl::StrSplit(node.text, '.')) {
    if (name.empty()) {
      reader->ErrorAt(node, "bad-path",
                      absl::StrCat("\"", node.text, "\" has an empty name"),
                      "names are separated by single dots");
      return;
    }
  }
}

// One path or a list of alternatives.
std::vector<std::string> ReadPaths(const yaml::Node& node,
                                   yaml::MapReader* reader) {
  std::vector<std::string> paths;
  if (node.is_list()) {
    if (node.list.empty()) {
      reader->ErrorAt(node, "bad-path", "the list of paths is empty");
    }
    for (const yaml::Node& element : node.list) {
      CheckPath(element, reader);
      paths.push_back(element.text);
    }
  } else {
    CheckPath(node, reader);
    paths.push_back(node.text);
  }
  return paths;
}

void ReadTime(yaml::MapReader* reader, FormatSpec* spec) {
  const yaml::Node* node = reader->Require("time");
  if (node == nullptr) return;
  if (!node->is_map()) {
    spec->time_paths = ReadPaths(*node, reader);
    return;
  }
  yaml::MapReader time(reader->file(), node, reader->issues());
  if (const yaml::Node* field = time.Require("field")) {
    spec->time_paths = ReadPaths(*field, &time);
  }
  spec->time_format = static_cast<TimeFormat>(time.Choice(
      "format", {"auto", "rfc3339", "unix_s", "unix_ms", "unix_ns", "clf"}, 0));
  time.Finish();
}

void ReadFraming(yaml::MapReader* reader, FormatSpec* spec) {
  const yaml::Node* node = reader->Get("framing");
  if (node == nullptr) return;
  const std::vector<std::string> words = {"lines", "json_values"};
  if (!node->is_map()) {
    spec->framing.kind =
        static_cast<Framing::Kind>(reader->Choice("framing", words, 0));
    return;
  }
  yaml::MapReader framing(reader->file(), node, reader->issues());
  spec->framing.kind =
      static_cast<Framing::Kind>(framing.Choice("kind", words, 0));
  spec->framing.records = framing.String("records");
  if (!spec->framing.records.empty() &&
      spec->framing.kind != Framing::Kind::kJsonValues) {
    framing.Error("records", "bad-framing",
                  "records are the elements of a list only with json_values",
                  "say kind: json_values");
  }
  framing.Finish();
}

void ReadFields(yaml::MapReader* reader, FormatSpec* spec) {
  const yaml::Node* node = reader->Get("fields");
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) {
    reader->Error("fields", "wrong-type",
                  "fields must be a map from event fields to paths");
    return;
  }
  for (const auto& [key, value] : node->map) {
    FormatSpec::Field field;
    field.name = key.text;
    CheckPath(key, reader);
    if (key.text == field::kTimestamp || key.text == field::kEventId ||
        key.text == field::kKeyId) {
      reader->ErrorAt(key, "reserved-field",
                      absl::StrCat(key.text, " has a place of its own"),
                      "use time:, id: and key:");
    }
    if (value.is_map()) {
      yaml::MapReader pattern(reader->file(), &value, reader->issues());
      field.pattern = pattern.RequiredString("template");
      std::vector<std::string> paths;
      if (!field.pattern.empty() && !PatternPaths(field.pattern, &paths)) {
        pattern.Error("template", "bad-template",
                      "braces must come in pairs around a path",
                      "such as '{eventSource}:{eventName}'");
      }
      pattern.Finish();
    } else {
      field.paths = ReadPaths(value, reader);
    }
    spec->fields.push_back(std::move(field));
  }
}

void ReadConstants(yaml::MapReader* reader, FormatSpec* spec) {
  const yaml::Node* node = reader->Get("constants");
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) {
    reader->Error("constants", "wrong-type",
                  "constants must be a map from event fields to values");
    return;
  }
  for (const auto& [key, value] : node->map) {
    FormatSpec::Constant constant;
    constant.name = key.text;
    constant.text = value.text;
    switch (value.kind) {
      case yaml::Node::Kind::kString:
        break;
      case yaml::Node::Kind::kInt:
        constant.type = FormatSpec::Constant::Type::kInt;
        constant.integer = value.integer;
        break;
      case yaml::Node::Kind::kBool:
        constant.type = FormatSpec::Constant::Type::kBool;
        constant.integer = value.boolean ? 1 : 0;
        break;
      default:
        reader->ErrorAt(value, "wrong-type",
                        absl::StrCat("a constant is text, a whole number, or "
                                     "true or false, not ",
                                     yaml::KindName(value.kind)));
    }
    spec->constants.push_back(std::move(constant));
  }
}

void ReadDerive(yaml::MapReader* reader, FormatSpec* spec) {
  const std::vector<std::pair<std::string, bool*>> known = {
      {"url", &spec->derive_url},
      {"operation", &spec->derive_operation},
      {"outcome", &spec->derive_outcome},
      {"key_kind", &spec->derive_key_kind},
      {"permission", &spec->derive_permission},
      {"stripe", &spec->derive_stripe},
  };
  std::vector<std::string> names;
  for (const auto& [name, flag] : known) names.push_back(name);
  const yaml::Node* node = reader->Get("derive");
  if (node == nullptr || node->is_null()) return;
  if (!node->is_list()) {
    reader->Error("derive", "wrong-type",
                  "derive must be a list of what is to be computed",
                  SuggestionHint("", names));
    return;
  }
  for (const yaml::Node& element : node->list) {
    bool found = false;
    for (const auto& [name, flag] : known) {
      if (element.is_scalar() && element.text == name) {
        *flag = true;
        found = true;
      }
    }
    if (!found) {
      reader->ErrorAt(element, "unknown-derivation",
                      absl::StrCat("nothing is known to derive by the name \"",
                                   element.text, "\""),
                      SuggestionHint(element.text, names));
    }
  }
}

}  // namespace

bool PatternPaths(absl::string_view pattern, std::vector<std::string>* paths) {
  while (!pattern.empty()) {
    const size_t brace = pattern.find_first_of("{}");
    if (brace == absl::string_view::npos) return true;
    if (pattern[brace] == '}') return false;
    const size_t close = pattern.find_first_of("{}", brace + 1);
    if (close == absl::string_view::npos || pattern[close] == '{' ||
        close == brace + 1) {
      return false;
    }
    paths->emplace_back(pattern.substr(brace + 1, close - brace - 1));
    pattern.remove_prefix(close + 1);
  }
  return true;
}

absl::optional<FormatSpec> ParseFormatSpec(const std::string& file_name,
                                           absl::string_view text,
                                           IssueList* issues) {
  IssueList own;
  const yaml::File file = yaml::File::Parse(file_name, text, &own);
  FormatSpec spec;
  if (!own.has_errors() && file.documents().size() != 1) {
    Issue issue;
    issue.code = "bad-format";
    issue.where.file = file_name;
    issue.message = "a format file holds one document";
    own.Add(std::move(issue));
  }
  if (!own.has_errors()) {
    yaml::MapReader reader(file, &file.documents()[0], &own);
    spec.name = reader.RequiredString("name");
    spec.description = reader.String("description");
    if (const yaml::Node* node = reader.Get("logsource")) {
      yaml::MapReader logsource(file, node, &own);
      spec.logsource.product = logsource.String("product");
      spec.logsource.category = logsource.String("category");
      spec.logsource.service = logsource.String("service");
      logsource.Finish();
    }
    ReadFraming(&reader, &spec);
    spec.encoding = static_cast<FormatSpec::Encoding>(
        reader.Choice("encoding", {"json", "combined"}, 0));
    if (spec.encoding == FormatSpec::Encoding::kCombined &&
        spec.framing.kind != Framing::Kind::kLines) {
      reader.Error("framing", "bad-framing", "combined records are lines");
    }
    ReadTime(&reader, &spec);
    if (const yaml::Node* id = reader.Get("id")) {
      spec.id_paths = ReadPaths(*id, &reader);
    }
    if (const yaml::Node* key = reader.Get("key")) {
      spec.key_paths = ReadPaths(*key, &reader);
    }
    ReadFields(&reader, &spec);
    ReadConstants(&reader, &spec);
    spec.absent = reader.Strings("absent");
    ReadDerive(&reader, &spec);
    reader.Finish();
  }
  const bool failed = own.has_errors();
  issues->Append(own);
  if (failed) return absl::nullopt;
  return spec;
}

}  // namespace keywatch
