#ifndef DAEMON_APP_RULES_WATCH_H_
#define DAEMON_APP_RULES_WATCH_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/ingest/directory_watch.h"

namespace keywatch {

// RulesWatch says when rule files, or the configuration that names them, have
// changed: by the kernel's inotify, and where that does not work by looking now
// and then. A change counts once the files have rested for a moment, so that a
// half-written file or half a deployment is not loaded; a change that was taken
// back is none. Thread-safe.
class RulesWatch {
 public:
  // Files and directories of rules, and the configuration ("" for none). What
  // they hold now is what is known.
  RulesWatch(std::vector<std::string> paths, std::string config);

  // True once per change. To be called about once a second.
  bool Changed(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // The files of `paths` as they are now are about to be loaded anyway.
  void Accept(std::vector<std::string> paths) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Of every file: what changes whenever somebody writes it.
  using Stamp = std::tuple<int64_t, int64_t, int64_t, uint64_t>;
  using Stamps = std::map<std::string, Stamp>;

  // Looks at the files, and watches their directories.
  Stamps Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string config_;

  absl::Mutex mu_;
  std::vector<std::string> paths_ ABSL_GUARDED_BY(mu_);
  DirectoryWatch watch_ ABSL_GUARDED_BY(mu_);
  Stamps known_ ABSL_GUARDED_BY(mu_);
  Stamps changed_ ABSL_GUARDED_BY(mu_);  // not yet rested; else empty
  absl::Time changed_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time looked_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace keywatch

#endif  // DAEMON_APP_RULES_WATCH_H_
