#include "daemon/app/yaml_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"

namespace keywatch {
namespace {

namespace fs = std::filesystem;

// Deeper than any collection of rules; ends loops of links.
constexpr int kMaxDepth = 32;

void FindBelow(const fs::path& directory, int depth,
               std::vector<std::string>* files,
               std::vector<std::string>* directories) {
  if (directories != nullptr) directories->push_back(directory.string());
  std::error_code error;
  std::vector<fs::path> entries;
  fs::directory_iterator it(directory, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    entries.push_back(it->path());
  }
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    const std::string path = entry.string();
    if (absl::StartsWith(entry.filename().string(), ".")) continue;
    std::error_code ignored;
    if (fs::is_directory(entry, ignored)) {
      if (depth < kMaxDepth) FindBelow(entry, depth + 1, files, directories);
    } else if (absl::EndsWith(path, ".yml") || absl::EndsWith(path, ".yaml")) {
      files->push_back(path);
    }
  }
}

}  // namespace

bool IsScenarioFile(absl::string_view path) {
  return absl::EndsWith(path, ".tests.yml") ||
         absl::EndsWith(path, ".tests.yaml");
}

std::vector<std::string> FindYamlFiles(const std::vector<std::string>& paths,
                                       std::vector<std::string>* directories) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      FindBelow(path, 0, &files, directories);
    } else if (fs::exists(path, error)) {
      files.push_back(path);
    }
  }
  std::vector<std::string> unique;
  for (std::string& file : files) {
    if (std::find(unique.begin(), unique.end(), file) == unique.end()) {
      unique.push_back(std::move(file));
    }
  }
  return unique;
}

}  // namespace keywatch
