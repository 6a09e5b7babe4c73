#include "daemon/app/replay.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/app/enrichment.h"
#include "daemon/app/pipeline.h"
#include "daemon/app/source_worker.h"
#include "daemon/config/loader.h"
#include "daemon/core/time.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/redactor.h"
#include "daemon/ingest/replay_source.h"
#include "daemon/rules/compiler.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// One log file on its way through the pipeline.
struct Log {
  std::string path;
  ReplaySource* source = nullptr;  // owned by the worker
  std::unique_ptr<SourceWorker> worker;
  bool finished = false;
};

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A bar on a terminal: what was read of what there is.
class ProgressBar {
 public:
  ProgressBar(bool on, Clock* clock, std::ostream* err)
      : on_(on), clock_(clock), err_(err), begin_(clock->Now()) {}

  void Show(const std::vector<Log>& logs, int64_t records) {
    if (!on_) return;
    const absl::Time now = clock_->Now();
    if (now - shown_ < absl::Milliseconds(100)) return;
    shown_ = now;
    int64_t done = 0;
    int64_t total = 0;
    for (const Log& log : logs) {
      done += log.source->bytes_done();
      total += log.source->bytes_total();
    }
    const double share =
        total > 0 ? std::min(1.0, static_cast<double>(done) / total) : 0;
    const int filled = static_cast<int>(share * kWidth);
    const double seconds = std::max(1e-3, absl::ToDoubleSeconds(now - begin_));
    *err_ << "\r[" << std::string(filled, '#')
          << std::string(kWidth - filled, '.') << "] "
          << absl::StrFormat("%3d %%  %d records  %.0f/s ",
                             static_cast<int>(share * 100), records,
                             records / seconds)
          << std::flush;
  }

  void End() {
    if (on_) *err_ << "\r\033[K" << std::flush;
  }

 private:
  static constexpr int kWidth = 30;
  const bool on_;
  Clock* const clock_;
  std::ostream* const err_;
  const absl::Time begin_;
  absl::Time shown_ = absl::InfinitePast();
};

// What `--config` gives; false, with messages, when it is refused.
bool LoadSettings(const ReplayOptions& options, Config* config,
                  std::unique_ptr<Enricher>* enricher, std::ostream& err) {
  if (options.config_file.empty()) return true;
  ConfigOptions config_options;
  config_options.formats = Format::ShippedNames();
  config_options.files = ConfigOptions::Files::kIgnore;
  LoadedConfig loaded = LoadConfig(options.config_file, config_options);
  err << FormatIssues(loaded.issues);
  if (!loaded.ok()) return false;
  *config = std::move(loaded.config);
  absl::StatusOr<std::unique_ptr<Enricher>> made = NewEnricher(*config);
  if (!made.ok()) {
    err << "keywatch replay: " << options.config_file
        << ": enrichment: " << made.status().message() << "\n";
    return false;
  }
  *enricher = *std::move(made);
  return true;
}

// Rules without the refused ones; null when none is left or --strict says so.
std::shared_ptr<const RuleSet> LoadRules(const ReplayOptions& options,
                                         const Config& config, int* refused,
                                         std::ostream& err) {
  CompileOptions compile;
  compile.lists = config.rules.lists;
  compile.ignore_logsource = options.ignore_logsource;
  CompileResult result = options.strict
                             ? CompileRules(options.rules, compile)
                             : CompileRulesLeniently(options.rules, compile);
  *refused = 0;
  for (const DocumentResult& document : result.documents) {
    if (!document.loaded) ++*refused;
  }
  if (result.issues.has_errors()) {
    for (const Issue& issue : result.issues.issues()) {
      if (issue.severity == Issue::Severity::kError) {
        err << FormatIssue(issue) << "\n";
      }
    }
  }
  if (result.rules != nullptr && result.rules->rules().empty()) {
    result.rules = nullptr;
  }
  if (result.rules == nullptr) {
    err << "keywatch replay: no usable rules\n";
  } else if (*refused > 0) {
    err << "keywatch replay: left out " << *refused
        << " refused documents (--strict ends the run instead)\n";
  }
  return result.rules;
}

// The format by name, by file, or by what the first log looks like.
std::shared_ptr<const Format> LoadFormat(const ReplayOptions& options,
                                         ReplaySource* first,
                                         std::ostream& err) {
  if (options.format.empty()) {
    constexpr size_t kHead = 64 * 1024;
    absl::StatusOr<std::string> head = first->Peek(kHead);
    return Format::Shipped(SniffFormat(head.ok() ? *head : std::string()));
  }
  std::shared_ptr<const Format> shipped = Format::Shipped(options.format);
  if (shipped != nullptr) return shipped;
  const std::vector<std::string> names = Format::ShippedNames();
  if (options.format.find('/') == std::string::npos &&
      options.format.find('.') == std::string::npos) {
    err << "keywatch replay: no format \"" << options.format << "\"; "
        << SuggestionHint(options.format, names)
        << " (or the path of a format file)\n";
    return nullptr;
  }
  IssueList issues;
  std::shared_ptr<const Format> format = Format::Load(options.format, &issues);
  err << FormatIssues(issues);
  return format;
}

// Counts and, on demand, prints what matched.
class MatchWriter {
 public:
  MatchWriter(const RuleSet* rules, bool print, std::ostream* out)
      : rules_(rules), print_(print), out_(out) {}

  void Take(const Event& event) {
    if (!print_) return;
    for (uint32_t rule : event.matches) {
      line_.clear();
      absl::StrAppend(&line_,
                      "{\"rule_id\":", Dump(rules_->rule(rule).id.str()),
                      ",\"event_id\":", Dump(std::string(event.id)),
                      ",\"time\":\"", FormatTime(event.time_ms), "\"}\n");
      *out_ << line_;
    }
  }

 private:
  const RuleSet* const rules_;
  const bool print_;
  std::ostream* const out_;
  std::string line_;
};

// The newest snapshot of every episode.
class Episodes {
 public:
  void Take(std::vector<Detection> detections) {
    for (Detection& detection : detections) {
      auto [it, inserted] =
          index_.try_emplace(detection.id.str(), episodes_.size());
      if (inserted) {
        episodes_.push_back(std::move(detection));
      } else {
        episodes_[it->second] = std::move(detection);
      }
    }
  }

  // In order of first fire, then rule and group, so that batches and threads
  // change nothing.
  void Write(const RuleSet& rules, std::ostream& out) {
    std::sort(episodes_.begin(), episodes_.end(),
              [](const Detection& a, const Detection& b) {
                if (a.first_fire_ms != b.first_fire_ms) {
                  return a.first_fire_ms < b.first_fire_ms;
                }
                if (a.rule != b.rule) return a.rule < b.rule;
                if (a.group != b.group) return a.group < b.group;
                return a.id < b.id;
              });
    for (const Detection& episode : episodes_) {
      const Rule& rule = rules.rule(episode.rule);
      Json json;
      json["rule_id"] = rule.id.str();
      json["rule"] = rule.name;
      json["title"] = rule.title;
      json["level"] = std::string(LevelName(rule.level));
      Json group = Json::object();
      for (const auto& [field, value] : episode.group) group[field] = value;
      json["group"] = std::move(group);
      json["first_fire"] = FormatTime(episode.first_fire_ms);
      json["first_event"] = FormatTime(episode.first_event_ms);
      json["last_event"] = FormatTime(episode.last_event_ms);
      json["count"] = episode.count;
      json["explanation"] = episode.explanation;
      out << Dump(json) << "\n";
    }
  }

 private:
  std::vector<Detection> episodes_;
  absl::flat_hash_map<std::string, size_t> index_;
};

Json Stats(const RuleSet& rules, const Pipeline& pipeline, size_t sources,
           int refused, double seconds, double cpu_seconds) {
  SourceTotals sum;
  for (size_t i = 0; i < sources; ++i) {
    const SourceTotals& totals = pipeline.totals(static_cast<uint32_t>(i));
    sum.records += totals.records;
    sum.rejected += totals.rejected;
    sum.duplicates += totals.duplicates;
    sum.events += totals.events;
    sum.late += totals.late;
  }
  Json json;
  json["records"] = sum.records;
  json["rejected"] = sum.rejected;
  json["duplicates"] = sum.duplicates;
  json["events"] = sum.events;
  json["late"] = sum.late;
  const EngineStats& engine = pipeline.stats();
  std::map<std::string, int64_t> matches;
  std::map<std::string, int64_t> alerts;
  for (size_t i = 0; i < rules.rules().size(); ++i) {
    const Rule& rule = rules.rules()[i];
    matches[rule.name] += engine.matches[i];
    if (rule.alerts) alerts[rule.name] += engine.episodes[i];
  }
  json["matches"] = matches;
  json["alerts"] = alerts;
  json["refused_rules"] = refused;
  json["seconds"] = seconds;
  json["cpu_seconds"] = cpu_seconds;
  return json;
}

// The unfinished log whose newest event is oldest: logs of one time are merged,
// logs that follow each other are read one after the other.
Log* Next(std::vector<Log>& logs, const Pipeline& pipeline) {
  Log* next = nullptr;
  EventTime least = kMaxEventTime;
  for (size_t i = 0; i < logs.size(); ++i) {
    if (logs[i].finished) continue;
    const EventTime newest = pipeline.newest(static_cast<uint32_t>(i));
    if (next == nullptr || newest < least) {
      next = &logs[i];
      least = newest;
    }
  }
  return next;
}

}  // namespace

int RunReplay(const ReplayOptions& options, Clock* clock, std::ostream& out,
              std::ostream& err) {
  const absl::Time begin = clock->Now();
  const double cpu_begin = CpuSeconds();
  if (options.rules.empty() || options.logs.empty()) {
    err << "keywatch replay: needs --rules and at least one log\n";
    return 2;
  }
  Config config;
  std::unique_ptr<Enricher> enricher;
  if (!LoadSettings(options, &config, &enricher, err)) return 3;
  int refused = 0;
  std::shared_ptr<const RuleSet> rules =
      LoadRules(options, config, &refused, err);
  if (rules == nullptr || (options.strict && refused > 0)) return 3;
  std::vector<std::unique_ptr<ReplaySource>> files;
  for (const std::string& path : options.logs) {
    ReplaySourceOptions source_options;
    source_options.paths = {path};
    absl::StatusOr<std::unique_ptr<ReplaySource>> source =
        ReplaySource::Create(std::move(source_options));
    if (!source.ok()) {
      err << "keywatch replay: " << source.status().message() << "\n";
      return 1;
    }
    files.push_back(*std::move(source));
  }
  std::shared_ptr<const Format> format =
      LoadFormat(options, files[0].get(), err);
  if (format == nullptr) return 3;

  // Fingerprints need not agree with those of a daemon: nothing is stored.
  const Redactor redactor((Secret("replay")));
  FormatOverrides overrides;
  overrides.key_field = options.key_field;
  overrides.time_field = options.time_field;
  overrides.id_field = options.dedup_field;

  std::vector<Log> logs;
  std::vector<PipelineSource> sources;
  for (size_t i = 0; i < files.size(); ++i) {
    files[i]->SetFraming(format->framing());
    Log log;
    log.path = options.logs[i];
    log.source = files[i].get();
    SourceWorker::Options worker;
    worker.index = static_cast<uint32_t>(i);
    worker.id = SourceId(log.path);
    worker.overrides = overrides;
    worker.enricher = enricher.get();
    PipelineSource spec;
    spec.id = worker.id;
    spec.allowed_lateness = options.lateness;
    spec.dedup = options.dedup_field != "none";
    spec.seen_with = i == 0 ? -1 : 0;
    log.worker = std::make_unique<SourceWorker>(
        std::move(worker), std::move(files[i]), *format, rules, &redactor,
        std::vector<StreamCursor>());
    sources.push_back(std::move(spec));
    logs.push_back(std::move(log));
  }

  MatchWriter writer(rules.get(), options.matches, &out);
  Pipeline::Options pipeline_options;
  pipeline_options.only_matched = true;
  pipeline_options.key_profiles = false;
  if (options.matches) {
    pipeline_options.on_event = [&writer](const Event& event) {
      writer.Take(event);
    };
  }
  Pipeline pipeline(rules, std::move(sources), std::move(pipeline_options));
  Episodes episodes;
  ProgressBar progress(options.progress, clock, &err);
  int64_t records = 0;
  int exit_code = 0;
  while (Log* log = Next(logs, pipeline)) {
    absl::StatusOr<DecodedPage> page = log->worker->Next(begin);
    if (!page.ok()) {
      progress.End();
      err << "keywatch replay: " << log->path << ": " << page.status().message()
          << "; what came before it was evaluated\n";
      exit_code = 1;
    }
    if (!page.ok() || (page->records == 0 && !page->more)) {
      log->finished = true;
      pipeline.Finish(log->worker->index());
      continue;
    }
    records += page->records;
    pipeline.Take(*std::move(page));
    pipeline.Release();
    if (!options.matches) episodes.Take(pipeline.TakeDetections());
    progress.Show(logs, records);
  }
  pipeline.ReleaseAll(pipeline.newest());
  progress.End();
  if (!options.matches) {
    episodes.Take(pipeline.TakeDetections());
    episodes.Write(*rules, out);
  }
  out.flush();
  if (!options.stats_file.empty()) {
    std::ofstream file(options.stats_file);
    file << Dump(Stats(*rules, pipeline, logs.size(), refused,
                       absl::ToDoubleSeconds(clock->Now() - begin),
                       CpuSeconds() - cpu_begin))
         << "\n";
    file.close();
    if (!file) {
      err << "keywatch replay: cannot write " << options.stats_file << "\n";
      return 1;
    }
  }
  if (!out) {
    err << "keywatch replay: cannot write the output\n";
    return 1;
  }
  return exit_code;
}

}  // namespace keywatch
