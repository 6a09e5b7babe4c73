#ifndef DAEMON_SERVE_FAKE_STATUS_PROVIDER_H_
#define DAEMON_SERVE_FAKE_STATUS_PROVIDER_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/serve/status_provider.h"

namespace keywatch {

// FakeStatusProvider answers what a test gave it. Thread-safe.
class FakeStatusProvider : public StatusProvider {
 public:
  void SetHealth(const Health& health) {
    absl::MutexLock lock(&mu_);
    status_.health = health;
  }
  void SetStatus(const DaemonStatus& status) {
    absl::MutexLock lock(&mu_);
    status_ = status;
  }
  void SetRules(const RulesSnapshot& rules) {
    absl::MutexLock lock(&mu_);
    rules_ = rules;
  }
  void SetReload(const ReloadResult& result) {
    absl::MutexLock lock(&mu_);
    reload_ = result;
  }
  void SetCoverage(const std::vector<SourceCoverage>& coverage) {
    absl::MutexLock lock(&mu_);
    coverage_ = coverage;
  }
  std::string reloaded_by() {
    absl::MutexLock lock(&mu_);
    return reloaded_by_;
  }

  Health GetHealth() override {
    absl::MutexLock lock(&mu_);
    return status_.health;
  }
  DaemonStatus GetStatus() override {
    absl::MutexLock lock(&mu_);
    return status_;
  }
  RulesSnapshot GetRules() override {
    absl::MutexLock lock(&mu_);
    return rules_;
  }
  absl::StatusOr<std::vector<SourceCoverage>> GetCoverage(EventTime,
                                                          EventTime) override {
    absl::MutexLock lock(&mu_);
    return coverage_;
  }
  ReloadResult Reload(absl::string_view actor) override {
    absl::MutexLock lock(&mu_);
    reloaded_by_ = std::string(actor);
    return reload_;
  }

 private:
  absl::Mutex mu_;
  DaemonStatus status_ ABSL_GUARDED_BY(mu_);
  RulesSnapshot rules_ ABSL_GUARDED_BY(mu_);
  std::vector<SourceCoverage> coverage_ ABSL_GUARDED_BY(mu_);
  ReloadResult reload_ ABSL_GUARDED_BY(mu_);
  std::string reloaded_by_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_FAKE_STATUS_PROVIDER_H_
