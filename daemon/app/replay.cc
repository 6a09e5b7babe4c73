#include "daemon/app/replay.h"

#include <sys/resource.h>

#include <fstream>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/app/enrichment.h"
#include "daemon/app/log_run.h"
#include "daemon/config/loader.h"
#include "daemon/core/time.h"
#include "daemon/ingest/format.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Prints what matched.
class MatchWriter {
 public:
  MatchWriter(const RuleSet* rules, std::ostream* out)
      : rules_(rules), out_(out) {}

  void Take(const Event& event) {
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
  std::ostream* const out_;
  std::string line_;
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

void WriteAlerts(const RuleSet& rules, const std::vector<Detection>& alerts,
                 std::ostream& out) {
  for (const Detection& alert : alerts) {
    const Rule& rule = rules.rule(alert.rule);
    Json json;
    json["rule_id"] = rule.id.str();
    json["rule"] = rule.name;
    json["title"] = rule.title;
    json["level"] = std::string(LevelName(rule.level));
    Json group = Json::object();
    for (const auto& [field, value] : alert.group) group[field] = value;
    json["group"] = std::move(group);
    json["first_fire"] = FormatTime(alert.first_fire_ms);
    json["first_event"] = FormatTime(alert.first_event_ms);
    json["last_event"] = FormatTime(alert.last_event_ms);
    json["count"] = alert.count;
    json["explanation"] = alert.explanation;
    out << Dump(json) << "\n";
  }
}

Json Stats(const RuleSet& rules, const RunResult& run, int refused,
           double seconds, double cpu_seconds) {
  Json json;
  json["records"] = run.totals.records;
  json["rejected"] = run.totals.rejected;
  json["duplicates"] = run.totals.duplicates;
  json["events"] = run.totals.events;
  json["late"] = run.totals.late;
  std::map<std::string, int64_t> matches;
  std::map<std::string, int64_t> alerts;
  for (size_t i = 0; i < rules.rules().size(); ++i) {
    const Rule& rule = rules.rules()[i];
    matches[rule.name] += run.stats.matches[i];
    if (rule.alerts) alerts[rule.name] += run.stats.episodes[i];
  }
  json["matches"] = matches;
  json["alerts"] = alerts;
  json["refused_rules"] = refused;
  json["seconds"] = seconds;
  json["cpu_seconds"] = cpu_seconds;
  return json;
}

}  // namespace

int RunReplay(const ReplayOptions& options, Clock* clock, std::ostream& out,
              std::ostream& err) {
  const absl::Time begin = clock->Now();
  const double cpu_begin = CpuSeconds();
  if (options.rules.empty() || options.input.logs.empty()) {
    err << "keywatch replay: needs --rules and at least one log\n";
    return 2;
  }
  Config config;
  std::unique_ptr<Enricher> enricher;
  if (!LoadSettings(options, &config, &enricher, err)) return 3;
  int refused = 0;
  CompileOptions compile;
  compile.lists = config.rules.lists;
  compile.ignore_logsource = options.ignore_logsource;
  const std::shared_ptr<const RuleSet> rules = LoadRunRules(
      options.rules, compile, options.strict, "keywatch replay", &refused, err);
  if (rules == nullptr) return 3;

  MatchWriter writer(rules.get(), &out);
  ProgressBar progress(options.progress, clock, &err);
  RunOptions run_options;
  run_options.now = begin;
  run_options.progress = &progress;
  run_options.keep_alerts = !options.matches;
  if (options.matches) {
    run_options.on_event = [&writer](const Event& event) {
      writer.Take(event);
    };
  }
  RunInput input = options.input;
  input.enricher = enricher.get();
  const absl::StatusOr<RunResult> run =
      RunRules(rules, input, run_options, err);
  if (!run.ok()) {
    err << "keywatch replay: " << run.status().message() << "\n";
    if (absl::IsOutOfRange(run.status())) return 2;
    return absl::IsInvalidArgument(run.status()) ? 3 : 1;
  }
  for (const std::string& problem : run->problems) {
    err << "keywatch replay: " << problem << "\n";
  }
  err << LogText("keywatch replay", *run);
  if (!options.matches) WriteAlerts(*rules, run->alerts, out);
  out.flush();
  if (!options.stats_file.empty()) {
    std::ofstream file(options.stats_file);
    file << Dump(Stats(*rules, *run, refused,
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
  if (run->understood == 0 && !run->rejects.empty()) {
    err << "keywatch replay: no record was understood; is it another format? "
           "(--format, --time)\n";
    return 1;
  }
  return run->problems.empty() ? 0 : 1;
}

}  // namespace keywatch
