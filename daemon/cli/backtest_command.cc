#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/app/backtest.h"
#include "daemon/app/enrichment.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/history_commands.h"
#include "daemon/cli/history_location.h"
#include "daemon/cli/log_arguments.h"
#include "daemon/cli/option_checks.h"
#include "daemon/cli/table.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/core/time.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> rules;
  std::vector<std::string> against;
  RunInput input;
  std::string lateness = "1m";
  std::string since;
  std::string until;
  HistoryLocation location;
  int examples = 3;
  bool ignore_logsource = false;
  bool strict = false;
};

constexpr double kDaysPerWeek = 7;

std::string Rate(double rate) {
  return rate != 0 && rate < 0.1 ? absl::StrFormat("%.2f", rate)
                                 : absl::StrFormat("%.1f", rate);
}

std::string GroupText(const Detection& alert) {
  std::string out;
  for (const auto& [name, value] : alert.group) {
    absl::StrAppend(&out, out.empty() ? "" : " ", value);
  }
  return Sanitize(out);
}

// --- For people.

void PrintRules(const CommandContext& context, const BacktestRun& run) {
  const double days = run.length_in_days();
  Table table({{"RULE"},
               {"LEVEL"},
               {"STAGE"},
               {"MATCHES", Table::Align::kRight},
               {"ALERTS", Table::Align::kRight},
               {"A DAY", Table::Align::kRight},
               {"GROUPS", Table::Align::kRight}});
  for (const BacktestRun::RuleCount& count : run.counts) {
    const Rule& rule = run.rules->rule(count.rule);
    table.Add({Sanitize(rule.name), std::string(LevelName(rule.level)),
               std::string(StageName(rule.stage)), absl::StrCat(count.matches),
               absl::StrCat(count.alerts),
               Rate(static_cast<double>(count.alerts) / days),
               absl::StrCat(count.keys)});
  }
  table.Print(context.out(), context.style(), context.width());
}

void PrintDays(const CommandContext& context, const BacktestRun& run) {
  constexpr int64_t kWidth = 40;
  constexpr size_t kMaxDays = 62;
  const auto days = run.days();
  int64_t most = 1;
  for (const auto& day : days) most = std::max(most, day.second);
  std::ostream& out = context.out();
  const size_t first = days.size() > kMaxDays ? days.size() - kMaxDays : 0;
  if (first > 0)
    out << "the last " << kMaxDays << " of " << days.size() << " days:\n";
  for (size_t i = first; i < days.size(); ++i) {
    const auto& [day, alerts] = days[i];
    out << day << absl::StrFormat("%7d ", alerts)
        << std::string((alerts * kWidth + most - 1) / most, '#') << "\n";
  }
}

void PrintSummary(const CommandContext& context, const BacktestRun& run) {
  const RunResult& result = run.result;
  std::ostream& out = context.out();
  out << result.totals.events << " events";
  if (result.first_ms <= result.last_ms) {
    out << " from " << FormatTime(result.first_ms) << " to "
        << FormatTime(result.last_ms);
  }
  if (result.totals.rejected > 0) {
    out << ", " << result.totals.rejected << " records rejected";
  }
  if (result.totals.late > 0) out << ", " << result.totals.late << " late";
  const double days = run.length_in_days();
  const double alerts = static_cast<double>(run.alerts());
  const double pages = static_cast<double>(run.alerts(Stage::kPage));
  out << "\n"
      << run.alerts() << " alerts, " << Rate(alerts / days) << " a day; "
      << run.alerts(Stage::kPage) << " pages, "
      << Rate(pages / days * kDaysPerWeek) << " a week; "
      << run.alerts(Stage::kNotify) << " notify, " << run.alerts(Stage::kShadow)
      << " in shadow\n";
}

void PrintExample(std::ostream& out, const BacktestRun& run,
                  const Detection& alert, const std::string& what) {
  out << "  " << FormatTime(alert.first_fire_ms) << " "
      << Sanitize(run.rules->rule(alert.rule).name) << " " << GroupText(alert)
      << ": " << Sanitize(what) << "\n";
}

void PrintDifference(const CommandContext& context, const Options& options,
                     const BacktestRun& before, const BacktestRun& after) {
  const BacktestDifference difference = Compare(before, after);
  std::ostream& out = context.out();
  const size_t shown = static_cast<size_t>(options.examples);
  out << "\nagainst the older rules (" << before.alerts()
      << " alerts): " << difference.gained.size() << " gained, "
      << difference.lost.size() << " lost, " << difference.changed.size()
      << " changed, " << difference.same << " the same\n";
  const auto list = [&](const char* title, const BacktestRun& run,
                        const std::vector<const Detection*>& alerts) {
    if (alerts.empty()) return;
    out << title << "\n";
    for (size_t i = 0; i < alerts.size() && i < shown; ++i) {
      PrintExample(out, run, *alerts[i], alerts[i]->explanation);
    }
    if (alerts.size() > shown) {
      out << "  and " << alerts.size() - shown << " more\n";
    }
  };
  list("gained:", after, difference.gained);
  list("lost:", before, difference.lost);
  if (difference.changed.empty()) return;
  out << "changed:\n";
  for (size_t i = 0; i < difference.changed.size() && i < shown; ++i) {
    const BacktestDifference::Pair& pair = difference.changed[i];
    PrintExample(out, after, *pair.after, pair.what);
  }
  if (difference.changed.size() > shown) {
    out << "  and " << difference.changed.size() - shown << " more\n";
  }
}

// --- For scripts.

Json AlertJson(const BacktestRun& run, const Detection& alert) {
  const Rule& rule = run.rules->rule(alert.rule);
  Json json;
  json["rule_id"] = rule.id.str();
  json["rule"] = rule.name;
  json["level"] = std::string(LevelName(rule.level));
  json["stage"] = std::string(StageName(rule.stage));
  Json group = Json::object();
  for (const auto& [name, value] : alert.group) group[name] = value;
  json["group"] = std::move(group);
  json["first_fire"] = FormatTime(alert.first_fire_ms);
  json["last_event"] = FormatTime(alert.last_event_ms);
  json["count"] = alert.count;
  json["explanation"] = alert.explanation;
  return json;
}

Json RunJson(const BacktestRun& run) {
  const double days = run.length_in_days();
  const RunResult& result = run.result;
  Json json;
  json["events"] = result.totals.events;
  json["records"] = result.totals.records;
  json["rejected"] = result.totals.rejected;
  json["duplicates"] = result.totals.duplicates;
  json["late"] = result.totals.late;
  const bool any = result.first_ms <= result.last_ms;
  json["first_event"] = any ? Json(FormatTime(result.first_ms)) : Json();
  json["last_event"] = any ? Json(FormatTime(result.last_ms)) : Json();
  json["days"] = days;
  json["alerts"] = run.alerts();
  json["alerts_per_day"] = static_cast<double>(run.alerts()) / days;
  json["pages_per_week"] =
      static_cast<double>(run.alerts(Stage::kPage)) / days * kDaysPerWeek;
  for (const Stage stage : {Stage::kShadow, Stage::kNotify, Stage::kPage}) {
    json["stages"][std::string(StageName(stage))] = run.alerts(stage);
  }
  json["rules"] = Json::array();
  for (const BacktestRun::RuleCount& count : run.counts) {
    const Rule& rule = run.rules->rule(count.rule);
    Json entry;
    entry["rule_id"] = rule.id.str();
    entry["rule"] = rule.name;
    entry["level"] = std::string(LevelName(rule.level));
    entry["stage"] = std::string(StageName(rule.stage));
    entry["matches"] = count.matches;
    entry["alerts"] = count.alerts;
    entry["groups"] = count.keys;
    json["rules"].push_back(std::move(entry));
  }
  json["alerts_by_day"] = Json::object();
  for (const auto& [day, alerts] : run.days()) {
    json["alerts_by_day"][day] = alerts;
  }
  return json;
}

Json DifferenceJson(const BacktestRun& before, const BacktestRun& after) {
  const BacktestDifference difference = Compare(before, after);
  Json json;
  json["gained"] = Json::array();
  for (const Detection* alert : difference.gained) {
    json["gained"].push_back(AlertJson(after, *alert));
  }
  json["lost"] = Json::array();
  for (const Detection* alert : difference.lost) {
    json["lost"].push_back(AlertJson(before, *alert));
  }
  json["changed"] = Json::array();
  for (const BacktestDifference::Pair& pair : difference.changed) {
    Json entry;
    entry["change"] = pair.what;
    entry["before"] = AlertJson(before, *pair.before);
    entry["after"] = AlertJson(after, *pair.after);
    json["changed"].push_back(std::move(entry));
  }
  json["same"] = difference.same;
  return json;
}

// --- The run.

class Backtest {
 public:
  Backtest(const CommandContext& context, Options* options)
      : context_(context), options_(*options) {}

  int Run() {
    const int wrong = Prepare();
    if (wrong != kExitOk) return wrong;
    BacktestRun after;
    int code = RunOne(options_.rules, "rules", &after);
    if (code != kExitOk) return code;
    BacktestRun before;
    if (!options_.against.empty()) {
      code = RunOne(options_.against, "older rules", &before);
      if (code != kExitOk) return code;
    }
    for (const std::string& problem : after.result.problems) {
      context_.err() << "warning: " << Sanitize(problem) << "\n";
    }
    if (context_.json()) {
      Json json = RunJson(after);
      if (!options_.against.empty()) {
        json["against"] = RunJson(before);
        json["difference"] = DifferenceJson(before, after);
      }
      json["problems"] = after.result.problems;
      context_.out() << json.dump(2, ' ', false, Json::error_handler_t::replace)
                     << "\n";
    } else {
      PrintSummary(context_, after);
      context_.out() << "\n";
      PrintRules(context_, after);
      context_.out() << "\n";
      PrintDays(context_, after);
      if (!options_.against.empty()) {
        PrintDifference(context_, options_, before, after);
      }
    }
    return kExitOk;
  }

 private:
  int Prepare() {
    RunInput& input = options_.input;
    const absl::StatusOr<absl::Duration> lateness =
        ParseDuration(options_.lateness);
    if (!lateness.ok()) {
      return context_.Fail(
          kExitUsage,
          absl::StrCat("--lateness: ", lateness.status().message()));
    }
    input.lateness = *lateness;
    const auto since =
        TimeOption(context_, "--since", options_.since, kMinEventTime);
    const auto until =
        TimeOption(context_, "--until", options_.until, kMaxEventTime);
    for (const auto& time : {since, until}) {
      if (!time.ok()) return context_.Fail(kExitUsage, time.status().message());
    }
    input.since_ms = *since;
    input.until_ms = *until;
    const bool reads_input = std::find(input.logs.begin(), input.logs.end(),
                                       "-") != input.logs.end();
    if (reads_input && !options_.against.empty()) {
      return context_.Fail(kExitUsage,
                           "standard input cannot be read twice: --against "
                           "needs files or the history");
    }
    if (!input.logs.empty() && !options_.location.history.empty()) {
      return context_.Fail(kExitUsage, "either logs or --history");
    }
    const absl::StatusOr<Config> config = options_.location.LoadedConfig();
    if (!config.ok()) {
      return context_.Fail(kExitRefused, config.status().message());
    }
    lists_ = config->rules.lists;
    // Events of the history have all that already.
    if (!input.logs.empty()) {
      absl::StatusOr<std::unique_ptr<Enricher>> enricher = NewEnricher(*config);
      if (!enricher.ok()) {
        return context_.Fail(kExitRefused, enricher.status().message());
      }
      enricher_ = *std::move(enricher);
      input.enricher = enricher_.get();
    }
    if (!input.logs.empty()) return kExitOk;
    const absl::StatusOr<std::string> directory = options_.location.Directory();
    if (!directory.ok()) {
      return context_.Fail(kExitRefused, directory.status().message());
    }
    input.history = *directory;
    return kExitOk;
  }

  int RunOne(const std::vector<std::string>& paths, const char* what,
             BacktestRun* run) {
    CompileOptions compile;
    compile.ignore_logsource = options_.ignore_logsource;
    compile.lists = lists_;
    int refused = 0;
    const std::shared_ptr<const RuleSet> rules =
        LoadRunRules(paths, compile, options_.strict, "keywatch backtest",
                     &refused, context_.err());
    if (rules == nullptr) {
      return context_.Fail(kExitRefused,
                           absl::StrCat("the ", what, " are refused"));
    }
    ProgressBar progress(context_.environment().terminal && !context_.json(),
                         context_.environment().clock, &context_.err());
    RunOptions run_options;
    run_options.progress = &progress;
    run_options.now = context_.now();
    absl::StatusOr<RunResult> result =
        RunRules(rules, options_.input, run_options, context_.err());
    progress.End();
    if (!result.ok()) {
      const absl::Status& status = result.status();
      return context_.Fail(absl::IsOutOfRange(status)        ? kExitUsage
                           : absl::IsInvalidArgument(status) ? kExitRefused
                                                             : kExitFailure,
                           status.message());
    }
    // The same logs are read for the rules to compare with.
    if (!told_) context_.err() << LogText("keywatch backtest", *result);
    told_ = true;
    if (result->understood == 0 && !result->rejects.empty()) {
      return context_.Fail(
          kExitFailure,
          "no record was understood; is it another format? (--format, --time)");
    }
    *run = MakeBacktestRun(rules, *std::move(result));
    return kExitOk;
  }

  const CommandContext& context_;
  Options& options_;
  bool told_ = false;
  absl::flat_hash_map<std::string, std::vector<std::string>> lists_;
  std::unique_ptr<Enricher> enricher_;
};

}  // namespace

void AddBacktestCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "backtest", "What rules would have done to the requests of the past");
  command
      ->add_option("LOG", options->input.logs,
                   "Log files; without any, the daemon's history")
      ->type_name("");
  command->add_option("--rules", options->rules, "Rule files and directories")
      ->required()
      ->type_name("PATH");
  command
      ->add_option("--against", options->against,
                   "An older version of the rules, to compare with")
      ->type_name("PATH");
  command->add_option("--since", options->since, "A duration (7d) or a time")
      ->type_name("TIME");
  command->add_option("--until", options->until, "A duration (1d) or a time")
      ->type_name("TIME");
  options->location.AddTo(command);
  command
      ->add_option("--examples", options->examples,
                   "So many alerts of each kind of difference")
      ->check(Between(0, 1000))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--format", options->input.format,
                   "Of logs: a shipped format or a format file")
      ->type_name("NAME|FILE");
  command
      ->add_option("--key", options->input.key_field,
                   "Of logs: the field that names the key")
      ->type_name("FIELD");
  command
      ->add_option("--time", options->input.time_field,
                   "Of logs: the field that holds the time")
      ->type_name("FIELD");
  command
      ->add_option("--dedup", options->input.dedup_field,
                   "Of logs: the field that identifies an event, or none")
      ->type_name("FIELD|none");
  command
      ->add_option("--lateness", options->lateness,
                   "Of logs: how far out of order events may be")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_flag("--ignore-logsource", options->ignore_logsource,
                    "Every rule sees every event");
  command->add_flag("--strict", options->strict,
                    "End when a rule is refused, instead of leaving it out");
  command->footer(
      "Pages are alerts of rules with `stage: page`. A log shorter than a day "
      "counts as\none. Exit code 0 also when alerts fire.\n\n"
      "Examples:\n"
      "  keywatch backtest --rules rules/ --since 30d\n"
      "  keywatch backtest --rules new/ --against /etc/keywatch/rules\n"
      "  keywatch backtest --rules rules/ --output json -- access.jsonl.gz | "
      "jq .rules\n");
  command->callback([context, options] {
    context->run = [context, options] {
      GiveLogsBack(&options->rules, &options->input.logs);
      GiveLogsBack(&options->against, &options->input.logs);
      return Backtest(*context, options.get()).Run();
    };
  });
}

}  // namespace keywatch
