#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/cli/alert_text.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {
namespace {

void PrintFact(const CommandContext& context, const std::string& name,
               const std::string& text) {
  if (text.empty()) return;
  context.out() << context.style().Dim(name)
                << std::string(12 - name.size(), ' ') << text << "\n";
}

void PrintHead(const CommandContext& context, const v1::Alert& alert) {
  const Style style = context.style();
  const absl::Time now = context.now();
  context.out() << style.OfLevel(alert.level(), Word(alert.level())) << "  "
                << style.Bold(Sanitize(alert.title())) << "\n\n";
  PrintFact(context, "alert", Sanitize(alert.id()));
  std::string state = style.OfState(alert.state(), Word(alert.state()));
  if (!alert.state_by().empty()) {
    absl::StrAppend(&state, " by ", Sanitize(alert.state_by()));
  }
  if (alert.has_state_time()) {
    absl::StrAppend(&state, ", ",
                    BothTimes(FromProto(alert.state_time()), now));
  }
  PrintFact(context, "state", state);
  PrintFact(context, "note", Sanitize(alert.note()));
  PrintFact(context, "key", Sanitize(alert.key_id()));
  PrintFact(context, "rule",
            absl::StrCat(Sanitize(alert.rule_name()), " (",
                         Sanitize(alert.rule_id()), ")"));
  std::vector<std::string> group;
  for (const v1::Field& part : alert.group()) {
    group.push_back(
        absl::StrCat(Sanitize(part.name()), "=", Sanitize(part.value())));
  }
  PrintFact(context, "group", absl::StrJoin(group, ", "));
  PrintFact(context, "fired",
            BothTimes(FromProto(alert.first_fire_time()), now));
  PrintFact(
      context, "events",
      absl::StrCat(alert.count(), ", from ",
                   BothTimes(FromProto(alert.first_event_time()), now), " to ",
                   BothTimes(FromProto(alert.last_event_time()), now)));
  if (alert.has_ended_time()) {
    PrintFact(context, "ended", BothTimes(FromProto(alert.ended_time()), now));
  }
  if (alert.late_events() > 0) {
    PrintFact(context, "late",
              absl::StrCat(alert.late_events(),
                           " more events came too late to be counted"));
  }
  PrintFact(context, "why", Sanitize(alert.explanation()));
  PrintFact(context, "tags", Sanitize(absl::StrJoin(alert.tags(), ", ")));
  if (alert.stage() == v1::STAGE_SHADOW) {
    PrintFact(context, "sent to", "nobody: the rule is in the shadow stage");
  } else {
    PrintFact(context, "sent to",
              alert.notify().empty()
                  ? "nobody"
                  : Sanitize(absl::StrJoin(alert.notify(), ", ")));
  }
}

void PrintEvidence(const CommandContext& context, const v1::Alert& alert) {
  if (alert.evidence().empty()) return;
  context.out() << "\n"
                << context.style().Bold("Events")
                << (alert.count() > alert.evidence_size()
                        ? absl::StrCat(" (", alert.evidence_size(), " of ",
                                       alert.count(), ")")
                        : "")
                << "\n";
  for (const v1::Evidence& evidence : alert.evidence()) {
    context.out() << "  " << UtcTime(FromProto(evidence.time())) << "  "
                  << context.style().Dim(Sanitize(evidence.event_id())) << "\n";
    std::vector<std::string> fields;
    for (const v1::Field& field : evidence.fields()) {
      fields.push_back(
          absl::StrCat(Sanitize(field.name()), "=", Sanitize(field.value())));
    }
    for (const std::string& line :
         Wrap(absl::StrJoin(fields, "  "), context.text_width() - 6)) {
      context.out() << "      " << line << "\n";
    }
  }
}

void PrintHistory(const CommandContext& context,
                  const v1::GetAlertResponse& response) {
  if (response.history().empty()) return;
  context.out() << "\n" << context.style().Bold("History") << "\n";
  for (const v1::AuditEntry& entry : response.history()) {
    context.out() << "  " << UtcTime(FromProto(entry.time())) << "  "
                  << Sanitize(entry.actor()) << "  "
                  << Sanitize(entry.action());
    if (!entry.detail().empty()) {
      context.out() << ": " << Sanitize(entry.detail());
    }
    context.out() << "\n";
  }
}

std::vector<std::string> NextCommands(const v1::Alert& alert) {
  const std::string id = ShortId(alert.id());
  std::vector<std::string> commands;
  if (alert.state() == v1::ALERT_STATE_OPEN) {
    commands.push_back(
        absl::StrCat("keywatch alerts ack ", id, " --note 'looking'"));
  }
  if (!alert.key_id().empty()) {
    const std::string key = ShellQuote(Sanitize(alert.key_id()));
    commands.push_back(absl::StrCat("keywatch keys show ", key));
    // All of it: evidence is what the alert had at hand.
    const absl::Time last = FromProto(alert.last_event_time());
    commands.push_back(
        absl::StrCat("keywatch requests --key ", key, " --since ",
                     UtcTime(FromProto(alert.first_event_time())), " --until ",
                     UtcTime(last + absl::Milliseconds(1)), " --limit 0"));
    if (alert.state() != v1::ALERT_STATE_RESOLVED) {
      commands.push_back(absl::StrCat("keywatch roll start ", key, " --alert ",
                                      id, " --reason 'leaked'"));
    }
  }
  if (alert.state() != v1::ALERT_STATE_RESOLVED) {
    commands.push_back(
        absl::StrCat("keywatch alerts resolve ", id, " --note 'what it was'"));
  }
  return commands;
}

int RunShow(const CommandContext& context, const std::string& id) {
  DaemonClient client(&context);
  v1::GetAlertRequest request;
  request.set_id(id);
  v1::GetAlertResponse response;
  const int failed = client.Call(
      client.alerts(), &DaemonClient::AlertStub::GetAlert, request, &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  const v1::Alert& alert = response.alert();
  PrintHead(context, alert);
  PrintSection(context, "What it means", alert.description());
  PrintSection(context, "What to do", alert.playbook());
  PrintEvidence(context, alert);
  PrintHistory(context, response);
  const std::vector<std::string> next = NextCommands(alert);
  if (!next.empty()) PrintNextCommands(context, next);
  return kExitOk;
}

}  // namespace

void AddAlertsShowCommand(CLI::App* parent, CommandContext* context) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = parent->add_subcommand(
      "show", "Everything about one alert, and what to do next");
  command->add_option("ALERT", *id, "The alert's id, or its first digits")
      ->required()
      ->type_name("");
  command->footer(
      "Examples:\n"
      "  keywatch alerts show 4f1c09aa\n"
      "  keywatch alerts show 4f1c09aa --output json | jq .alert.evidence\n");
  command->callback([context, id] {
    context->run = [context, id] { return RunShow(*context, *id); };
  });
}

}  // namespace keywatch
