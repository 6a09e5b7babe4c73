#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/option_checks.h"
#include "daemon/cli/table.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {

// In push_command.cc.
void AddPushCommand(CLI::App* parent, CommandContext* context);

namespace {

struct Options {
  std::string source;
  std::string since;
  int limit = 20;
};

int RunRejects(const CommandContext& context, const Options& options) {
  DaemonClient client(&context);
  v1::ListRejectsRequest request;
  request.set_source_id(options.source);
  request.set_page_size(options.limit);
  v1::ListRejectsResponse response;
  const int failed =
      client.Call(client.status(), &DaemonClient::StatusStub::ListRejects,
                  request, &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  std::ostream& out = context.out();
  const Style style = context.style();
  if (response.counts().empty()) {
    out << "No record was rejected.\n";
    return kExitOk;
  }
  Table counts({{"SOURCE"}, {"REASON"}, {"RECORDS", Table::Align::kRight}});
  for (const v1::SourceRejects& source : response.counts()) {
    for (const v1::RejectCount& reject : source.rejects()) {
      counts.Add({Sanitize(source.source_id()), Sanitize(reject.reason()),
                  absl::StrCat(reject.count())});
    }
  }
  counts.Print(out, style, context.width());
  for (const v1::Reject& reject : response.rejects()) {
    out << "\n"
        << style.Bold(Sanitize(reject.reason())) << "  "
        << Sanitize(reject.source_id()) << "  " << Sanitize(reject.stream())
        << " at byte " << reject.offset();
    if (reject.has_time()) {
      out << ", about " << BothTimes(FromProto(reject.time()), context.now());
    }
    const std::string text = Sanitize(reject.text());
    out << "\n  "
        << (context.width() == 0 ? text
                                 : CutToWidth(text, 3 * (context.width() - 2)))
        << "\n";
  }
  return kExitOk;
}

int RunGaps(const CommandContext& context, const Options& options) {
  v1::ListGapsRequest request;
  request.set_source_id(options.source);
  request.set_page_size(options.limit);
  if (!options.since.empty()) {
    absl::StatusOr<absl::Time> since =
        ParseTypedTime(options.since, context.now(), /*future=*/false);
    if (!since.ok()) {
      return context.Fail(kExitUsage,
                          absl::StrCat("--since: ", since.status().message()));
    }
    SetProto(*since, request.mutable_since_time());
  }
  DaemonClient client(&context);
  v1::ListGapsResponse response;
  const int failed = client.Call(
      client.status(), &DaemonClient::StatusStub::ListGaps, request, &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  if (response.gaps().empty()) {
    context.out() << "No source was blind.\n";
    return kExitOk;
  }
  Table table({{"SOURCE"},
               {"FROM"},
               {"TO"},
               {"LENGTH"},
               {"REASON", Table::Align::kLeft, true}});
  for (const v1::Gap& gap : response.gaps()) {
    const bool both = gap.has_from_time() && gap.has_to_time();
    table.Add(
        {Sanitize(gap.source_id()),
         gap.has_from_time() ? UtcTime(FromProto(gap.from_time())) : "unknown",
         gap.has_to_time() ? UtcTime(FromProto(gap.to_time())) : "unknown",
         both ? ShortDuration(FromProto(gap.to_time()) -
                              FromProto(gap.from_time()))
              : "unknown",
         Sanitize(gap.reason())});
  }
  table.Print(context.out(), context.style(), context.width());
  return kExitOk;
}

}  // namespace

void AddSourcesCommands(CLI::App* parent, CommandContext* context) {
  auto rejects = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "rejects", "Records of which no event could be made, and why");
  command->add_option("SOURCE", rejects->source, "Only of this source")
      ->type_name("");
  command->add_option("--limit", rejects->limit, "At most this many samples")
      ->check(Between(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  command->footer(
      "Key secrets in them are replaced by fingerprints.\n\n"
      "Examples:\n"
      "  keywatch sources rejects\n"
      "  keywatch sources rejects egress --output json | jq .rejects[0]\n");
  command->callback([context, rejects] {
    context->run = [context, rejects] {
      return RunRejects(*context, *rejects);
    };
  });

  AddPushCommand(parent, context);

  auto gaps = std::make_shared<Options>();
  command = parent->add_subcommand(
      "gaps", "Stretches of time in which a source was blind");
  command->add_option("SOURCE", gaps->source, "Only of this source")
      ->type_name("");
  command->add_option("--since", gaps->since, "A duration (24h) or a time")
      ->type_name("TIME");
  command->add_option("--limit", gaps->limit, "At most this many gaps")
      ->check(Between(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  keywatch sources gaps --since 7d\n");
  command->callback([context, gaps] {
    context->run = [context, gaps] { return RunGaps(*context, *gaps); };
  });
}

}  // namespace keywatch
