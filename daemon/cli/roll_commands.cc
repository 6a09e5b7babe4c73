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
#include "daemon/cli/roll_text.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {
namespace {

using RollStub = DaemonClient::RollStub;

struct Options {
  std::string key;
  std::string roll;
  std::string new_key;
  std::string reason;
  std::string alert;
  std::string expires = "now";
  int64_t follow_up = 0;
  bool all = false;
  int limit = 50;
};

// Prints a response that holds a roll, whatever it is called.
template <typename Response>
int Print(const CommandContext& context, const Response& response) {
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
  } else {
    PrintRoll(context, response.roll());
  }
  return kExitOk;
}
template <typename Response>
int PrintGuided(const CommandContext& context, const Response& response) {
  Print(context, response);
  if (!context.json()) PrintInstructions(context, response.instructions());
  return kExitOk;
}

// The id of an alert may be given by its first digits.
int FullAlertId(DaemonClient* client, std::string* id) {
  if (id->empty() || id->size() == 32) return kExitOk;
  v1::GetAlertRequest request;
  request.set_id(*id);
  v1::GetAlertResponse response;
  const int failed = client->Call(
      client->alerts(), &DaemonClient::AlertStub::GetAlert, request, &response);
  if (failed == kExitOk) *id = response.alert().id();
  return failed;
}

bool IsKnown(DaemonClient* client, const std::string& key) {
  grpc::ClientContext call;
  client->Prepare(&call);
  v1::GetKeyRequest request;
  request.set_id(key);
  v1::GetKeyResponse response;
  return client->keys()->GetKey(&call, request, &response).error_code() !=
         grpc::StatusCode::NOT_FOUND;
}

int RunStart(const CommandContext& context, Options options) {
  DaemonClient client(&context);
  int failed = FullAlertId(&client, &options.alert);
  if (failed != kExitOk) return failed;
  v1::StartRollRequest request;
  request.set_key_id(options.key);
  request.set_reason(options.reason);
  request.set_alert_id(options.alert);
  request.set_actor(context.Actor());
  v1::StartRollResponse response;
  failed =
      client.Call(client.rolls(), &RollStub::StartRoll, request, &response);
  if (failed != kExitOk) return failed;
  if (!IsKnown(&client, options.key)) {
    context.err() << "warning: no request of key " << Sanitize(options.key)
                  << " has been seen: is its id right? (keywatch keys list; "
                     "keywatch roll cancel "
                  << Sanitize(response.roll().id()) << " --reason mistyped)\n";
  }
  return PrintGuided(context, response);
}

int RunConfirm(const CommandContext& context, const Options& options) {
  v1::ConfirmRollRequest request;
  request.set_id(options.roll);
  request.set_new_key_id(options.new_key);
  request.set_actor(context.Actor());
  if (options.expires != "now") {
    absl::StatusOr<absl::Time> expires =
        ParseTypedTime(options.expires, context.now(), /*future=*/true);
    if (!expires.ok()) {
      return context.Fail(
          kExitUsage, absl::StrCat("--expires: ", expires.status().message()));
    }
    SetProto(*expires, request.mutable_old_expires_time());
  }
  DaemonClient client(&context);
  v1::ConfirmRollResponse response;
  const int failed =
      client.Call(client.rolls(), &RollStub::ConfirmRoll, request, &response);
  return failed != kExitOk ? failed : PrintGuided(context, response);
}

int RunStatus(const CommandContext& context, const Options& options) {
  DaemonClient client(&context);
  v1::GetRollRequest request;
  request.set_id(options.roll);
  v1::GetRollResponse response;
  const int failed =
      client.Call(client.rolls(), &RollStub::GetRoll, request, &response);
  return failed != kExitOk ? failed : PrintGuided(context, response);
}

int RunList(const CommandContext& context, const Options& options) {
  DaemonClient client(&context);
  v1::ListRollsRequest request;
  request.set_unfinished_only(!options.all);
  request.set_page_size(options.limit);
  v1::ListRollsResponse response;
  const int failed =
      client.Call(client.rolls(), &RollStub::ListRolls, request, &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
  } else if (response.rolls().empty()) {
    context.out() << (options.all ? "No key has been rolled.\n"
                                  : "No roll is unfinished.\n");
  } else {
    PrintRollTable(context, response);
  }
  return kExitOk;
}

int RunCloseFollowUp(const CommandContext& context, const Options& options) {
  DaemonClient client(&context);
  v1::CloseFollowUpRequest request;
  request.set_roll_id(options.roll);
  request.set_follow_up_id(options.follow_up);
  request.set_actor(context.Actor());
  v1::CloseFollowUpResponse response;
  const int failed =
      client.Call(client.rolls(), &RollStub::CloseFollowUp, request, &response);
  return failed != kExitOk ? failed : Print(context, response);
}

int RunCancel(const CommandContext& context, const Options& options) {
  DaemonClient client(&context);
  v1::CancelRollRequest request;
  request.set_id(options.roll);
  request.set_reason(options.reason);
  request.set_actor(context.Actor());
  v1::CancelRollResponse response;
  const int failed =
      client.Call(client.rolls(), &RollStub::CancelRoll, request, &response);
  return failed != kExitOk ? failed : Print(context, response);
}

// Adds a command whose callback runs `body` on options of its own.
CLI::App* Add(CLI::App* parent, CommandContext* context, const char* name,
              const char* help, const std::shared_ptr<Options>& options,
              int (*body)(const CommandContext&, const Options&)) {
  CLI::App* command = parent->add_subcommand(name, help);
  command->callback([context, options, body] {
    context->run = [context, options, body] {
      return body(*context, *options);
    };
  });
  return command;
}

void AddRollArgument(CLI::App* command, Options* options) {
  command->add_option("ROLL", options->roll, "The roll's id")
      ->required()
      ->type_name("");
}

}  // namespace

void AddRollCommands(CLI::App* parent, CommandContext* context) {
  auto start = std::make_shared<Options>();
  CLI::App* command = Add(
      parent, context, "start", "Begin to replace a key; tells what to do",
      start,
      [](const CommandContext& c, const Options& o) { return RunStart(c, o); });
  command->add_option("KEY", start->key, "The id of the key to replace")
      ->required()
      ->type_name("");
  command->add_option("--reason", start->reason, "Why")
      ->required()
      ->type_name("TEXT");
  command->add_option("--alert", start->alert, "The alert that led to it")
      ->type_name("ALERT");
  command->footer(
      "Examples:\n"
      "  keywatch roll start mk_1SdeyA --reason 'leaked' --alert 4f1c09aa\n");

  auto confirm = std::make_shared<Options>();
  command = Add(parent, context, "confirm",
                "Say that you have rolled the key at the provider", confirm,
                &RunConfirm);
  AddRollArgument(command, confirm.get());
  command->add_option("--new-key", confirm->new_key, "The id of the new key")
      ->required()
      ->type_name("KEY");
  command
      ->add_option("--expires", confirm->expires,
                   "When the old key stops working: now, a duration from now "
                   "(24h) or a time")
      ->type_name("TIME")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  keywatch roll confirm roll_7d2c --new-key mk_1TfgB\n"
      "  keywatch roll confirm roll_7d2c --new-key mk_1TfgB --expires 24h\n");

  auto status = std::make_shared<Options>();
  command = Add(parent, context, "status",
                "Where a roll stands and what to do next", status, &RunStatus);
  AddRollArgument(command, status.get());
  command->footer("Examples:\n  keywatch roll status roll_7d2c\n");

  auto list = std::make_shared<Options>();
  command = Add(parent, context, "list", "Rolls that are not finished", list,
                &RunList);
  command->add_flag("--all", list->all, "Finished ones, too");
  command->add_option("--limit", list->limit, "At most this many rolls")
      ->check(Between(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  command->footer("Examples:\n  keywatch roll list --all\n");

  auto close = std::make_shared<Options>();
  command = Add(parent, context, "close-follow-up",
                "Say that something a roll left behind is dealt with", close,
                &RunCloseFollowUp);
  AddRollArgument(command, close.get());
  command->add_option("NUMBER", close->follow_up, "The follow-up's number")
      ->required()
      ->type_name("");
  command->footer("Examples:\n  keywatch roll close-follow-up roll_7d2c 1\n");

  auto cancel = std::make_shared<Options>();
  command =
      Add(parent, context, "cancel", "Give a roll up", cancel, &RunCancel);
  AddRollArgument(command, cancel.get());
  command->add_option("--reason", cancel->reason, "Why")
      ->required()
      ->type_name("TEXT");
  command->footer(
      "Examples:\n  keywatch roll cancel roll_7d2c --reason 'wrong key'\n");
}

}  // namespace keywatch
