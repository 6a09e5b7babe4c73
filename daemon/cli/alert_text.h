#ifndef DAEMON_CLI_ALERT_TEXT_H_
#define DAEMON_CLI_ALERT_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/cli/command_context.h"
#include "daemon/cli/table.h"
#include "proto/keywatch/v1/keywatch.pb.h"

namespace keywatch {

// How alerts are shown, wherever they are.

// The first digits of an id, as commands take them.
std::string ShortId(absl::string_view id);

// A table of alerts, without its rows.
Table AlertTable(bool with_key);
void AddAlertRow(const v1::Alert& alert, bool with_key, const Style& style,
                 absl::Time now, Table* table);

// "Title" over a block of indented, wrapped lines; nothing when `text` is
// blank.
void PrintSection(const CommandContext& context, absl::string_view title,
                  absl::string_view text);

// A title over a list of commands to type next.
void PrintNextCommands(const CommandContext& context,
                       const std::vector<std::string>& commands);

}  // namespace keywatch

#endif  // DAEMON_CLI_ALERT_TEXT_H_
