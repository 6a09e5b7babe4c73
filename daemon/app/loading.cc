#include "daemon/app/loading.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/lifecycle_source.h"
#include "daemon/app/self_test_source.h"
#include "daemon/engine/supports.h"
#include "daemon/ingest/file_source.h"
#include "daemon/ingest/http_poller.h"
#include "daemon/ingest/push_source.h"
#include "daemon/rules/compiler.h"
#include "daemon/serve/tokens.h"

namespace keywatch {
namespace {

// The category of logs that tell what was done to keys, not with them.
constexpr absl::string_view kKeyLifecycle = "key_lifecycle";

// The state and the credentials, which no source may read.
std::vector<std::string> ProtectedPaths(const Config& config) {
  std::vector<std::string> paths = {
      config.state_directory, absl::StrCat(config.state_directory, "/history"),
      config.grpc.token_file, config.grpc.tls_key};
  for (const SourceConfig& source : config.sources) {
    paths.push_back(source.http.bearer_file);
  }
  for (const NotifierConfig& notifier : config.notifiers) {
    paths.push_back(notifier.bearer_file);
    paths.insert(paths.end(), notifier.secret_files.begin(),
                 notifier.secret_files.end());
  }
  return paths;
}

FileSourceOptions FileOptions(const SourceConfig& config,
                              const Framing& framing,
                              std::vector<std::string> protected_paths) {
  FileSourceOptions options;
  options.protected_paths = std::move(protected_paths);
  options.paths = config.file.paths;
  options.start = config.start == SourceStart::kEnd
                      ? FileSourceOptions::Start::kEnd
                      : FileSourceOptions::Start::kBeginning;
  options.framing = framing;
  options.max_record_bytes = config.max_record_bytes;
  options.poll_interval = config.file.poll_interval;
  options.max_files = config.file.max_files;
  return options;
}

HttpPollerOptions PollerOptions(const SourceConfig& config) {
  const HttpSourceConfig& http = config.http;
  HttpPollerOptions options;
  options.url = http.url;
  options.bearer_file = http.bearer_file;
  options.headers = http.headers;
  options.records_path = http.records_path;
  options.id_path = http.id_path;
  options.page_size_parameter = http.page_size_parameter;
  options.page_size = http.page_size;
  options.paging = http.paging == HttpPaging::kNextUrl
                       ? HttpPollerOptions::Paging::kNextUrl
                       : HttpPollerOptions::Paging::kLastId;
  options.after_parameter = http.after_parameter;
  options.before_parameter = http.before_parameter;
  options.next_url_path = http.next_url_path;
  options.has_more_path = http.has_more_path;
  options.order = http.order == HttpOrder::kOldestFirst
                      ? HttpPollerOptions::Order::kOldestFirst
                      : HttpPollerOptions::Order::kNewestFirst;
  options.overlap = http.overlap;
  options.max_pages = http.max_pages;
  options.interval = http.interval;
  options.jitter = http.jitter;
  options.backoff_max = http.backoff_max;
  options.timeout = http.timeout;
  options.max_response_bytes = http.max_response_bytes;
  options.max_record_bytes = config.max_record_bytes;
  options.start = config.start == SourceStart::kEnd
                      ? HttpPollerOptions::Start::kEnd
                      : HttpPollerOptions::Start::kBeginning;
  return options;
}

// A source that is made by `create` each time the runner starts. The first one
// is made here, so that a mistake shows before anything runs.
template <typename Create>
absl::StatusOr<std::function<std::unique_ptr<LogSource>()>> Opener(
    Create create) {
  auto first = create();
  if (!first.ok()) return first.status();
  return std::function<std::unique_ptr<LogSource>()>(
      [create]() -> std::unique_ptr<LogSource> {
        auto source = create();
        // The options were accepted once, and nothing else is checked.
        return *std::move(source);
      });
}

// What loads and does nothing that anybody hears of.
void WarnOfSilence(const Config& config, const RuleSet& rules,
                   IssueList* issues) {
  const auto warn = [&](std::string code, std::string message,
                        std::string hint) {
    Issue issue;
    issue.severity = Issue::Severity::kWarning;
    issue.code = std::move(code);
    issue.where.file = config.path;
    issue.message = std::move(message);
    issue.hint = std::move(hint);
    issues->Add(std::move(issue));
  };
  if (rules.rules().empty()) {
    warn("no-rules", "there are no rules: nothing is watched",
         "name files or directories in rules.paths");
  }
  const int64_t unheard = UnheardRules(config, rules);
  if (unheard > 0) {
    warn("nobody-told",
         absl::StrCat(unheard, unheard == 1 ? " rule pages" : " rules page",
                      ", and nobody is told: alerts.default_notify is empty"),
         "add notifiers, and name them in alerts.default_notify");
  }
}

}  // namespace

int64_t UnheardRules(const Config& config, const RuleSet& rules) {
  if (!config.default_notify.empty()) return 0;
  return std::count_if(rules.rules().begin(), rules.rules().end(),
                       [](const Rule& rule) {
                         return rule.alerts && rule.stage == Stage::kPage &&
                                !rule.response.notify_set;
                       });
}

ConfigOptions DaemonConfigOptions(ConfigOptions::Files files) {
  ConfigOptions options;
  options.formats = Format::ShippedNames();
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  if (credentials != nullptr) options.credentials_directory = credentials;
  options.files = files;
  return options;
}

std::shared_ptr<const RuleSet> LoadRules(const Config& config, int64_t now_ms,
                                         IssueList* issues) {
  CompileOptions options;
  options.lists = config.rules.lists;
  options.now_ms = now_ms;
  if (config.self_test.enabled) options.built_in = {SelfTestRuleText()};
  CompileResult result = CompileRules(config.rules.paths, options);
  issues->Append(result.issues);
  if (result.rules == nullptr) return nullptr;
  bool usable = true;
  std::vector<std::string> names;
  for (const NotifierConfig& notifier : config.notifiers) {
    names.push_back(notifier.name);
  }
  for (const Rule& rule : result.rules->rules()) {
    std::string why;
    if (!EngineSupports(rule, &why)) {
      usable = false;
      Issue issue;
      issue.code = "not-supported";
      issue.where.file = rule.file;
      issue.where.line = rule.line;
      issue.message = absl::StrCat("rule \"", rule.name, "\": ", why);
      issues->Add(std::move(issue));
    }
    for (const std::string& name : rule.response.notify) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      usable = false;
      Issue issue;
      issue.code = "unknown-notifier";
      issue.where.file = rule.file;
      issue.where.line = rule.line;
      issue.message = absl::StrCat("rule \"", rule.name, "\" notifies \"", name,
                                   "\", which the configuration does not have");
      issue.hint = names.empty() ? "the configuration has no notifiers"
                                 : SuggestionHint(name, names);
      issues->Add(std::move(issue));
    }
  }
  if (!usable) return nullptr;
  WarnOfSilence(config, *result.rules, issues);
  return result.rules;
}

std::shared_ptr<const Format> LoadSourceFormat(const SourceConfig& source,
                                               IssueList* issues) {
  if (source.format_is_file) return Format::Load(source.format, issues);
  std::shared_ptr<const Format> format = Format::Shipped(source.format);
  if (format == nullptr) {
    Issue issue;
    issue.code = "unknown-format";
    issue.message = absl::StrCat("source \"", source.name.str(),
                                 "\": no format \"", source.format, "\"");
    issue.hint = SuggestionHint(source.format, Format::ShippedNames());
    issues->Add(std::move(issue));
  }
  return format;
}

void CheckDeeply(const Config& config, int64_t now_ms, IssueList* issues) {
  for (const SourceConfig& source : config.sources) {
    LoadSourceFormat(source, issues);
  }
  if (!config.grpc.token_file.empty()) {
    ReadTokens(config.grpc.token_file, issues);
  }
  LoadRules(config, now_ms, issues);
}

absl::StatusOr<std::vector<RunnerSource>> MakeSources(
    const Config& config, Store* store, Clock* clock, HttpClient* client,
    const PushQueues& queues, const Enricher* enricher) {
  std::vector<RunnerSource> sources;
  for (const SourceConfig& source : config.sources) {
    IssueList issues;
    RunnerSource out;
    out.format = LoadSourceFormat(source, &issues);
    if (out.format == nullptr) {
      return absl::InvalidArgumentError(FormatIssues(issues));
    }
    out.spec.id = source.name;
    out.spec.allowed_lateness = source.allowed_lateness;
    out.spec.dedup = source.id_field != "none";
    out.spec.dedup_horizon = source.dedup_horizon;
    out.spec.seen_with = source.same_origin_as;
    out.spec.max_future = source.max_future;
    out.spec.rereadable = source.type == SourceType::kFile;
    out.spec.lost_while_down = source.type == SourceType::kPush;
    out.spec.requests = out.format->logsource().category != kKeyLifecycle;
    // An event within its lateness may still be on its way.
    out.idle_timeout = std::max(source.idle_timeout, source.allowed_lateness);
    out.max_silence = source.max_silence;
    out.limits.max_record_bytes = source.max_record_bytes;
    out.limits.max_value_bytes =
        static_cast<uint32_t>(config.limits.value_bytes);
    out.limits.max_depth = static_cast<uint32_t>(config.limits.nesting_depth);
    out.limits.max_list = static_cast<uint32_t>(config.limits.list_elements);
    out.overrides = {source.key_field, source.time_field, source.id_field};
    out.enricher = enricher;
    absl::StatusOr<std::function<std::unique_ptr<LogSource>()>> open;
    if (source.type == SourceType::kFile) {
      open = Opener([options = FileOptions(source, out.format->framing(),
                                           ProtectedPaths(config)),
                     clock] { return FileSource::Create(options, clock); });
    } else if (source.type == SourceType::kPush) {
      PushQueue* const queue = queues.at(source.name.str()).get();
      open = std::function<std::unique_ptr<LogSource>()>(
          [queue, max_record_bytes = source.max_record_bytes] {
            return std::make_unique<PushSource>(max_record_bytes, queue);
          });
      out.wants_commit = [queue] { return queue->WantsCommit(); };
    } else {
      open = Opener([options = PollerOptions(source), client, clock] {
        return HttpPoller::Create(options, client, clock);
      });
    }
    if (!open.ok()) {
      return absl::Status(open.status().code(),
                          absl::StrCat("source \"", source.name.str(),
                                       "\": ", open.status().message()));
    }
    out.open = *std::move(open);
    sources.push_back(std::move(out));
  }

  RunnerSource lifecycle;
  lifecycle.format = LifecycleFormat();
  lifecycle.spec.id = SourceId(kLifecycleSource);
  // It fails only when the store does, and then nothing may pass it by: what it
  // has still to give would be late.
  lifecycle.max_silence = absl::InfiniteDuration();
  lifecycle.spec.requests = false;
  lifecycle.spec.control = true;
  lifecycle.spec.clocked = true;
  lifecycle.open = [store, clock]() -> std::unique_ptr<LogSource> {
    return std::make_unique<LifecycleSource>(store, clock);
  };
  sources.push_back(std::move(lifecycle));

  if (config.self_test.enabled) {
    RunnerSource self_test;
    self_test.format = SelfTestFormat();
    self_test.spec.id = SourceId(kSelfTestSource);
    self_test.spec.control = true;
    self_test.spec.rereadable = false;
    self_test.spec.unordered = true;
    self_test.open = [interval = config.self_test.interval,
                      clock]() -> std::unique_ptr<LogSource> {
      return std::make_unique<SelfTestSource>(interval, clock);
    };
    sources.push_back(std::move(self_test));
  }
  return sources;
}

PushQueues MakePushQueues(const Config& config) {
  PushQueues queues;
  for (const SourceConfig& source : config.sources) {
    if (source.type != SourceType::kPush) continue;
    queues[source.name.str()] =
        std::make_unique<PushQueue>(source.push.queue_bytes);
  }
  return queues;
}

std::string SourceLocation(const SourceConfig& source) {
  if (source.type == SourceType::kFile) {
    return absl::StrJoin(source.file.paths, " ");
  }
  if (source.type == SourceType::kPush) return "pushed over gRPC";
  // Without query and user information, which may hold credentials.
  std::string url = source.http.url.substr(0, source.http.url.find('?'));
  const size_t host = url.find("://");
  const size_t at = url.find('@');
  const size_t path =
      host == std::string::npos ? std::string::npos : url.find('/', host + 3);
  if (host != std::string::npos && at != std::string::npos && at < path) {
    url.erase(host + 3, at - host - 2);
  }
  return url;
}

}  // namespace keywatch
