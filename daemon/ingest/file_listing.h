#ifndef DAEMON_INGEST_FILE_LISTING_H_
#define DAEMON_INGEST_FILE_LISTING_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace keywatch {

// A file that is there now.
struct ListedFile {
  std::string path;
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
};

// The files that a set of globs matches now, each once however many names lead
// to it, the longest unchanged first.
struct FileListing {
  std::vector<ListedFile> files;
  // Directories in which a file would have to appear to be listed.
  std::set<std::string> directories;
  // For people: what could not be looked at, and what to do.
  std::vector<std::string> problems;
};
FileListing ListFiles(const std::vector<std::string>& globs);

// The files of `path`'s directory that have its stem: its rotations, and
// copies of these.
std::vector<ListedFile> ListSiblings(const std::string& path);

// True when `path` names this very file now.
bool IsAt(const std::string& path, uint64_t device, uint64_t inode);

}  // namespace keywatch

#endif  // DAEMON_INGEST_FILE_LISTING_H_
