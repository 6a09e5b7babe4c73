#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/cli/alert_text.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/option_checks.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {
namespace {

constexpr int kPage = 500;
// Of one dimension, in the tables; JSON has all of them.
constexpr int kMaxValues = 15;

using Values = google::protobuf::RepeatedPtrField<v1::SeenValue>;

struct ListOptions {
  std::string prefix;
  int limit = 100;
};

int RunList(const CommandContext& context, const ListOptions& options) {
  DaemonClient client(&context);
  v1::ListKeysRequest request;
  request.set_prefix(options.prefix);
  v1::ListKeysResponse all;
  do {
    request.set_page_size(std::min(kPage, options.limit - all.keys_size()));
    v1::ListKeysResponse page;
    const int failed = client.Call(
        client.keys(), &DaemonClient::KeyStub::ListKeys, request, &page);
    if (failed != kExitOk) return failed;
    for (v1::Key& key : *page.mutable_keys()) *all.add_keys() = std::move(key);
    request.set_page_token(page.next_page_token());
    all.set_next_page_token(page.next_page_token());
  } while (!all.next_page_token().empty() && all.keys_size() < options.limit);

  if (context.json()) {
    context.out() << ToJson(all, /*pretty=*/true) << "\n";
    return kExitOk;
  }
  if (all.keys().empty()) {
    context.out() << "No key has been seen.\n";
    return kExitOk;
  }
  Table table({{"KEY", Table::Align::kLeft, true},
               {"KIND"},
               {"REQUESTS", Table::Align::kRight},
               {"DENIED", Table::Align::kRight},
               {"FAILED", Table::Align::kRight},
               {"FIRST SEEN"},
               {"LAST SEEN"}});
  const absl::Time now = context.now();
  for (const v1::Key& key : all.keys()) {
    table.Add({Sanitize(key.id()),
               key.kind().empty() ? "-" : Sanitize(key.kind()),
               absl::StrCat(key.requests()), absl::StrCat(key.denied()),
               absl::StrCat(key.failed()),
               RelativeTime(FromProto(key.first_seen_time()), now),
               RelativeTime(FromProto(key.last_seen_time()), now)});
  }
  table.Print(context.out(), context.style(), context.width());
  if (!all.next_page_token().empty()) {
    context.out() << "There are more: keywatch keys list --limit "
                  << options.limit * 10 << "\n";
  }
  return kExitOk;
}

void PrintValues(const CommandContext& context, const std::string& title,
                 const Values& values, int64_t overflow) {
  if (values.empty()) return;
  Table table({{title, Table::Align::kLeft, true},
               {"REQUESTS", Table::Align::kRight},
               {"FIRST"},
               {"LAST"}});
  const absl::Time now = context.now();
  const int shown = std::min(kMaxValues, values.size());
  for (int i = 0; i < shown; ++i) {
    table.Add({Sanitize(values[i].value()), absl::StrCat(values[i].count()),
               RelativeTime(FromProto(values[i].first_time()), now),
               RelativeTime(FromProto(values[i].last_time()), now)});
  }
  context.out() << "\n";
  table.Print(context.out(), context.style(), context.width(), 2);
  if (values.size() > shown || overflow > 0) {
    context.out() << "  ";
    if (values.size() > shown) {
      context.out() << "and " << values.size() - shown << " more";
      if (overflow > 0) context.out() << "; ";
    }
    if (overflow > 0) {
      context.out() << overflow << " requests had values beyond what is kept";
    }
    context.out() << "\n";
  }
}

void PrintExposure(const CommandContext& context,
                   const v1::Exposure& exposure) {
  if (!exposure.has_since_time()) return;
  context.out() << "\n"
                << context.style().Bold("What its unresolved alerts touched")
                << ", since "
                << BothTimes(FromProto(exposure.since_time()), context.now())
                << "\n";
  PrintValues(context, "NEW NETWORKS", exposure.new_networks(), 0);
  PrintValues(context, "NEW CLIENTS", exposure.new_user_agents(), 0);
  PrintValues(context, "NEW OPERATIONS", exposure.new_operations(), 0);
  PrintValues(context, "SENSITIVE FIELDS READ", exposure.sensitive_fields(), 0);
}

void PrintBlastRadius(const CommandContext& context,
                      const v1::BlastRadius& radius) {
  context.out() << "\n"
                << context.style().Bold("What stops working when it does")
                << "\n";
  if (!radius.recent()) {
    context.out() << "  Nothing that shows in the log: it was not used within "
                     "the last seven days.\n";
  } else {
    context.out() << "  Used within the last seven days; operations: "
                  << radius.operations_size()
                  << ", networks: " << radius.networks_size()
                  << ", clients: " << radius.user_agents_size()
                  << (radius.incomplete() ? ", and more than is kept" : "")
                  << ".\n";
  }
  for (const std::string& follow_up : radius.follow_ups()) {
    for (const std::string& line :
         Wrap(absl::StrCat("Outlives it: ", Sanitize(follow_up)),
              context.text_width() - 2)) {
      context.out() << "  " << line << "\n";
    }
  }
}

void PrintKey(const CommandContext& context,
              const v1::GetKeyResponse& response) {
  const v1::Key& key = response.key();
  const Style style = context.style();
  const absl::Time now = context.now();
  std::ostream& out = context.out();
  out << style.Bold(Sanitize(key.id()))
      << (key.kind().empty() ? "" : absl::StrCat("  ", Sanitize(key.kind())))
      << "\n\n"
      << "requests    " << key.requests() << ", " << key.denied() << " denied, "
      << key.failed() << " failed\n"
      << "first seen  " << BothTimes(FromProto(key.first_seen_time()), now)
      << "\n"
      << "last seen   " << BothTimes(FromProto(key.last_seen_time()), now)
      << "\n";
  if (key.has_last_success_time()) {
    out << "succeeded   " << BothTimes(FromProto(key.last_success_time()), now)
        << "\n";
  }
  if (key.has_last_denied_time()) {
    out << "denied      " << BothTimes(FromProto(key.last_denied_time()), now)
        << "\n";
  }
  if (!response.alerts().empty()) {
    out << "\n" << style.Bold("Unresolved alerts") << "\n";
    Table table = AlertTable(/*with_key=*/false);
    for (const v1::Alert& alert : response.alerts()) {
      AddAlertRow(alert, /*with_key=*/false, style, now, &table);
    }
    table.Print(out, style, context.width(), 2);
  }
  PrintExposure(context, response.exposure());
  out << "\n" << style.Bold("What it did") << "\n";
  PrintValues(context, "OPERATIONS", key.operations().values(),
              key.operations().overflow());
  PrintValues(context, "NETWORKS", key.networks().values(),
              key.networks().overflow());
  PrintValues(context, "CLIENTS", key.user_agents().values(),
              key.user_agents().overflow());
  PrintValues(context, "SENSITIVE FIELDS READ", key.sensitive_fields().values(),
              key.sensitive_fields().overflow());
  PrintBlastRadius(context, response.blast_radius());
  if (!response.rolls().empty()) {
    out << "\n" << style.Bold("Rolls") << "\n";
    for (const v1::Roll& roll : response.rolls()) {
      out << "  " << Sanitize(roll.id()) << "  "
          << style.OfState(roll.state(), Word(roll.state())) << "  "
          << Sanitize(roll.old_key_id()) << " -> "
          << (roll.new_key_id().empty() ? "?" : Sanitize(roll.new_key_id()))
          << ", started " << BothTimes(FromProto(roll.started_time()), now)
          << "\n";
    }
  }
  const std::string id = ShellQuote(Sanitize(key.id()));
  PrintNextCommands(
      context,
      {absl::StrCat("keywatch alerts list --state all --key ", id),
       absl::StrCat("keywatch roll start ", id, " --reason 'leaked'")});
}

int RunShow(const CommandContext& context, const std::string& id) {
  DaemonClient client(&context);
  v1::GetKeyRequest request;
  request.set_id(id);
  v1::GetKeyResponse response;
  const int failed = client.Call(client.keys(), &DaemonClient::KeyStub::GetKey,
                                 request, &response);
  if (failed != kExitOk) return failed;
  if (context.json()) {
    context.out() << ToJson(response, /*pretty=*/true) << "\n";
  } else {
    PrintKey(context, response);
  }
  return kExitOk;
}

}  // namespace

void AddKeysCommands(CLI::App* parent, CommandContext* context) {
  auto list = std::make_shared<ListOptions>();
  CLI::App* command =
      parent->add_subcommand("list", "The keys seen, in order of id");
  command->add_option("PREFIX", list->prefix, "Only keys whose id begins so")
      ->type_name("");
  command->add_option("--limit", list->limit, "At most this many keys")
      ->check(Between(1, 100000))
      ->type_name("N")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  keywatch keys list\n"
      "  keywatch keys list mk_ --output json | jq '.keys[] | {id, denied}'\n");
  command->callback([context, list] {
    context->run = [context, list] { return RunList(*context, *list); };
  });

  auto id = std::make_shared<std::string>();
  command = parent->add_subcommand(
      "show", "What a key did, what depends on it, its alerts and rolls");
  command->add_option("KEY", *id, "The key's id; its secret is never needed")
      ->required()
      ->type_name("");
  command->footer(
      "Examples:\n"
      "  keywatch keys show mk_1SdeyA\n"
      "  keywatch keys show mk_1SdeyA --output json | jq .exposure\n");
  command->callback([context, id] {
    context->run = [context, id] { return RunShow(*context, *id); };
  });
}

}  // namespace keywatch
