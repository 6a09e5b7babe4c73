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
  // So many bytes of the path are as configured and may lead over symbolic
  // links; what a pattern matched must not.
  size_t fixed = std::string::npos;
};

// The files that a set of globs matches now, each once however many names lead
// to it, the longest unchanged first. A pattern matches no symbolic link: who
// may write to a log's directory must not choose what is read.
struct FileListing {
  std::vector<ListedFile> files;
  // Directories in which a file would have to appear to be listed.
  std::set<std::string> directories;
  // For people: what could not be looked at, and what to do.
  std::vector<std::string> problems;
};
FileListing ListFiles(const std::vector<std::string>& globs);

// The part of a glob that no wildcard can change: its first directories, with
// the slash.
size_t FixedPart(const std::string& glob);

// The files of `path`'s directory that have its stem: its rotations, and
// copies of these. No symbolic links below the first `fixed` bytes.
std::vector<ListedFile> ListSiblings(const std::string& path, size_t fixed);

// True when `path` names this very file now.
bool IsAt(const std::string& path, uint64_t device, uint64_t inode);

}  // namespace keywatch

#endif  // DAEMON_INGEST_FILE_LISTING_H_
