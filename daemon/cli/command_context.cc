#include "daemon/cli/command_context.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
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
  // cron and small containers set none of them.
  struct passwd entry;
  struct passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) ==
          0 &&
      found != nullptr) {
    return found->pw_name;
  }
  return absl::StrCat("uid ", geteuid());
}

int CommandContext::Fail(int exit_code, absl::string_view message) const {
  err() << "error: " << SanitizeLines(message) << "\n";
  return exit_code;
}

}  // namespace keywatch
