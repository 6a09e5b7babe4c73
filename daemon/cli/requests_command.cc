#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/history_commands.h"
#include "daemon/cli/history_location.h"
#include "daemon/cli/option_checks.h"
#include "daemon/cli/table.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"
#include "daemon/core/time.h"
#include "daemon/history/history_reader.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string key;
  std::string operation;
  std::string outcome;
  std::string source;
  std::vector<std::string> where;
  std::string since;
  std::string until;
  int limit = 100;
  HistoryLocation location;
};

Json ToJsonValue(const Value& value) {
  switch (value.type()) {
    case Value::Type::kBool:
      return value.bool_value();
    case Value::Type::kInt:
      return value.int_value();
    case Value::Type::kDouble:
      return value.double_value();
    case Value::Type::kString:
      return std::string(value.string_value());
    case Value::Type::kList: {
      Json list = Json::array();
      for (uint32_t i = 0; i < value.list_size(); ++i) {
        list.push_back(ToJsonValue(value.list_at(i)));
      }
      return list;
    }
    default:
      return Json();
  }
}

// Looks up fields of one page's events by name.
class Fields {
 public:
  explicit Fields(const HistorySchema* schema) : schema_(*schema) {}

  Value Get(const HistoryEvent& event, absl::string_view name) const {
    for (const auto& [index, value] : event.values) {
      if (schema_.fields[index] == name) return value;
    }
    return Value();
  }
  std::string Text(const HistoryEvent& event, absl::string_view name) const {
    return ValueText(Get(event, name));
  }
  const HistorySchema& schema() const { return schema_; }

 private:
  const HistorySchema& schema_;
};

// What the options ask for.
class Filter {
 public:
  // False and a message when a condition is none.
  bool Read(const Options& options, std::string* why) {
    options_ = &options;
    for (const std::string& condition : options.where) {
      const size_t equals = condition.find('=');
      if (equals == std::string::npos || equals == 0) {
        *why = absl::StrCat("--where: \"", condition, "\" is not FIELD=VALUE");
        return false;
      }
      conditions_.push_back(
          {condition.substr(0, equals), condition.substr(equals + 1)});
    }
    return true;
  }

  bool Wants(const Fields& fields, const HistoryEvent& event) const {
    const Options& o = *options_;
    if (!o.key.empty() && fields.Text(event, field::kKeyId) != o.key) {
      return false;
    }
    if (!o.source.empty() &&
        fields.schema().sources[event.source].name != o.source) {
      return false;
    }
    if (!o.operation.empty() && !OperationHas(fields, event)) return false;
    if (!o.outcome.empty() && Outcome(fields, event) != o.outcome) return false;
    for (const auto& [name, wanted] : conditions_) {
      const std::string& text = wanted;
      const bool found =
          fields.Get(event, name).AnyElement([&text](const Value& value) {
            return ValueText(value) == text;
          });
      if (!found) return false;
    }
    return true;
  }

 private:
  bool OperationHas(const Fields& fields, const HistoryEvent& event) const {
    for (const char* name :
         {field::kOperation, field::kEventAction, field::kPath}) {
      if (absl::StrContains(absl::AsciiStrToLower(fields.Text(event, name)),
                            absl::AsciiStrToLower(options_->operation))) {
        return true;
      }
    }
    return false;
  }

  // As the log says, else by the status.
  static std::string Outcome(const Fields& fields, const HistoryEvent& event) {
    const std::string said = fields.Text(event, field::kEventOutcome);
    if (!said.empty()) return said;
    const std::string status = fields.Text(event, field::kStatus);
    if (status.size() != 3) return "unknown";
    return status[0] == '2' || status[0] == '3' ? "success" : "failure";
  }

  const Options* options_ = nullptr;
  std::vector<std::pair<std::string, std::string>> conditions_;
};

std::string JsonLine(const Fields& fields, const HistoryEvent& event) {
  Json json;
  json[field::kTimestamp] = FormatTime(event.time_ms);
  json[field::kEventId] = std::string(event.id);
  json["source"] = fields.schema().sources[event.source].name;
  for (const auto& [index, value] : event.values) {
    json[fields.schema().fields[index]] = ToJsonValue(value);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

using Row = std::vector<std::string>;

Row TableRow(const Fields& fields, const HistoryEvent& event) {
  const auto text = [&](const char* name) {
    return Sanitize(fields.Text(event, name));
  };
  std::string operation = text(field::kOperation);
  if (operation.empty()) operation = text(field::kEventAction);
  if (operation.empty()) {
    operation = absl::StrCat(text(field::kMethod), " ", text(field::kPath));
  }
  std::string result = text(field::kStatus);
  const std::string error = text(field::kErrorCode);
  if (!error.empty()) absl::StrAppend(&result, " ", error);
  std::string from = text(field::kSourceIp);
  const std::string country = text(field::kSourceCountry);
  const std::string network = text(field::kSourceAsn);
  if (!country.empty()) absl::StrAppend(&from, " ", country);
  if (!network.empty()) absl::StrAppend(&from, " AS", network);
  return {UtcTime(FromEventTime(event.time_ms)),
          text(field::kKeyId),
          operation,
          result,
          from,
          text(field::kUserAgent)};
}

int RunRequests(const CommandContext& context, const Options& options) {
  const auto since =
      TimeOption(context, "--since", options.since, kMinEventTime);
  const auto until =
      TimeOption(context, "--until", options.until, kMaxEventTime);
  for (const auto& time : {since, until}) {
    if (!time.ok()) return context.Fail(kExitUsage, time.status().message());
  }
  Filter filter;
  std::string why;
  if (!filter.Read(options, &why)) return context.Fail(kExitUsage, why);
  const absl::StatusOr<std::string> directory = options.location.Directory();
  if (!directory.ok()) {
    return context.Fail(kExitRefused, directory.status().message());
  }
  absl::StatusOr<HistoryReader> reader =
      HistoryReader::Open(*directory, *since, *until);
  if (!reader.ok()) {
    return context.Fail(kExitFailure,
                        absl::StrCat("the request history cannot be read: ",
                                     reader.status().message()));
  }
  const size_t limit = static_cast<size_t>(options.limit);
  std::deque<Row> rows;
  int64_t found = 0;
  while (true) {
    const absl::StatusOr<HistoryPage> page = reader->Next();
    if (!page.ok()) {
      return context.Fail(kExitFailure, page.status().message());
    }
    if (page->events.empty()) break;
    const Fields fields(page->schema.get());
    for (const HistoryEvent& event : page->events) {
      if (!filter.Wants(fields, event)) continue;
      ++found;
      if (context.json() && limit == 0) {
        context.out() << JsonLine(fields, event) << "\n";
        continue;
      }
      rows.push_back(context.json() ? Row{JsonLine(fields, event)}
                                    : TableRow(fields, event));
      if (limit != 0 && rows.size() > limit) rows.pop_front();
    }
  }
  for (const std::string& problem : reader->problems()) {
    context.err() << "warning: " << Sanitize(problem) << "\n";
  }
  if (context.json()) {
    for (const Row& row : rows) context.out() << row[0] << "\n";
    return kExitOk;
  }
  if (rows.empty()) {
    context.out() << "No such request in the history.\n";
    return kExitOk;
  }
  Table table({{"TIME"},
               {"KEY"},
               {"OPERATION"},
               {"RESULT"},
               {"FROM"},
               {"CLIENT", Table::Align::kLeft, true}});
  for (Row& row : rows) {
    table.Add(std::vector<Table::Cell>(row.begin(), row.end()));
  }
  table.Print(context.out(), context.style(), context.width());
  if (found > static_cast<int64_t>(rows.size())) {
    context.out() << "the newest " << rows.size() << " of " << found
                  << "; --limit 0 shows all\n";
  }
  return kExitOk;
}

}  // namespace

void AddRequestsCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "requests", "What keys did: requests of the daemon's history");
  command->add_option("--key", options->key, "Only of this key")
      ->type_name("KEY");
  command
      ->add_option("--since", options->since, "A duration (2h, 7d) or a time")
      ->type_name("TIME");
  command->add_option("--until", options->until, "A duration (1h) or a time")
      ->type_name("TIME");
  command
      ->add_option("--operation", options->operation,
                   "Only with this in operation, action or path")
      ->type_name("TEXT");
  command
      ->add_option("--outcome", options->outcome, "success, failure or unknown")
      ->check(OneOf({"success", "failure", "unknown"}))
      ->type_name("OUTCOME");
  command->add_option("--source", options->source, "Only of this source")
      ->type_name("SOURCE");
  command
      ->add_option("--where", options->where,
                   "Only where the field has the value; may be repeated")
      ->type_name("FIELD=VALUE")
      ->expected(1)
      ->take_all();
  command
      ->add_option("--limit", options->limit, "The newest so many; 0 for all")
      ->check(Between(0, 1000000))
      ->type_name("N")
      ->capture_default_str();
  options->location.AddTo(command);
  command->footer(
      "Reads the history directory itself, so it needs the rights of the "
      "daemon's user.\nWith --output json a line for each request, with every "
      "field that is kept.\n\n"
      "Examples:\n"
      "  keywatch requests --key mk_1SdeyA --since 2h\n"
      "  keywatch requests --key mk_1SdeyA --outcome failure --operation "
      "identity\n"
      "  keywatch requests --where source.ip=203.0.113.9 --limit 0 --output "
      "json\n");
  command->callback([context, options] {
    context->run = [context, options] {
      return RunRequests(*context, *options);
    };
  });
}

}  // namespace keywatch
