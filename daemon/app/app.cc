#include "daemon/app/app.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/app/config_changes.h"
#include "daemon/app/coverage_timeline.h"
#include "daemon/app/enrichment.h"
#include "daemon/app/installation.h"
#include "daemon/app/lifecycle_source.h"
#include "daemon/app/loading.h"
#include "daemon/app/self_test_health.h"
#include "daemon/app/self_test_source.h"
#include "daemon/core/failpoint.h"
#include "daemon/core/time.h"
#include "daemon/respond/new_notifier.h"
#include "daemon/store/sqlite_store.h"

namespace keywatch {
namespace {

constexpr char kPartition[] = "local";
constexpr absl::Duration kHousekeeping = absl::Seconds(1);
constexpr absl::Duration kShutdownGrace = absl::Seconds(5);
constexpr int kMaxShownGaps = 10'000;

// Tells the roller about a use of a key that is being rolled.
void ObserveKeyUse(const Event& event, const RuleSet::WellKnown& fields,
                   Roller* roller) {
  const Value& key = event.at(fields.key_id);
  if (!key.is_string() || !roller->Watches(key.string_value())) return;
  ScalarBuffer buffer;
  const Value& status = event.at(fields.status);
  int http_status = static_cast<int>(status.AsDouble());
  if (status.is_string() &&
      !absl::SimpleAtoi(status.string_value(), &http_status)) {
    http_status = 0;
  }
  ScalarBuffer outcome;
  roller->Observe(
      key.string_value(), event.time_ms,
      KeyUseOf(http_status, ScalarText(event.at(fields.error_code), buffer),
               ScalarText(event.at(fields.event_outcome), outcome)));
}

std::string ReadText(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Other users who can write there can replace the database and the pepper.
absl::Status CheckOwnership(const std::string& directory) {
  struct stat found;
  if (stat(directory.c_str(), &found) != 0 || (found.st_mode & 0002) == 0) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("every user can write to the state directory ", directory,
                   ": chmod o-w ", directory));
}

// What the status says of a notifier; "" when it works.
std::string TroubleOf(const DeliveryStats& notifier) {
  if (notifier.consecutive_failures > 0) {
    return absl::StrCat(
        "notifier ", notifier.notifier,
        " does not work, its messages wait: ", notifier.last_error);
  }
  if (notifier.dead > 0) {
    return absl::StrCat(
        "notifier ", notifier.notifier, ": ", notifier.dead,
        " messages were given up since the start",
        notifier.last_error.empty() ? "" : ", the last: ", notifier.last_error);
  }
  if (notifier.failing_targets > 0) {
    return absl::StrCat("notifier ", notifier.notifier, ": ",
                        notifier.failing_targets,
                        " of its receivers do not answer");
  }
  return "";
}

// The errors, each in a line: its place and what is wrong there.
std::vector<std::string> ProblemsOf(const IssueList& issues) {
  constexpr size_t kMaxShown = 20;
  std::vector<std::string> problems;
  size_t errors = 0;
  for (const Issue& issue : issues.issues()) {
    if (issue.severity != Issue::Severity::kError) continue;
    if (++errors > kMaxShown) continue;
    const auto& where = issue.where;
    problems.push_back(absl::StrCat(
        where.file, where.line > 0 ? absl::StrCat(":", where.line) : "",
        where.column > 0 ? absl::StrCat(":", where.column) : "",
        where.file.empty() ? "" : ": ", issue.message));
  }
  if (errors > kMaxShown) {
    problems.push_back(absl::StrCat("and ", errors - kMaxShown, " more"));
  }
  return problems;
}

absl::Status Annotate(const absl::Status& status, absl::string_view what) {
  return absl::Status(status.code(),
                      absl::StrCat(what, ": ", status.message()));
}

}  // namespace

App::App(Config config, Options options, Clock* clock, Log* log)
    : config_(std::move(config)),
      config_text_(ReadText(config_.path)),
      options_(std::move(options)),
      clock_(clock),
      log_(log),
      started_(clock->Now()) {}

absl::StatusOr<std::unique_ptr<App>> App::Create(Config config, Options options,
                                                 Clock* clock, Log* log) {
  std::unique_ptr<App> app(
      new App(std::move(config), std::move(options), clock, log));
  const Config& settings = app->config_;

  if (settings.rules.watch) {
    app->rules_watch_ =
        std::make_unique<RulesWatch>(settings.rules.paths, settings.path);
  }
  IssueList issues;
  std::shared_ptr<const RuleSet> rules =
      LoadRules(settings, ToEventTime(app->started_), &issues);
  for (const Issue& issue : issues.issues()) {
    const std::string text = FormatIssue(issue);
    if (issue.severity == Issue::Severity::kError) {
      log->Error(text);
    } else {
      log->Warning(text);
    }
  }
  if (rules == nullptr) {
    return absl::InvalidArgumentError(
        "the rules were refused, see above; keywatchd --check shows the same");
  }

  if (absl::Status owned = CheckOwnership(settings.state_directory);
      !owned.ok()) {
    return owned;
  }
  SqliteStoreOptions store_options;
  store_options.directory = settings.state_directory;
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      SqliteStore::Open(store_options);
  if (!store.ok()) {
    return absl::Status(
        store.status().code(),
        absl::StrCat("state: ", store.status().message(),
                     absl::IsPermissionDenied(store.status())
                         ? "\n  state_directory in the configuration names "
                           "another directory"
                         : ""));
  }
  app->store_ = *std::move(store);

  if (settings.history.enabled) {
    absl::StatusOr<std::unique_ptr<HistoryRecorder>> history =
        HistoryRecorder::Create(settings, log);
    if (!history.ok()) return Annotate(history.status(), "history");
    app->history_ = *std::move(history);
  }

  const absl::StatusOr<std::vector<StreamCursor>> cursors =
      app->store_->ListCursors();
  if (!cursors.ok()) return Annotate(cursors.status(), "state");
  absl::StatusOr<Installation> installation =
      OpenInstallation(settings.state_directory, !cursors->empty());
  if (!installation.ok()) return installation.status();
  app->seen_seed_ = installation->seen_seed;
  app->redactor_ = std::make_unique<Redactor>(std::move(installation->pepper));

  absl::StatusOr<std::unique_ptr<Enricher>> enricher = NewEnricher(settings);
  if (!enricher.ok()) return Annotate(enricher.status(), "enrichment");
  app->enricher_ = *std::move(enricher);

  Metrics::Build build;
  build.version = app->options_.version;
  app->metrics_ = std::make_unique<Metrics>(build, app->started_);
  app->metrics_->set_refresh(
      [a = app.get()](Metrics* metrics) { a->RefreshMetrics(metrics); });

  app->http_client_ = NewCurlHttpClient();
  app->push_queues_ = MakePushQueues(settings);
  std::vector<std::unique_ptr<Notifier>> notifiers;
  std::vector<std::string> notifier_names;
  for (const NotifierConfig& notifier : settings.notifiers) {
    absl::StatusOr<std::unique_ptr<Notifier>> made =
        NewNotifier(notifier, app->http_client_.get());
    if (!made.ok()) {
      return Annotate(made.status(),
                      absl::StrCat("notifier \"", notifier.name, "\""));
    }
    notifiers.push_back(*std::move(made));
    notifier_names.push_back(notifier.name);
  }
  app->responder_ = std::make_unique<Responder>(
      settings.outbox, std::move(notifiers), app->store_.get(), clock,
      [log](absl::LogSeverity severity, absl::string_view line) {
        log->Write(severity == absl::LogSeverity::kInfo
                       ? Log::Severity::kInfo
                       : Log::Severity::kWarning,
                   line);
      });
  Roller::Inputs inputs;
  inputs.watermark = [store = app->store_.get()] {
    return store->Watermark(kPartition);
  };
  app->roller_ = std::make_unique<Roller>(settings.rolls, app->store_.get(),
                                          std::move(inputs));
  RetentionPeriods periods;
  periods.alerts = settings.retention.alerts;
  periods.messages = settings.retention.messages;
  periods.gaps = settings.retention.gaps;
  periods.rejects = settings.retention.rejects;
  app->retention_ = std::make_unique<Retention>(
      periods, app->store_.get(),
      [log](absl::string_view line) { log->Info(line); });
  absl::Status rolls = app->roller_->Load();
  if (!rolls.ok()) return Annotate(rolls, "rolls");

  {
    absl::MutexLock lock(&app->mu_);
    app->rules_ = rules;
    app->last_reload_ = app->started_;
  }
  GrpcServer::Options grpc;
  grpc.unix_socket = settings.grpc.unix_socket;
  if (settings.grpc.listen) {
    grpc.tcp_address = settings.grpc.listen->ToString();
  }
  grpc.token_file = settings.grpc.token_file;
  grpc.allow_unauthenticated = settings.grpc.allow_unauthenticated;
  grpc.certificate = settings.grpc.tls_certificate;
  grpc.key = settings.grpc.tls_key;
  grpc.client_ca = settings.grpc.tls_client_ca;
  grpc.notifiers = notifier_names;
  grpc.default_notify = settings.default_notify;
  GrpcServer::Dependencies dependencies;
  dependencies.store = app->store_.get();
  dependencies.status = app.get();
  dependencies.roller = app->roller_.get();
  dependencies.metrics = app->metrics_.get();
  dependencies.clock = clock;
  dependencies.redact = [redactor =
                             app->redactor_.get()](absl::string_view text) {
    int64_t replaced = 0;
    return redactor->Redact(text, &replaced);
  };
  dependencies.find_queue = [a = app.get()](absl::string_view source) {
    return a->FindQueue(source);
  };
  absl::StatusOr<std::unique_ptr<GrpcServer>> server =
      GrpcServer::Create(std::move(grpc), std::move(dependencies));
  if (!server.ok()) return Annotate(server.status(), "grpc");
  app->grpc_ = *std::move(server);

  if (settings.http.listen) {
    HttpServer::Options http;
    http.address = settings.http.listen->ToString();
    http.allow_remote = true;
    absl::StatusOr<std::unique_ptr<HttpServer>> made =
        HttpServer::Create(http, app->metrics_.get(), app.get());
    if (!made.ok()) return Annotate(made.status(), "http");
    app->http_ = *std::move(made);
  }
  return app;
}

App::~App() { Stop(); }

absl::Status App::Start() {
  absl::MutexLock reload_lock(&reload_mu_);
  std::shared_ptr<const RuleSet> rules;
  {
    absl::MutexLock lock(&mu_);
    rules = rules_;
  }
  absl::Status started = StartRunner(std::move(rules));
  if (!started.ok()) return started;
  responder_->Start();
  housekeeper_ = std::thread([this] { KeepHouse(); });
  metrics_->LoadSucceeded(started_);
  grpc_->SetServing(true);
  return absl::OkStatus();
}

absl::Status App::StartRunner(std::shared_ptr<const RuleSet> rules) {
  absl::StatusOr<std::vector<RunnerSource>> sources =
      MakeSources(config_, store_.get(), clock_, http_client_.get(),
                  push_queues_, enricher_.get());
  if (!sources.ok()) return sources.status();
  std::vector<RuleLabels> labels;
  EngineRunner::Options options = RunnerOptions(*rules, *sources);
  for (const Rule& rule : rules->rules()) {
    if (rule.id == options.self_test_rule) continue;
    labels.push_back({rule.name, rule.level});
  }
  metrics_->rules().SetRules(labels);
  absl::StatusOr<std::unique_ptr<EngineRunner>> runner =
      EngineRunner::Start(rules, *std::move(sources), std::move(options),
                          store_.get(), clock_, redactor_.get(), log_);
  if (!runner.ok()) return runner.status();
  waiting_rules_ = nullptr;
  absl::MutexLock lock(&mu_);
  rules_ = std::move(rules);
  runner_ = *std::move(runner);
  engine_error_.clear();
  return absl::OkStatus();
}

EngineRunner::Options App::RunnerOptions(
    const RuleSet& rules, const std::vector<RunnerSource>& sources) {
  EngineRunner::Options options;
  options.partition = kPartition;
  options.owner = options_.owner;
  options.checkpoint_interval = config_.checkpoint_interval;
  options.default_notify = config_.default_notify;
  options.seen_seed = seen_seed_;
  options.max_profiles = static_cast<size_t>(config_.limits.key_profiles);
  options.max_seen_ids = static_cast<size_t>(config_.limits.event_ids);
  options.max_waiting_bytes = config_.limits.waiting_bytes;
  if (config_.self_test.enabled) {
    options.self_test_rule = RuleId(kSelfTestRule);
  }
  options.on_event = [roller = roller_.get(), history = history_.get(),
                      fields = rules.well_known()](const Event& event) {
    ObserveKeyUse(event, fields, roller);
    if (history != nullptr) history->Observe(event);
  };
  if (history_ != nullptr) {
    std::vector<HistorySchema::Source> stored;
    for (const RunnerSource& source : sources) {
      const LogSourceSpec& spec = source.format->logsource();
      stored.push_back(
          {source.spec.id.str(), spec.product, spec.category, spec.service});
    }
    options.on_state_row = [this](const StateRow& row) {
      history_->Restore(row);
    };
    // Called before Start returns: `rules` is still there.
    options.on_restored = [this, &rules, stored = std::move(stored)] {
      history_->Begin(rules, stored);
    };
    options.prepare_commit = [this](CheckpointBatch* batch) {
      history_->Prepare(batch);
    };
  }
  options.before_commit = [this] { return roller_->Flush(clock_->Now()); };
  options.on_commit = [this](const CheckpointBatch& batch,
                             absl::Duration took) { OnCommit(batch, took); };
  options.on_commit_failure = [this](const absl::Status& status) {
    metrics_->CheckpointFailed(absl::StatusCodeToString(status.code()));
    grpc_->SetServing(false);
  };
  options.on_source_error = [this](const SourceId& source,
                                   const absl::Status& status) {
    metrics_->Source(source.view())
        ->AddError(absl::StatusCodeToString(status.code()));
  };
  return options;
}

std::shared_ptr<EngineRunner> App::runner() const {
  absl::MutexLock lock(&mu_);
  return runner_;
}

void App::Stop() {
  absl::MutexLock reload_lock(&reload_mu_);
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return;
    stopping_ = true;
  }
  if (grpc_) grpc_->SetServing(false);
  if (std::shared_ptr<EngineRunner> running = runner()) running->Stop();
  for (auto& [source, queue] : push_queues_) queue->Close();
  if (responder_) responder_->Stop();
  if (housekeeper_.joinable()) housekeeper_.join();
  if (grpc_) grpc_->Shutdown(kShutdownGrace);
  http_.reset();
}

bool App::Alive() const {
  std::shared_ptr<EngineRunner> running = runner();
  return running == nullptr || !running->status().fenced;
}

bool App::Progressed() {
  std::shared_ptr<EngineRunner> running = runner();
  if (running == nullptr) return true;
  const int64_t turns = running->status().turns;
  absl::MutexLock lock(&mu_);
  // A restart could start it no better.
  if (!engine_error_.empty()) return true;
  const bool progressed = turns != seen_turns_;
  seen_turns_ = turns;
  return progressed;
}

std::string App::Summary() {
  const Health health = GetHealth();
  const RulesSnapshot rules = GetRules();
  return absl::StrCat(
      health.ready ? "watching" : "trouble: ",
      health.ready || health.problems.empty() ? "" : health.problems[0], "; ",
      config_.sources.size(), " sources, ", rules.count(), " rules");
}

void App::OnCommit(const CheckpointBatch& batch, absl::Duration took) {
  metrics_->CheckpointSucceeded(took, clock_->Now());
  for (const StreamCursor& cursor : batch.cursors) {
    const auto queue = push_queues_.find(cursor.source.view());
    if (queue != push_queues_.end()) queue->second->Committed(cursor.read);
  }
  for (const RejectCount& reject : batch.rejects) {
    metrics_->Source(reject.source.view())
        ->AddRejected(reject.reason, reject.count);
  }
  if (!batch.alerts.empty()) {
    responder_->Wake();
    grpc_->NotifyAlertsChanged();
  }
  grpc_->SetServing(true);
}

absl::StatusOr<PushQueue*> App::FindQueue(absl::string_view source) {
  const auto queue = push_queues_.find(source);
  if (queue != push_queues_.end()) return queue->second.get();
  for (const SourceConfig& known : config_.sources) {
    if (known.name.view() == source) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the source \"", source, "\" takes no pushes: its type is another"));
    }
  }
  return absl::NotFoundError(
      absl::StrCat("no source is named \"", source, "\""));
}

void App::KeepHouse() {
  // A failure is said once, not every second.
  absl::Status last;
  absl::Status last_retention;
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      clock_->SleepOrWake(&mu_, &stopping_, kHousekeeping);
      if (stopping_) return;
    }
    absl::Status rolls = roller_->RunOnce(clock_->Now());
    if (!rolls.ok() && rolls != last) {
      log_->Warning("rolls: ", rolls.ToString());
    }
    last = rolls;
    StartAgain();
    absl::Status retention = retention_->RunOnce(clock_->Now());
    if (!retention.ok() && retention != last_retention) {
      log_->Warning("retention: ", retention.ToString());
    }
    last_retention = retention;
    if (history_ != nullptr) history_->KeepHouse(clock_->Now());
  }
}

Health App::GetHealth() {
  Health health;
  std::shared_ptr<EngineRunner> running = runner();
  if (running == nullptr) {
    health.problems.push_back("starting: the engine is being restored");
    return health;
  }
  const RunnerStatus status = running->status();
  {
    absl::MutexLock lock(&mu_);
    if (!engine_error_.empty()) {
      health.problems.push_back(
          absl::StrCat("nothing is read: the engine cannot be started, and is "
                       "tried again every second: ",
                       engine_error_));
    }
  }
  if (status.fenced) {
    health.problems.push_back(
        "another process took over the state; this one writes nothing");
  }
  if (!status.commit_error.empty()) {
    health.problems.push_back(
        absl::StrCat("commits fail, reading has stopped until they work: ",
                     status.commit_error));
  }
  for (const SourceStatus& source : status.sources) {
    if (source.id.view() != kLifecycleSource || source.error.empty()) continue;
    health.problems.push_back(absl::StrCat(
        "what rolls did cannot be read, and event time stands still: ",
        source.error));
  }
  const SelfTestHealth self_test =
      CheckSelfTest(config_, status, started_, clock_->Now());
  health.ready = health.problems.empty() && !self_test.broken;
  if (!self_test.problem.empty()) {
    health.problems.push_back(self_test.problem);
  }
  {
    absl::MutexLock lock(&mu_);
    if (!reload_success_) {
      health.problems.push_back(
          "the last reload was refused; the rules before it are in force");
      health.problems.insert(health.problems.end(), reload_problems_.begin(),
                             reload_problems_.end());
    }
  }
  if (history_ != nullptr) {
    const std::string error = history_->stats().error;
    if (!error.empty()) {
      health.problems.push_back(
          absl::StrCat("the request history is not written: ", error));
    }
  }
  for (const DeliveryStats& notifier : responder_->Stats().notifiers) {
    std::string trouble = TroubleOf(notifier);
    if (!trouble.empty()) health.problems.push_back(std::move(trouble));
  }
  const int64_t unheard = UnheardRules(config_, *running->rules());
  if (unheard > 0) {
    health.problems.push_back(
        absl::StrCat("nobody is told of the alerts of ", unheard,
                     unheard == 1 ? " rule that pages" : " rules that page",
                     ": alerts.default_notify is empty"));
  }
  for (const SourceStatus& source : status.sources) {
    if (!source.error.empty() && source.id.view() != kLifecycleSource) {
      health.problems.push_back(
          absl::StrCat("source ", source.id.str(), ": ", source.error));
    }
    for (const std::string& problem : source.problems) {
      health.problems.push_back(
          absl::StrCat("source ", source.id.str(), ": ", problem));
    }
  }
  return health;
}

DaemonStatus App::GetStatus() {
  DaemonStatus out;
  out.version = options_.version;
  out.start = started_;
  out.now = clock_->Now();
  out.health = GetHealth();
  {
    absl::MutexLock lock(&mu_);
    out.reload_success = reload_success_;
    out.last_reload_success = last_reload_;
  }
  RunnerStatus status;
  if (std::shared_ptr<EngineRunner> running = runner()) {
    status = running->status();
  }
  out.watermark_ms = status.watermark_ms;
  out.reorder_buffer_events = static_cast<int64_t>(status.waiting);
  out.reorder_buffer_bytes = status.waiting_bytes;
  out.forced_events = status.forced;
  out.self_test_enabled = config_.self_test.enabled;
  out.self_test_success_ms = status.self_test_ms;
  out.last_commit = status.last_commit;
  out.commit_error = status.commit_error;
  for (size_t i = 0; i < status.sources.size(); ++i) {
    const SourceStatus& source = status.sources[i];
    if (source.id.view() == kSelfTestSource) {
      out.self_test_event_ms = source.newest_ms;
      continue;
    }
    DaemonStatus::Source shown;
    shown.id = source.id;
    if (i < config_.sources.size()) {
      const SourceConfig& config = config_.sources[i];
      shown.kind = config.type == SourceType::kFile   ? "file"
                   : config.type == SourceType::kHttp ? "http"
                                                      : "push";
      shown.format = config.format;
      shown.location = SourceLocation(config);
    } else {
      shown.kind = "lifecycle";
      shown.format = LifecycleFormat()->name();
      shown.location = "rolls recorded here";
    }
    shown.state = !source.error.empty() ? DaemonStatus::Source::State::kFailing
                  : out.now - source.last_data < absl::Seconds(10)
                      ? DaemonStatus::Source::State::kReading
                      : DaemonStatus::Source::State::kIdle;
    shown.error = source.error;
    shown.newest_event_ms = source.newest_ms;
    shown.watermark_ms = source.watermark_ms;
    shown.future_events = source.future;
    out.sources.push_back(std::move(shown));
  }
  return out;
}

RulesSnapshot App::GetRules() {
  RulesSnapshot out;
  if (config_.self_test.enabled) out.self_test = RuleId(kSelfTestRule);
  {
    absl::MutexLock lock(&mu_);
    out.rules = rules_;
  }
  std::shared_ptr<EngineRunner> running = runner();
  if (running == nullptr) return out;
  const EngineStats stats = running->status().engine;
  for (size_t i = 0; i < stats.matches.size(); ++i) {
    out.counters.push_back({stats.matches[i], stats.episodes[i],
                            stats.groups[i], stats.evicted[i]});
  }
  return out;
}

bool App::ReloadIfChanged() {
  if (rules_watch_ == nullptr || !rules_watch_->Changed(clock_->Now())) {
    return false;
  }
  log_->Info("rule files or the configuration changed");
  Reload("file watch");
  return true;
}

absl::Status App::Replace(std::shared_ptr<const RuleSet> rules,
                          const EngineRunner& running) {
  // A new engine would take the state back from who has it now.
  if (running.status().fenced) {
    return absl::AbortedError("another process took over the state");
  }
  absl::Status started = StartRunner(rules);
  KEYWATCH_FAILPOINT("reload.started");
  if (started.ok()) return started;
  log_->Error("reload: ", started.ToString(),
              "; going back to the rules before it");
  absl::Status back = StartRunner(running.rules());
  if (back.ok()) return started;
  const absl::string_view then =
      "the engine has stopped, and is started with the new rules as soon as "
      "that works";
  log_->Error(then, ": ", back.ToString());
  waiting_rules_ = std::move(rules);
  absl::MutexLock lock(&mu_);
  engine_error_ = back.ToString();
  return absl::Status(started.code(),
                      absl::StrCat(started.message(), "; ", then));
}

void App::Applied(const RuleSet& rules) {
  log_->Info("reloaded: ", GetRules().count(), " rules, ", rules.hash());
  metrics_->LoadSucceeded(clock_->Now());
  absl::MutexLock lock(&mu_);
  reload_success_ = true;
  reload_problems_.clear();
  last_reload_ = clock_->Now();
}

void App::StartAgain() {
  // Whoever holds it reloads or stops.
  if (!reload_mu_.TryLock()) return;
  const std::shared_ptr<const RuleSet> rules = waiting_rules_;
  if (rules != nullptr) {
    absl::Status started = StartRunner(rules);
    if (started.ok()) {
      Applied(*rules);
    } else {
      absl::MutexLock lock(&mu_);
      engine_error_ = started.ToString();
    }
  }
  reload_mu_.Unlock();
}

ReloadResult App::Reload(absl::string_view actor) {
  absl::MutexLock reload_lock(&reload_mu_);
  ReloadResult result;
  // Everything that can be refused is looked at before anything is touched.
  // Rules must fit the notifiers that are there, not those of the next start.
  Config fresh = config_;
  if (!config_.path.empty()) {
    LoadedConfig loaded = LoadConfig(
        config_.path, DaemonConfigOptions(ConfigOptions::Files::kRequire));
    result.issues.Append(loaded.issues);
    if (loaded.ok()) fresh.rules = std::move(loaded.config.rules);
    for (const std::string& section :
         ChangedSections(config_text_, ReadText(config_.path))) {
      if (section == "rules") continue;
      Issue issue;
      issue.severity = Issue::Severity::kWarning;
      issue.code = "needs-restart";
      issue.where.file = config_.path;
      issue.message = absl::StrCat("\"", section,
                                   "\" has changed since the start: that takes "
                                   "effect at the next one");
      issue.hint = "systemctl restart keywatchd";
      result.issues.Add(std::move(issue));
    }
  }
  if (rules_watch_ != nullptr) rules_watch_->Accept(fresh.rules.paths);
  std::shared_ptr<const RuleSet> rules;
  if (!result.issues.has_errors()) {
    rules = LoadRules(fresh, ToEventTime(clock_->Now()), &result.issues);
  }
  AuditEntry audit;
  audit.at_ms = ToEventTime(clock_->Now());
  audit.actor = std::string(actor);
  audit.action = "rules.reload";
  for (const Issue& issue : result.issues.issues()) {
    log_->Write(issue.severity == Issue::Severity::kError
                    ? Log::Severity::kError
                    : Log::Severity::kWarning,
                FormatIssue(issue));
  }
  if (rules == nullptr) {
    log_->Error("reload refused; the rules before it stay in force");
    metrics_->LoadFailed();
    absl::MutexLock lock(&mu_);
    reload_success_ = false;
    reload_problems_ = ProblemsOf(result.issues);
    audit.detail = "refused";
  } else {
    // --- From here on live state is touched.
    std::shared_ptr<EngineRunner> running = runner();
    {
      absl::MutexLock lock(&mu_);
      if (stopping_ || running == nullptr) return result;
    }
    running->Stop();
    KEYWATCH_FAILPOINT("reload.stopped");
    absl::Status started = Replace(rules, *running);
    if (started.ok()) {
      result.applied = true;
      Applied(*rules);
    } else {
      Issue issue;
      issue.code = "reload-failed";
      issue.message = std::string(started.message());
      result.issues.Add(std::move(issue));
      metrics_->LoadFailed();
      absl::MutexLock lock(&mu_);
      reload_success_ = false;
      reload_problems_ = ProblemsOf(result.issues);
    }
    audit.subject = rules->hash();
    audit.detail = result.applied ? "applied" : "failed";
  }
  absl::Status recorded = store_->AppendAudit(audit);
  if (!recorded.ok()) log_->Warning("audit: ", recorded.ToString());
  return result;
}

absl::StatusOr<std::vector<SourceCoverage>> App::GetCoverage(
    EventTime since_ms, EventTime until_ms) {
  std::vector<SourceCoverage> out;
  std::shared_ptr<EngineRunner> running = runner();
  if (running == nullptr) {
    return absl::UnavailableError("the engine is being restored");
  }
  for (size_t i = 0; i < config_.sources.size(); ++i) {
    SourceCoverage source;
    source.source = config_.sources[i].name;
    absl::StatusOr<std::vector<Gap>> gaps =
        store_->ListGaps(source.source, since_ms, kMaxShownGaps);
    if (!gaps.ok()) return gaps.status();
    source.stretches = CoverageTimeline(running->coverage(i, since_ms),
                                        *std::move(gaps), since_ms, until_ms);
    out.push_back(std::move(source));
  }
  return out;
}

void App::RefreshSourceMetrics(const RunnerStatus& status, Metrics* metrics) {
  const absl::Time now = clock_->Now();
  for (const SourceStatus& source : status.sources) {
    if (source.id.view() == kSelfTestSource) continue;
    SourceMetrics* out = metrics->Source(source.id.view());
    out->SetCounts({source.totals.records, source.totals.events,
                    source.totals.late, source.totals.duplicates,
                    source.future});
    std::vector<GapTotals> gaps;
    for (size_t kind = 0; kind < kGapKinds; ++kind) {
      gaps.push_back({GapKindName(static_cast<GapKind>(kind)),
                      source.gaps[kind], source.blind_ms[kind]});
    }
    out->SetCoverageGaps(gaps);
    // What never gave an event lags behind nothing.
    if (source.newest_ms == kMinEventTime) continue;
    out->SetLag(now - FromEventTime(source.newest_ms));
    if (source.watermark_ms != kMinEventTime) {
      out->SetWatermark(FromEventTime(source.watermark_ms));
    }
  }
}

void App::RefreshMetrics(Metrics* metrics) {
  const absl::Time now = clock_->Now();
  if (std::shared_ptr<EngineRunner> running = runner()) {
    const RunnerStatus status = running->status();
    metrics->SetReorderBuffer(static_cast<int64_t>(status.waiting),
                              status.waiting_bytes, status.forced);
    metrics->SetSelfTest(config_.self_test.enabled,
                         status.self_test_ms == kMinEventTime
                             ? absl::InfinitePast()
                             : FromEventTime(status.self_test_ms));
    std::vector<RuleTotals> totals;
    const std::vector<Rule>& rules = running->rules()->rules();
    for (size_t i = 0; i < status.engine.matches.size(); ++i) {
      if (config_.self_test.enabled && rules[i].id.view() == kSelfTestRule) {
        continue;
      }
      totals.push_back({status.engine.matches[i], status.engine.episodes[i],
                        status.engine.evicted[i], status.engine.groups[i]});
    }
    metrics->rules().SetTotals(totals);
    RefreshSourceMetrics(status, metrics);
  }
  if (history_ != nullptr) {
    const HistoryRecorder::Stats history = history_->stats();
    metrics->SetHistory(history.events, history.dropped, history.bytes);
  }
  if (auto counts = store_->CountAlerts(); counts.ok()) {
    metrics->SetAlerts(*counts);
  }
  if (auto outbox = store_->CountOutbox(); outbox.ok()) {
    metrics->SetOutbox(outbox->pending, outbox->dead,
                       outbox->oldest_pending_ms == 0
                           ? absl::ZeroDuration()
                           : now - FromEventTime(outbox->oldest_pending_ms));
  }
  constexpr int kMaxRolls = 1000;
  if (auto rolls = store_->ListRolls(false, kMaxRolls); rolls.ok()) {
    std::vector<int64_t> counts(static_cast<size_t>(RollState::kCancelled) + 1,
                                0);
    for (const Roll& roll : *rolls) ++counts[static_cast<size_t>(roll.state)];
    metrics->SetRolls(counts);
  }
  for (const DeliveryStats& delivery : responder_->Stats().notifiers) {
    DeliveryStats& before = published_[delivery.notifier];
    auto count = [&](NotificationOutcome outcome, int64_t now_total,
                     int64_t then) {
      for (; then < now_total; ++then) {
        metrics->NotificationTried(delivery.notifier, outcome);
      }
    };
    count(NotificationOutcome::kSent, delivery.sent, before.sent);
    // An attempt that ended its message is dead, any other failed one is
    // followed by a retry.
    count(NotificationOutcome::kRetried, delivery.failed - delivery.dead,
          before.failed - before.dead);
    count(NotificationOutcome::kDead, delivery.dead, before.dead);
    before = delivery;
  }
}

}  // namespace keywatch
