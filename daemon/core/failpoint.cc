#include "daemon/core/failpoint.h"

#ifdef KEYWATCH_FAILPOINTS

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace keywatch {
namespace {

struct Choice {
  std::string name;
  int pass = 1;
  int signal = SIGKILL;
};

Choice ReadChoice() {
  Choice choice;
  const char* variable = std::getenv("KEYWATCH_FAILPOINT");
  absl::string_view text = variable == nullptr ? "" : variable;
  const size_t equals = text.find('=');
  if (equals != absl::string_view::npos) {
    if (text.substr(equals + 1) == "stop") choice.signal = SIGSTOP;
    text = text.substr(0, equals);
  }
  const size_t at = text.find('@');
  if (at != absl::string_view::npos) {
    if (!absl::SimpleAtoi(text.substr(at + 1), &choice.pass)) choice.pass = 1;
    text = text.substr(0, at);
  }
  choice.name = std::string(text);
  return choice;
}

const Choice& Chosen() {
  static const Choice* const choice = new Choice(ReadChoice());
  return *choice;
}

}  // namespace

void Failpoint(const char* name) {
  if (Chosen().name != name) return;
  static std::atomic<int> passes{0};
  if (++passes != Chosen().pass) return;
  kill(getpid(), Chosen().signal);
}

bool FailpointChosen(const char* name) { return Chosen().name == name; }

}  // namespace keywatch

#endif  // KEYWATCH_FAILPOINTS
