#include "daemon/config/loader.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/config/hide_secrets.h"
#include "daemon/config/section.h"
#include "daemon/yaml/document.h"

namespace keywatch {
namespace {

void ReadRules(Section* root, RulesConfig* rules) {
  Section section = root->Child("rules");
  for (const yaml::Node* node : section.Scalars("paths")) {
    const std::string path = section.Resolve(*node);
    if (path.empty()) continue;
    section.CheckPath(*node, path, Section::Kind::kFileOrDirectory);
    rules->paths.push_back(path);
  }
  for (const auto& entry : section.Entries("lists")) {
    std::vector<std::string>& values = rules->lists[entry.first->text];
    const yaml::Node& list = *entry.second;
    if (!list.is_list() || list.list.empty()) {
      section.reader().ErrorAt(
          list, "wrong-type",
          absl::StrCat("the list \"", entry.first->text, "\" must have values"),
          "[a, b]");
      continue;
    }
    for (const yaml::Node& value : list.list) {
      if (!value.is_scalar() || value.is_null()) {
        section.reader().ErrorAt(
            value, "wrong-type",
            absl::StrCat("must be text, not ", yaml::KindName(value.kind)),
            "quote it if it is meant as text");
      } else {
        values.push_back(value.text);
      }
    }
  }
  rules->watch = section.reader().Bool("watch", rules->watch);
  section.Finish();
}

void ReadHistory(Section* root, HistoryConfig* history) {
  Section section = root->Child("history");
  yaml::MapReader& reader = section.reader();
  history->enabled = reader.Bool("enabled", history->enabled);
  history->directory = section.Path("directory", Section::Kind::kAny);
  history->retention =
      reader.Duration("retention", history->retention, absl::Hours(1),
                      absl::Hours(24 * 366 * 10));
  history->max_size = reader.Bytes("max_size", history->max_size,
                                   int64_t{16} << 20, int64_t{1} << 50);
  history->keep_free =
      reader.Bytes("keep_free", history->keep_free, 0, int64_t{1} << 50);
  history->leave_out = reader.Strings("leave_out");
  section.Finish();
}

void ReadEnrichment(Section* root, EnrichmentConfig* enrichment) {
  Section section = root->Child("enrichment");
  enrichment->city_database =
      section.Path("city_database", Section::Kind::kFile);
  enrichment->asn_database = section.Path("asn_database", Section::Kind::kFile);
  section.Finish();
}

void ReadSelfTest(Section* root, SelfTestConfig* self_test) {
  Section section = root->Child("self_test");
  yaml::MapReader& reader = section.reader();
  self_test->enabled = reader.Bool("enabled", self_test->enabled);
  self_test->interval = reader.Duration("interval", self_test->interval,
                                        absl::Seconds(1), absl::Hours(1));
  section.Finish();
}

void ReadLimits(Section* root, LimitsConfig* limits) {
  Section section = root->Child("limits");
  yaml::MapReader& reader = section.reader();
  limits->key_profiles =
      reader.Int("key_profiles", limits->key_profiles, 100, 100'000'000);
  limits->event_ids =
      reader.Int("event_ids", limits->event_ids, 1000, 1'000'000'000);
  limits->waiting_bytes = reader.Bytes("waiting_bytes", limits->waiting_bytes,
                                       int64_t{4} << 20, int64_t{1} << 40);
  limits->value_bytes =
      reader.Bytes("value_bytes", limits->value_bytes, 64, 16 << 20);
  limits->nesting_depth =
      reader.Int("nesting_depth", limits->nesting_depth, 1, 1000);
  limits->list_elements =
      reader.Int("list_elements", limits->list_elements, 1, 1'000'000);
  section.Finish();
}

void ReadRetention(Section* root, RetentionConfig* retention) {
  Section section = root->Child("retention");
  const auto read = [&](const char* key, absl::Duration* period) {
    *period = section.reader().Duration(key, *period, absl::Hours(1),
                                        absl::Hours(24 * 36500));
  };
  read("alerts", &retention->alerts);
  read("messages", &retention->messages);
  read("gaps", &retention->gaps);
  read("rejects", &retention->rejects);
  section.Finish();
}

void ReadDocument(Section* root, Config* config) {
  yaml::MapReader& reader = root->reader();
  config->log_level = static_cast<LogLevel>(
      reader.Choice("log_level", {"debug", "info", "warning", "error"},
                    static_cast<int>(config->log_level)));
  config->state_directory = root->Path("state_directory", Section::Kind::kAny,
                                       config->state_directory);
  ReadListeners(root, config);
  ReadSources(root, config);
  ReadRules(root, &config->rules);
  ReadEnrichment(root, &config->enrichment);
  ReadHistory(root, &config->history);
  Section checkpoint = root->Child("checkpoint");
  config->checkpoint_interval =
      checkpoint.reader().Duration("interval", config->checkpoint_interval,
                                   absl::Milliseconds(10), absl::Minutes(1));
  checkpoint.Finish();
  ReadRetention(root, &config->retention);
  ReadNotifiers(root, config);
  ReadRolls(root, config);
  ReadKeys(root, config);
  ReadSelfTest(root, &config->self_test);
  ReadLimits(root, &config->limits);
  root->Finish();
}

// People read a file from its top.
void SortByPlace(IssueList* issues) {
  std::vector<Issue> sorted = issues->issues();
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Issue& a, const Issue& b) {
                     return std::tie(a.where.line, a.where.column) <
                            std::tie(b.where.line, b.where.column);
                   });
  *issues = IssueList();
  for (Issue& issue : sorted) issues->Add(std::move(issue));
}

LoadedConfig Load(const yaml::File& file, const ConfigOptions& options,
                  IssueList read_issues, std::set<std::string>* keys) {
  LoadedConfig loaded;
  loaded.issues = std::move(read_issues);
  // After a syntax error half a document would only give more confusion.
  if (loaded.issues.has_errors() && file.documents().empty()) {
    HideSecrets(&loaded.issues);
    return loaded;
  }
  const auto& documents = file.documents();
  if (documents.size() > 1) {
    loaded.issues.Add(
        file.At(documents[1], Issue::Severity::kError, "many-documents",
                "a configuration is one document", "remove the --- above"));
  }
  const size_t slash = file.name().rfind('/');
  LoadContext context{file, options,
                      slash == std::string::npos ? ""
                      : slash == 0               ? "/"
                                                 : file.name().substr(0, slash),
                      &loaded.issues, keys};
  // An empty file is an empty map at its beginning.
  yaml::Node nothing;
  nothing.kind = yaml::Node::Kind::kMap;
  nothing.line = nothing.column = 1;
  Section root(&context, documents.empty() ? &nothing : &documents[0], "");
  ReadDocument(&root, &loaded.config);
  SortByPlace(&loaded.issues);
  HideSecrets(&loaded.issues);
  return loaded;
}

}  // namespace

std::string HistoryDirectory(const Config& config) {
  return config.history.directory.empty()
             ? absl::StrCat(config.state_directory, "/history")
             : config.history.directory;
}

LoadedConfig LoadConfig(const std::string& path, const ConfigOptions& options) {
  IssueList issues;
  const yaml::File file = yaml::File::Read(path, &issues);
  std::set<std::string> keys;
  LoadedConfig loaded = Load(file, options, std::move(issues), &keys);
  loaded.config.path = path;
  return loaded;
}

LoadedConfig ParseConfig(const std::string& name, absl::string_view text,
                         const ConfigOptions& options) {
  IssueList issues;
  const yaml::File file = yaml::File::Parse(name, text, &issues);
  std::set<std::string> keys;
  return Load(file, options, std::move(issues), &keys);
}

std::vector<std::string> ConfigKeys() {
  // One of everything that has keys of its own.
  constexpr char kProbe[] =
      "grpc: {tokens: {}, tls: {key: {}}}\n"
      "sources: [{type: file}, {type: http, bearer: {}}, {type: push}]\n"
      "notifiers: [{type: alertmanager, bearer: {}},"
      " {type: webhook, secrets: [{}]}]\n"
      "rolls: {providers: [{}]}\n"
      "keys: [{}]\n";
  IssueList issues;
  const yaml::File file = yaml::File::Parse("", kProbe, &issues);
  std::set<std::string> keys;
  ConfigOptions options;
  options.files = ConfigOptions::Files::kIgnore;
  Load(file, options, IssueList(), &keys);
  return std::vector<std::string>(keys.begin(), keys.end());
}

}  // namespace keywatch
