#include "daemon/cli/alert_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {

std::string ShortId(absl::string_view id) { return Sanitize(id.substr(0, 8)); }

Table AlertTable(bool with_key) {
  std::vector<Table::Column> columns = {{"ID"}, {"LEVEL"}, {"STATE"}};
  if (with_key) columns.push_back({"KEY", Table::Align::kLeft, true});
  columns.push_back({"ALERT", Table::Align::kLeft, true});
  columns.push_back({"EVENTS", Table::Align::kRight});
  columns.push_back({"FIRED"});
  columns.push_back({"LAST EVENT"});
  return Table(std::move(columns));
}

void AddAlertRow(const v1::Alert& alert, bool with_key, const Style& style,
                 absl::Time now, Table* table) {
  const v1::Level level = alert.level();
  const v1::AlertState state = alert.state();
  std::vector<Table::Cell> row;
  row.emplace_back(ShortId(alert.id()));
  row.emplace_back(Word(level), [style, level](const std::string& text) {
    return style.OfLevel(level, text);
  });
  row.emplace_back(Word(state), [style, state](const std::string& text) {
    return style.OfState(state, text);
  });
  if (with_key) {
    row.emplace_back(alert.key_id().empty() ? "-" : Sanitize(alert.key_id()));
  }
  row.emplace_back(Sanitize(alert.title()));
  row.emplace_back(absl::StrCat(alert.count()));
  row.emplace_back(RelativeTime(FromProto(alert.first_fire_time()), now));
  row.emplace_back(RelativeTime(FromProto(alert.last_event_time()), now));
  table->Add(std::move(row));
}

void PrintSection(const CommandContext& context, absl::string_view title,
                  absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return;
  context.out() << "\n" << context.style().Bold(title) << "\n";
  for (const std::string& line :
       Wrap(SanitizeLines(Reflow(text)), context.text_width() - 2)) {
    context.out() << (line.empty() ? "" : "  ") << line << "\n";
  }
}

void PrintNextCommands(const CommandContext& context,
                       const std::vector<std::string>& commands) {
  context.out() << "\n" << context.style().Bold("Next") << "\n";
  for (const std::string& command : commands) {
    context.out() << "  " << command << "\n";
  }
}

}  // namespace keywatch
