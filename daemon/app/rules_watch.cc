#include "daemon/app/rules_watch.h"

#include <sys/stat.h>

#include <set>
#include <utility>

#include "daemon/app/yaml_files.h"

namespace keywatch {
namespace {

// Whoever copies many files is done when none came for so long.
constexpr absl::Duration kRest = absl::Milliseconds(800);
// Without inotify, and for directories that come later.
constexpr absl::Duration kLookAgain = absl::Seconds(15);

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "."
         : slash == 0               ? "/"
                                    : path.substr(0, slash);
}

}  // namespace

RulesWatch::RulesWatch(std::vector<std::string> paths, std::string config)
    : config_(std::move(config)), paths_(std::move(paths)) {
  absl::MutexLock lock(&mu_);
  known_ = Look();
}

RulesWatch::Stamps RulesWatch::Look() {
  std::vector<std::string> below;
  std::vector<std::string> files = FindYamlFiles(paths_, &below);
  if (!config_.empty()) files.push_back(config_);
  std::set<std::string> directories(below.begin(), below.end());
  for (const std::string& path : paths_) {
    // A path that is not there yet may come.
    if (directories.count(path) == 0) directories.insert(Parent(path));
  }
  Stamps stamps;
  for (const std::string& file : files) {
    if (IsScenarioFile(file)) continue;
    if (file == config_) directories.insert(Parent(file));
    struct stat found;
    if (stat(file.c_str(), &found) != 0) continue;
    stamps[file] = Stamp(found.st_mtim.tv_sec, found.st_mtim.tv_nsec,
                         found.st_size, found.st_ino);
  }
  watch_.Watch(directories);
  return stamps;
}

bool RulesWatch::Changed(absl::Time now) {
  absl::MutexLock lock(&mu_);
  const DirectoryWatch::Changes changes = watch_.Take();
  const bool waiting = changed_at_ != absl::InfinitePast();
  if (!changes.contents && !changes.names && !waiting &&
      now - looked_ < kLookAgain) {
    return false;
  }
  looked_ = now;
  Stamps stamps = Look();
  if (stamps == known_) {
    changed_at_ = absl::InfinitePast();
    return false;
  }
  if (!waiting || stamps != changed_) {
    changed_ = std::move(stamps);
    changed_at_ = now;
    return false;
  }
  if (now - changed_at_ < kRest) return false;
  known_ = std::move(changed_);
  changed_at_ = absl::InfinitePast();
  return true;
}

void RulesWatch::Accept(std::vector<std::string> paths) {
  absl::MutexLock lock(&mu_);
  paths_ = std::move(paths);
  known_ = Look();
  changed_at_ = absl::InfinitePast();
}

}  // namespace keywatch
