#ifndef DAEMON_CLI_LOG_ARGUMENTS_H_
#define DAEMON_CLI_LOG_ARGUMENTS_H_

#include <string>
#include <vector>

namespace keywatch {

// `--rules` takes every word up to the next option, so in
// `--rules rules/ a.log b.log` it took logs, too. What follows the first path
// and is neither a directory nor a .yml or .yaml file goes to the front of
// `logs`.
void GiveLogsBack(std::vector<std::string>* rules,
                  std::vector<std::string>* logs);

}  // namespace keywatch

#endif  // DAEMON_CLI_LOG_ARGUMENTS_H_
