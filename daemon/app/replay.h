#ifndef DAEMON_APP_REPLAY_H_
#define DAEMON_APP_REPLAY_H_

#include <ostream>
#include <string>
#include <vector>

#include "daemon/app/log_run.h"
#include "daemon/core/clock.h"

namespace keywatch {

// `keywatch replay`: the daemon's own data path over log files, in virtual
// time and without a store.
struct ReplayOptions {
  std::vector<std::string> rules;  // files and directories
  RunInput input;                  // its enricher is found here
  // The daemon's configuration, for what it declares of keys, its lists and its
  // databases of places; "": none.
  std::string config_file;
  bool ignore_logsource = false;
  // A line for every matching event and detection rule instead of alerts.
  bool matches = false;
  // Refused rules end the run instead of being left out.
  bool strict = false;
  std::string stats_file;  // "" writes none
  bool progress = false;
};

// Writes one JSON line per alert episode (or per match) to `out`, in order of
// first fire; messages and progress to `err`. Gives the exit code: 0 done,
// also when alerts fired; 1 when a log could not be read, or none of its
// records; 2 for a wrong option; 3 when rules, format or configuration were refused. `clock` measures
// the run time only.
int RunReplay(const ReplayOptions& options, Clock* clock, std::ostream& out,
              std::ostream& err);

}  // namespace keywatch

#endif  // DAEMON_APP_REPLAY_H_
