#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

// Columns of the timeline where the terminal does not say.
constexpr size_t kColumns = 72;

struct Options {
  std::string source;
  std::string since = "24h";
};

absl::Time From(const v1::CoverageStretch& stretch) {
  return FromProto(stretch.from_time());
}
absl::Time To(const v1::CoverageStretch& stretch) {
  return FromProto(stretch.to_time());
}

char Sign(v1::CoverageKind kind) {
  switch (kind) {
    case v1::COVERAGE_KIND_SEEN:
      return '#';
    case v1::COVERAGE_KIND_EMPTY:
      return '.';
    case v1::COVERAGE_KIND_BLIND:
      return '!';
    case v1::COVERAGE_KIND_UNREAD:
      return '?';
    default:
      return ' ';
  }
}

// What a column shows is the worst of it: a short gap must not hide.
int Weight(v1::CoverageKind kind) {
  switch (kind) {
    case v1::COVERAGE_KIND_BLIND:
      return 4;
    case v1::COVERAGE_KIND_UNREAD:
      return 3;
    case v1::COVERAGE_KIND_SEEN:
      return 2;
    case v1::COVERAGE_KIND_EMPTY:
      return 1;
    default:
      return 0;
  }
}

std::string Bar(const v1::SourceCoverage& source, absl::Time since,
                absl::Time until, size_t columns, const Style& style) {
  std::vector<v1::CoverageKind> kinds(columns, v1::COVERAGE_KIND_UNSPECIFIED);
  const absl::Duration column = (until - since) / static_cast<double>(columns);
  for (const v1::CoverageStretch& stretch : source.stretches()) {
    const double first = absl::FDivDuration(From(stretch) - since, column);
    const double last = absl::FDivDuration(To(stretch) - since, column);
    const size_t begin =
        std::min(columns - 1, static_cast<size_t>(std::max(first, 0.0)));
    size_t end = std::min(columns, static_cast<size_t>(std::max(last, 0.0)));
    // A stretch shorter than a column is shown when it is bad.
    if (end == begin && stretch.kind() == v1::COVERAGE_KIND_BLIND) ++end;
    if (end == begin && kinds[begin] == v1::COVERAGE_KIND_UNSPECIFIED) ++end;
    for (size_t i = begin; i < end; ++i) {
      if (Weight(stretch.kind()) > Weight(kinds[i])) kinds[i] = stretch.kind();
    }
  }
  std::string bar;
  for (const v1::CoverageKind kind : kinds) {
    const std::string sign(1, Sign(kind));
    bar += kind == v1::COVERAGE_KIND_BLIND    ? style.Red(sign)
           : kind == v1::COVERAGE_KIND_UNREAD ? style.Yellow(sign)
           : kind == v1::COVERAGE_KIND_SEEN   ? style.Green(sign)
                                              : sign;
  }
  return bar;
}

std::string Totals(const v1::SourceCoverage& source) {
  absl::Duration lengths[5] = {};
  int64_t events = 0;
  for (const v1::CoverageStretch& stretch : source.stretches()) {
    lengths[stretch.kind()] += To(stretch) - From(stretch);
    events += stretch.events();
  }
  if (source.stretches().empty()) return "nothing known of that time";
  std::vector<std::string> parts = {absl::StrCat(events, " events")};
  const std::pair<v1::CoverageKind, const char*> kinds[] = {
      {v1::COVERAGE_KIND_SEEN, "seen"},
      {v1::COVERAGE_KIND_EMPTY, "empty"},
      {v1::COVERAGE_KIND_BLIND, "blind"},
      {v1::COVERAGE_KIND_UNREAD, "not yet read"}};
  for (const auto& [kind, word] : kinds) {
    if (lengths[kind] == absl::ZeroDuration()) continue;
    parts.push_back(absl::StrCat(ShortDuration(lengths[kind]), " ", word));
  }
  return absl::StrJoin(parts, ", ");
}

void PrintBlind(const CommandContext& context,
                const v1::GetCoverageResponse& response) {
  Table table({{"SOURCE"},
               {"BLIND FROM"},
               {"TO"},
               {"LENGTH", Table::Align::kRight},
               {"WHY"},
               {"WHAT HAPPENED", Table::Align::kLeft, true}});
  const Style style = context.style();
  for (const v1::SourceCoverage& source : response.sources()) {
    for (const v1::CoverageStretch& stretch : source.stretches()) {
      if (stretch.kind() != v1::COVERAGE_KIND_BLIND) continue;
      table.Add(
          {Sanitize(source.source_id()), UtcTime(From(stretch)),
           UtcTime(To(stretch)), ShortDuration(To(stretch) - From(stretch)),
           Table::Cell(
               Sanitize(stretch.reason()),
               [style](const std::string& text) { return style.Red(text); }),
           Sanitize(stretch.detail())});
    }
  }
  if (table.empty()) {
    context.out() << "\nNo source was blind.\n";
    return;
  }
  context.out() << "\n";
  table.Print(context.out(), style, context.width());
}

void PrintTimeline(const CommandContext& context,
                   const v1::GetCoverageResponse& response) {
  const absl::Time since = FromProto(response.since_time());
  const absl::Time until = FromProto(response.until_time());
  size_t name_width = 0;
  for (const v1::SourceCoverage& source : response.sources()) {
    name_width = std::max(name_width, source.source_id().size());
  }
  size_t columns = kColumns;
  if (context.width() > 0) {
    const size_t taken = name_width + 4;
    columns = context.width() > taken + 20 ? context.width() - taken : 20;
  }
  const Style style = context.style();
  std::ostream& out = context.out();
  const std::string indent(name_width + 2, ' ');
  const std::string from = UtcTime(since);
  const std::string to = UtcTime(until);
  out << indent << "|" << from
      << std::string(columns > from.size() + to.size()
                         ? columns - from.size() - to.size()
                         : 1,
                     ' ')
      << to << "|\n";
  for (const v1::SourceCoverage& source : response.sources()) {
    const std::string name = Sanitize(source.source_id());
    out << style.Bold(name)
        << std::string(name_width + 2 - std::min(name.size(), name_width), ' ')
        << "|" << Bar(source, since, until, columns, style) << "|\n"
        << indent << " " << Totals(source) << "\n";
  }
  out << "\n"
      << style.Dim(absl::StrCat(
             "# events   . none   ! blind   ? not yet read   one column is ",
             ShortDuration((until - since) / static_cast<double>(columns))))
      << "\n";
}

int Run(const CommandContext& context, const Options& options) {
  v1::GetCoverageRequest request;
  request.set_source_id(options.source);
  absl::StatusOr<absl::Time> since =
      ParseTypedTime(options.since, context.now(), /*future=*/false);
  if (!since.ok()) {
    return context.Fail(kExitUsage,
                        absl::StrCat("--since: ", since.status().message()));
  }
  SetProto(*since, request.mutable_since_time());
  DaemonClient client(&context);
  v1::GetCoverageResponse response;
  const int failed =
      client.Call(client.status(), &DaemonClient::StatusStub::GetCoverage,
                  request, &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  PrintTimeline(context, response);
  PrintBlind(context, response);
  return kExitOk;
}

}  // namespace

void AddCoverageCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "coverage", "What was seen of every source, and where it was blind");
  command->add_option("--source", options->source, "Only of this source")
      ->type_name("NAME");
  command->add_option("--since", options->since, "A duration (7d) or a time")
      ->type_name("TIME")
      ->capture_default_str();
  command->footer(
      "A log that was read and holds nothing is not a log that was not read:\n"
      "the first says that nothing happened, the second says nothing.\n\n"
      "Examples:\n"
      "  keywatch coverage --since 7d\n"
      "  keywatch coverage --source shop --output json \\\n"
      "      | jq '.sources[].stretches[] | select(.kind == \"blind\")'\n");
  command->callback([context, options] {
    context->run = [context, options] { return Run(*context, *options); };
  });
}

}  // namespace keywatch
