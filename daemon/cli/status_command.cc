#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/table.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {
namespace {

std::string Seconds(const google::protobuf::Duration& duration) {
  return ShortDuration(absl::Seconds(duration.seconds()) +
                       absl::Nanoseconds(duration.nanos()));
}

// So many files can wait that they would hide everything else.
void PrintProblems(const CommandContext& context,
                   const v1::GetStatusResponse& status) {
  constexpr int kShown = 5;
  const std::string margin(12, ' ');
  const int all = status.problems_size();
  for (int i = 0; i < all && (i < kShown || all == kShown + 1); ++i) {
    context.out() << margin << context.style().Red(Sanitize(status.problems(i)))
                  << "\n";
  }
  if (all > kShown + 1) {
    context.out() << margin
                  << context.style().Red(
                         absl::StrCat("and ", all - kShown,
                                      " more: keywatch status --output json"))
                  << "\n";
  }
}

void PrintAlertCounts(const CommandContext& context,
                      const v1::GetStatusResponse& status) {
  int64_t resolved = 0;
  std::vector<std::string> unresolved;
  // Worst first: that is what somebody looks for.
  for (int level = v1::LEVEL_CRITICAL; level > v1::LEVEL_UNSPECIFIED; --level) {
    for (const v1::AlertCount& count : status.alerts()) {
      if (count.level() != level) continue;
      if (count.state() == v1::ALERT_STATE_RESOLVED) {
        resolved += count.count();
        continue;
      }
      unresolved.push_back(context.style().OfLevel(
          count.level(), absl::StrCat(count.count(), " ", Word(count.level()),
                                      " ", Word(count.state()))));
    }
  }
  context.out() << "alerts      "
                << (unresolved.empty() ? "none unresolved"
                                       : absl::StrJoin(unresolved, ", "))
                << ", " << resolved << " resolved\n";
}

void PrintSources(const CommandContext& context,
                  const v1::GetStatusResponse& status) {
  Table table({{"SOURCE", Table::Align::kLeft, true},
               {"STATE"},
               {"FORMAT", Table::Align::kLeft, false, 4},
               {"RECORDS", Table::Align::kRight, false, 2},
               {"EVENTS", Table::Align::kRight},
               {"LATE", Table::Align::kRight, false, 1},
               {"DUPLICATE", Table::Align::kRight, false, 3},
               {"REJECTED", Table::Align::kRight},
               {"GAPS", Table::Align::kRight},
               {"LAG", Table::Align::kRight}});
  const Style style = context.style();
  for (const v1::SourceStatus& source : status.sources()) {
    int64_t rejected = 0;
    for (const v1::RejectCount& reject : source.rejects()) {
      rejected += reject.count();
    }
    const bool failing = source.state() == v1::SOURCE_STATE_FAILING;
    table.Add({Sanitize(source.id()),
               Table::Cell(Word(source.state()),
                           [style, failing](const std::string& text) {
                             return failing ? style.Red(text) : text;
                           }),
               Sanitize(source.format()), absl::StrCat(source.records()),
               absl::StrCat(source.events()),
               absl::StrCat(source.late_events()),
               absl::StrCat(source.duplicate_events()), absl::StrCat(rejected),
               absl::StrCat(source.gaps()),
               source.has_lag() ? Seconds(source.lag()) : "-"});
  }
  context.out() << "\n";
  if (table.empty()) {
    context.out() << "No source is configured.\n";
    return;
  }
  table.Print(context.out(), style, context.width());
  for (const v1::SourceStatus& source : status.sources()) {
    if (!source.error().empty()) {
      context.out() << "  " << Sanitize(source.id()) << ": "
                    << style.Red(Sanitize(source.error())) << "\n";
    }
    if (source.future_events() > 0) {
      context.out() << "  " << Sanitize(source.id()) << ": "
                    << style.Red(absl::StrCat(
                           source.future_events(),
                           " events from the future; is its clock right?"))
                    << "\n";
    }
    std::vector<std::string> reasons;
    for (const v1::RejectCount& reject : source.rejects()) {
      reasons.push_back(
          absl::StrCat(reject.count(), " ", Sanitize(reject.reason())));
    }
    if (!reasons.empty()) {
      context.out() << "  " << Sanitize(source.id()) << ": rejected "
                    << absl::StrJoin(reasons, ", ")
                    << "; see: keywatch sources rejects "
                    << ShellQuote(Sanitize(source.id())) << "\n";
    }
  }
}

int RunStatus(const CommandContext& context) {
  DaemonClient client(&context);
  v1::GetStatusResponse status;
  const int failed =
      client.Call(client.status(), &DaemonClient::StatusStub::GetStatus,
                  v1::GetStatusRequest(), &status);
  if (failed != kExitOk) return failed;
  const int result = status.healthy() ? kExitOk : kExitFailure;
  if (context.json()) {
    context.out() << ToJson(status, /*pretty=*/true) << "\n";
    return result;
  }

  const Style style = context.style();
  const absl::Time now = context.now();
  std::ostream& out = context.out();
  out << "keywatchd   " << Sanitize(status.version()) << " at "
      << client.address() << ", up " << Seconds(status.uptime()) << ", since "
      << UtcTime(FromProto(status.start_time())) << "\n";
  out << "health      "
      << (status.healthy() ? style.Green("healthy") : style.Red("not healthy"))
      << "\n";
  PrintProblems(context, status);
  PrintAlertCounts(context, status);
  const v1::EngineStatus& engine = status.engine();
  out << "rules       " << engine.rules() << " in force ("
      << Sanitize(engine.rules_hash()) << "), " << engine.groups()
      << " groups held, " << engine.evictions() << " evicted\n";
  if (!status.reload().success()) {
    out << "            "
        << style.Red(
               "the last reload was refused; the rules before it are in "
               "force")
        << "\n";
  }
  out << "watermark   "
      << (engine.has_watermark_time()
              ? BothTimes(FromProto(engine.watermark_time()), now)
              : "no event seen yet")
      << ", " << engine.reorder_buffer_events() << " events wait\n";
  if (engine.forced_events() > 0) {
    out << "            "
        << style.Red(absl::StrCat(
               engine.forced_events(),
               " events were judged early because too many waited"))
        << "\n";
  }
  const v1::CheckpointStatus& checkpoint = status.checkpoint();
  out << "checkpoint  "
      << (checkpoint.has_last_success_time()
              ? BothTimes(FromProto(checkpoint.last_success_time()), now)
              : "none yet");
  if (!checkpoint.error().empty()) {
    out << ", " << style.Red(Sanitize(checkpoint.error()));
  }
  out << "\noutbox      " << status.outbox().pending() << " waiting, "
      << status.outbox().dead() << " given up";
  if (status.outbox().has_oldest_pending_time()) {
    out << ", oldest from "
        << BothTimes(FromProto(status.outbox().oldest_pending_time()), now);
  }
  out << "\n";
  if (status.self_test().enabled()) {
    out << "self-test   "
        << (status.self_test().has_last_success_time()
                ? absl::StrCat(
                      "came through at ",
                      BothTimes(
                          FromProto(status.self_test().last_success_time()),
                          now))
                : "not yet through")
        << "\n";
  }
  PrintSources(context, status);
  return result;
}

}  // namespace

void AddStatusCommand(CLI::App* parent, CommandContext* context) {
  CLI::App* command =
      parent->add_subcommand("status", "How the daemon and its sources are");
  command->footer(
      "Exit code 0 when healthy, 1 when not.\n\n"
      "Examples:\n"
      "  keywatch status\n"
      "  keywatch status --output json | jq '.sources[] | {id, rejects}'\n");
  command->callback(
      [context] { context->run = [context] { return RunStatus(*context); }; });
}

}  // namespace keywatch
