#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/escaping.h"
#include "daemon/cli/alert_filter_options.h"
#include "daemon/cli/alert_text.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/option_checks.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/crypto/hash.h"

namespace keywatch {
namespace {

struct Options {
  std::string title;
  std::string level = "high";
  std::string key;
  std::string description;
  std::vector<std::string> notify;
  std::string request_id;
};

int RunRaise(const CommandContext& context, const Options& options) {
  v1::RaiseAlertRequest request;
  request.set_title(options.title);
  request.set_level(ParseLevelName(options.level));
  request.set_key_id(options.key);
  request.set_description(options.description);
  request.set_actor(context.Actor());
  for (const std::string& name : options.notify) request.add_notify(name);
  request.set_request_id(options.request_id.empty()
                             ? absl::BytesToHexString(RandomBytes(16))
                             : options.request_id);
  DaemonClient client(&context);
  v1::RaiseAlertResponse response;
  const int failed =
      client.Call(client.alerts(), &DaemonClient::AlertStub::RaiseAlert,
                  request, &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  context.out() << "Raised " << ShortId(response.alert().id()) << ": "
                << Sanitize(response.alert().title()) << "\n";
  return kExitOk;
}

}  // namespace

void AddAlertsRaiseCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "raise", "Raise an alert by hand, for what no rule saw");
  command->add_option("TITLE", options->title, "What happened, in a few words")
      ->required()
      ->type_name("");
  command
      ->add_option("--level", options->level,
                   "informational, low, medium, high or critical")
      ->check(OneOf({"informational", "low", "medium", "high", "critical"}))
      ->type_name("LEVEL")
      ->capture_default_str();
  command->add_option("--key", options->key, "The key that it is about")
      ->type_name("KEY");
  command
      ->add_option("--description", options->description, "All that is known")
      ->type_name("TEXT");
  command
      ->add_option("--notify", options->notify,
                   "Notifiers that it goes to; the default when not given")
      ->type_name("NAME");
  command
      ->add_option("--request-id", options->request_id,
                   "Two calls with one id raise one alert")
      ->type_name("ID");
  command->footer(
      "Examples:\n"
      "  keywatch alerts raise 'key found on a laptop' --key mk_1SdeyA\n"
      "  keywatch alerts raise 'pager test' --level low --notify oncall\n");
  command->callback([context, options] {
    context->run = [context, options] { return RunRaise(*context, *options); };
  });
}

}  // namespace keywatch
