#ifndef DAEMON_APP_APP_H_
#define DAEMON_APP_APP_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/app/engine_runner.h"
#include "daemon/app/history_recorder.h"
#include "daemon/app/loading.h"
#include "daemon/app/log.h"
#include "daemon/app/rules_watch.h"
#include "daemon/config/config.h"
#include "daemon/core/clock.h"
#include "daemon/http/http_client.h"
#include "daemon/ingest/enricher.h"
#include "daemon/ingest/redactor.h"
#include "daemon/metrics/metrics.h"
#include "daemon/respond/responder.h"
#include "daemon/respond/roller.h"
#include "daemon/rules/rule_set.h"
#include "daemon/serve/grpc_server.h"
#include "daemon/serve/http_server.h"
#include "daemon/serve/status_provider.h"
#include "daemon/store/retention.h"
#include "daemon/store/store.h"

namespace keywatch {

// App is the daemon: it builds everything, starts it, reloads rules and stops
// it. The member list is the architecture; its reverse is the shutdown.
//
//   absl::StatusOr<std::unique_ptr<App>> app =
//       App::Create(config, options, &clock, &log);
//   (*app)->Start();
//   ...
//   (*app)->Stop();
//
// Thread-safe.
class App : public StatusProvider {
 public:
  struct Options {
    std::string version;
    std::string owner;  // of the partition: host and process, for people
  };

  // Opens the store, loads the rules and binds the servers; nothing runs yet.
  // `clock` and `log` must outlive the App.
  static absl::StatusOr<std::unique_ptr<App>> Create(Config config,
                                                     Options options,
                                                     Clock* clock, Log* log);
  ~App() override;

  // Restores the engine and starts reading.
  absl::Status Start();

  // Stops in reverse order; what was read is committed. A second call does
  // nothing.
  void Stop();

  // False once the engine has stopped for good: another process took the
  // state. Main ends then.
  bool Alive() const;

  // Reloads when rule files or the configuration changed since the last load
  // and rested for a moment; true when it tried. To be called about once a
  // second. Does nothing when `rules: {watch: false}` says so.
  bool ReloadIfChanged();

  // True when the engine thread has made progress since the last call; what the
  // watchdog is told.
  bool Progressed();

  // One line for `systemctl status`.
  std::string Summary();

  int grpc_port() const { return grpc_ ? grpc_->port() : 0; }
  int http_port() const { return http_ ? http_->port() : 0; }
  Store* store() { return store_.get(); }

  // --- StatusProvider.
  Health GetHealth() override;
  DaemonStatus GetStatus() override;
  RulesSnapshot GetRules() override;
  absl::StatusOr<std::vector<SourceCoverage>> GetCoverage(
      EventTime since_ms, EventTime until_ms) override;
  ReloadResult Reload(absl::string_view actor) override;

 private:
  App(Config config, Options options, Clock* clock, Log* log);

  absl::Status StartRunner(std::shared_ptr<const RuleSet> rules)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mu_);
  // Puts `rules` in the place of those of `running`, which has stopped. When
  // that fails, goes back; when that fails, too, the housekeeper goes on trying.
  absl::Status Replace(std::shared_ptr<const RuleSet> rules,
                       const EngineRunner& running)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mu_);
  void Applied(const RuleSet& rules) ABSL_LOCKS_EXCLUDED(mu_);
  // Starts the engine that a reload could not start.
  void StartAgain();
  std::shared_ptr<EngineRunner> runner() const ABSL_LOCKS_EXCLUDED(mu_);
  EngineRunner::Options RunnerOptions(const RuleSet& rules,
                                      const std::vector<RunnerSource>& sources);
  void OnCommit(const CheckpointBatch& batch, absl::Duration took);
  absl::StatusOr<PushQueue*> FindQueue(absl::string_view source);
  void RefreshMetrics(Metrics* metrics);
  void RefreshSourceMetrics(const RunnerStatus& status, Metrics* metrics);
  void KeepHouse();

  // Constant after construction.
  const Config config_;
  // The file's text when `config_` was made of it; "" without a file.
  const std::string config_text_;
  const Options options_;
  Clock* const clock_;
  Log* const log_;
  const absl::Time started_;

  // What everything else stands on, then what stands on it. Each synchronises
  // itself.
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<HistoryRecorder> history_;  // null when it is switched off
  std::unique_ptr<RulesWatch> rules_watch_;   // null when it is switched off
  std::unique_ptr<Redactor> redactor_;
  uint64_t seen_seed_ = 0;
  std::unique_ptr<Enricher> enricher_;  // null when there is nothing to know
  std::unique_ptr<HttpClient> http_client_;
  PushQueues push_queues_;  // constant; each synchronises itself
  std::unique_ptr<Responder> responder_;
  std::unique_ptr<Roller> roller_;
  std::unique_ptr<Retention> retention_;  // the housekeeper's

  // Serialises Start, Reload and Stop.
  absl::Mutex reload_mu_;
  // The engine could not be started with them, nor with those before; null
  // while it runs.
  std::shared_ptr<const RuleSet> waiting_rules_ ABSL_GUARDED_BY(reload_mu_);

  mutable absl::Mutex mu_;
  std::shared_ptr<const RuleSet> rules_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<EngineRunner> runner_ ABSL_GUARDED_BY(mu_);
  // Why it does not run; "" when it does.
  std::string engine_error_ ABSL_GUARDED_BY(mu_);
  bool reload_success_ ABSL_GUARDED_BY(mu_) = true;
  // Why the last reload was refused, an issue each.
  std::vector<std::string> reload_problems_ ABSL_GUARDED_BY(mu_);
  absl::Time last_reload_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int64_t seen_turns_ ABSL_GUARDED_BY(mu_) = 0;
  // What RefreshMetrics has counted; called by one thread at a time.
  absl::flat_hash_map<std::string, DeliveryStats> published_;

  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
  // Rolls and retention, once a second.
  std::thread housekeeper_;
};

}  // namespace keywatch

#endif  // DAEMON_APP_APP_H_
