#include <algorithm>
#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "daemon/cli/alert_filter_options.h"
#include "daemon/cli/alert_text.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/option_checks.h"

namespace keywatch {
namespace {

constexpr int kPage = 500;

struct Options {
  AlertFilterOptions filter;
  int limit = 50;
  bool oldest_first = false;
};

int RunList(const CommandContext& context, const Options& options) {
  v1::ListAlertsRequest request;
  const int bad = options.filter.Fill(context, request.mutable_filter());
  if (bad != kExitOk) return bad;
  request.set_ascending(options.oldest_first);

  DaemonClient client(&context);
  v1::ListAlertsResponse all;
  do {
    request.set_page_size(std::min(kPage, options.limit - all.alerts_size()));
    v1::ListAlertsResponse page;
    const int failed = client.Call(
        client.alerts(), &DaemonClient::AlertStub::ListAlerts, request, &page);
    if (failed != kExitOk) return failed;
    for (v1::Alert& alert : *page.mutable_alerts()) {
      *all.add_alerts() = std::move(alert);
    }
    request.set_page_token(page.next_page_token());
    all.set_next_page_token(page.next_page_token());
  } while (!all.next_page_token().empty() && all.alerts_size() < options.limit);

  if (context.json()) {
    context.out() << ToJson(all, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  if (all.alerts().empty()) {
    context.out() << "No alerts"
                  << (options.filter.state == "unresolved" &&
                              !options.filter.all
                          ? " are unresolved"
                          : "")
                  << ".\n";
    return kExitOk;
  }
  Table table = AlertTable(/*with_key=*/true);
  for (const v1::Alert& alert : all.alerts()) {
    AddAlertRow(alert, /*with_key=*/true, context.style(), context.now(),
                &table);
  }
  table.Print(context.out(), context.style(), context.width());
  if (!all.next_page_token().empty()) {
    context.out() << "There are more: keywatch alerts list --limit "
                  << options.limit * 10 << "\n";
  }
  return kExitOk;
}

}  // namespace

void AddAlertsListCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand("list", "Alerts, newest first");
  options->filter.AddTo(command, "unresolved");
  command->add_option("--limit", options->limit, "At most this many alerts")
      ->check(Between(1, 100000))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--oldest-first", options->oldest_first,
                    "In the order in which they fired");
  command->footer(
      "Examples:\n"
      "  keywatch alerts list                          what is unresolved\n"
      "  keywatch alerts list --all --since 24h        the last day\n"
      "  keywatch alerts list --key mk_1SdeyA --level high\n"
      "  keywatch alerts list --output json | jq -r '.alerts[].id'\n");
  command->callback([context, options] {
    context->run = [context, options] { return RunList(*context, *options); };
  });
}

}  // namespace keywatch
