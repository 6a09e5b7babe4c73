#include "daemon/rules/rule_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

namespace fs = std::filesystem;

// Deeper than any collection of rules; ends loops of links.
constexpr int kMaxDepth = 32;

bool IsScenario(absl::string_view path) {
  return absl::EndsWith(path, ".tests.yml") ||
         absl::EndsWith(path, ".tests.yaml");
}

bool IsRuleFile(absl::string_view path) {
  return (absl::EndsWith(path, ".yml") || absl::EndsWith(path, ".yaml")) &&
         !IsScenario(path);
}

void AddUnreadable(const std::string& path, const std::error_code& error,
                   IssueList* issues) {
  Issue issue;
  issue.code = "unreadable";
  issue.where.file = path;
  issue.message = absl::StrCat("cannot be read: ", error.message());
  issues->Add(std::move(issue));
}

void FindBelow(const fs::path& directory, int depth,
               std::vector<std::string>* found, IssueList* issues) {
  std::error_code error;
  std::vector<fs::path> entries;
  fs::directory_iterator it(directory, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) {
    AddUnreadable(directory.string(), error, issues);
    return;
  }
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    if (absl::StartsWith(entry.filename().string(), ".")) continue;
    std::error_code ignored;
    if (fs::is_directory(entry, ignored)) {
      if (depth < kMaxDepth) FindBelow(entry, depth + 1, found, issues);
    } else if (IsRuleFile(entry.string())) {
      found->push_back(entry.string());
    }
  }
}

}  // namespace

std::vector<std::string> FindRuleFiles(const std::vector<std::string>& paths,
                                       IssueList* issues) {
  std::vector<std::string> found;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      AddUnreadable(
          path,
          error ? error
                : std::make_error_code(std::errc::no_such_file_or_directory),
          issues);
    } else if (fs::is_directory(status)) {
      FindBelow(path, 0, &found, issues);
    } else if (!IsScenario(path)) {
      found.push_back(path);
    }
  }
  absl::flat_hash_set<std::string> seen;
  std::vector<std::string> unique;
  for (std::string& path : found) {
    if (seen.insert(fs::path(path).lexically_normal().string()).second) {
      unique.push_back(std::move(path));
    }
  }
  return unique;
}

}  // namespace keywatch
