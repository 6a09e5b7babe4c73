#include "daemon/cli/command_context.h"

#include <algorithm>

#include "daemon/cli/terminal_text.h"

namespace keywatch {

std::string CommandContext::Variable(absl::string_view name) const {
  return environment_->variable ? environment_->variable(name).value_or("")
                                : "";
}

Style CommandContext::style() const {
  if (color != "auto") return Style(color == "always");
  // https://no-color.org: any value that is not empty.
  return Style(environment_->terminal && Variable("NO_COLOR").empty() &&
               Variable("TERM") != "dumb");
}

size_t CommandContext::text_width() const {
  return environment_->terminal ? std::min<size_t>(width(), 100) : 80;
}

std::string CommandContext::Actor() const {
  if (!actor.empty()) return actor;
  for (const char* name : {"SUDO_USER", "USER", "LOGNAME"}) {
    const std::string user = Variable(name);
    if (!user.empty()) return user;
  }
  return "unknown";
}

int CommandContext::Fail(int exit_code, absl::string_view message) const {
  err() << "error: " << SanitizeLines(message) << "\n";
  return exit_code;
}

}  // namespace keywatch
