#ifndef DAEMON_APP_LOADING_H_
#define DAEMON_APP_LOADING_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "daemon/app/engine_runner.h"
#include "daemon/config/config.h"
#include "daemon/config/loader.h"
#include "daemon/core/clock.h"
#include "daemon/core/issue.h"
#include "daemon/http/http_client.h"
#include "daemon/ingest/enricher.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/push_queue.h"
#include "daemon/rules/rule_set.h"
#include "daemon/store/store.h"

namespace keywatch {

// What a configuration is checked against: the shipped formats and, with
// systemd, the credentials of the unit (`$CREDENTIALS_DIRECTORY`).
ConfigOptions DaemonConfigOptions(ConfigOptions::Files files);

// The rules of the configuration, or null and issues: what the compiler
// refuses, and notifiers that the configuration does not have.
std::shared_ptr<const RuleSet> LoadRules(const Config& config, int64_t now_ms,
                                         IssueList* issues);

// How many rules page by the default notifiers while there are none.
int64_t UnheardRules(const Config& config, const RuleSet& rules);

// The format of a source, or null and issues.
std::shared_ptr<const Format> LoadSourceFormat(const SourceConfig& source,
                                               IssueList* issues);

// Everything that `--check` and `config check` look at beside the file itself:
// rules, formats and tokens.
void CheckDeeply(const Config& config, int64_t now_ms, IssueList* issues);

// Where pushed records wait, by the name of their source.
using PushQueues = absl::flat_hash_map<std::string, std::unique_ptr<PushQueue>>;
PushQueues MakePushQueues(const Config& config);

// The sources of the configuration and Keywatch's own lifecycle source, the
// latter last. What is given must outlive the runner.
absl::StatusOr<std::vector<RunnerSource>> MakeSources(
    const Config& config, Store* store, Clock* clock, HttpClient* client,
    const PushQueues& queues, const Enricher* enricher);

// Path or URL of a source, for people; no credentials, no query.
std::string SourceLocation(const SourceConfig& source);

}  // namespace keywatch

#endif  // DAEMON_APP_LOADING_H_
