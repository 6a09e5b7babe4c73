#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "daemon/cli/alert_text.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/terminal_text.h"

namespace keywatch {
namespace {

struct Options {
  std::vector<std::string> ids;
  std::string note;
};

// Acknowledges or resolves each alert; goes on after a failure, so that one
// wrong id does not leave the others undone.
template <typename Request, typename Response>
int RunChange(const CommandContext& context, const Options& options,
              grpc::Status (DaemonClient::AlertStub::*method)(
                  grpc::ClientContext*, const Request&, Response*)) {
  DaemonClient client(&context);
  int result = kExitOk;
  for (const std::string& id : options.ids) {
    Request request;
    request.set_id(id);
    request.set_actor(context.Actor());
    request.set_note(options.note);
    Response response;
    const int failed = client.Call(client.alerts(), method, request, &response);
    if (failed == kExitUnreachable) return failed;
    if (failed != kExitOk) {
      result = failed;
      continue;
    }
    if (context.json()) {
      context.out() << ToJson(response, /*pretty=*/false) << "\n";
      continue;
    }
    const v1::Alert& alert = response.alert();
    context.out() << ShortId(alert.id()) << " is "
                  << context.style().OfState(alert.state(), Word(alert.state()))
                  << ": " << Sanitize(alert.title()) << "\n";
  }
  return result;
}

CLI::App* AddChange(CLI::App* parent, const char* name, const char* help,
                    const std::shared_ptr<Options>& options) {
  CLI::App* command = parent->add_subcommand(name, help);
  command
      ->add_option("ALERT", options->ids,
                   "Ids of alerts, or their first digits")
      ->required()
      ->type_name("");
  command->add_option("--note", options->note, "What others should know")
      ->type_name("TEXT");
  return command;
}

}  // namespace

void AddAlertsChangeCommands(CLI::App* parent, CommandContext* context) {
  auto ack = std::make_shared<Options>();
  CLI::App* command = AddChange(parent, "ack", "Say that you are on it", ack);
  command->footer(
      "Examples:\n"
      "  keywatch alerts ack 4f1c09aa --note 'looking'\n"
      "  keywatch alerts ack 4f1c09aa 77e0b1c2 --as alice\n");
  command->callback([context, ack] {
    context->run = [context, ack] {
      return RunChange<v1::AcknowledgeAlertRequest,
                       v1::AcknowledgeAlertResponse>(
          *context, *ack, &DaemonClient::AlertStub::AcknowledgeAlert);
    };
  });

  auto resolve = std::make_shared<Options>();
  command =
      AddChange(parent, "resolve", "Say that it is over, for good", resolve);
  command->footer(
      "The next episode of the same rule and key is a new alert.\n\n"
      "Examples:\n"
      "  keywatch alerts resolve 4f1c09aa --note 'load test, not a leak'\n");
  command->callback([context, resolve] {
    context->run = [context, resolve] {
      return RunChange<v1::ResolveAlertRequest, v1::ResolveAlertResponse>(
          *context, *resolve, &DaemonClient::AlertStub::ResolveAlert);
    };
  });
}

}  // namespace keywatch
