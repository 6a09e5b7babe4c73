#include "daemon/ingest/file_listing.h"

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/ingest/file_identity.h"

namespace keywatch {
namespace {

std::string Directory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool HasWildcard(absl::string_view path) {
  return path.find_first_of("*?[") != absl::string_view::npos;
}

// The nearest directory above `path` that is there.
std::string ExistingDirectory(std::string path) {
  do {
    path = Directory(path);
  } while (path != "/" && path != "." && access(path.c_str(), F_OK) != 0);
  return path;
}

std::string WhyUnreadable(const std::string& path, int error) {
  if (error == EACCES || error == EPERM) {
    return absl::StrCat(path, ": permission denied; let the user that ",
                        "keywatchd runs as read it (setfacl, or a group)");
  }
  return absl::StrCat(path, ": ", std::strerror(error));
}

bool Describe(const std::string& path, ListedFile* file) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return false;
  }
  file->path = path;
  file->device = status.st_dev;
  file->inode = status.st_ino;
  file->size = status.st_size;
  file->modified_ns =
      status.st_mtim.tv_sec * int64_t{1000000000} + status.st_mtim.tv_nsec;
  return true;
}

// The first symbolic link in the path below its first `fixed` bytes; "" when
// there is none.
std::string LinkIn(const std::string& path, size_t fixed) {
  for (size_t end = fixed; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const std::string part = path.substr(0, end);
    struct stat status;
    if (lstat(part.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
      return part;
    }
  }
  return "";
}

}  // namespace

size_t FixedPart(const std::string& glob) {
  const size_t slash = glob.rfind('/', glob.find_first_of("*?["));
  return slash == std::string::npos ? 0 : slash + 1;
}

FileListing ListFiles(const std::vector<std::string>& globs) {
  FileListing listing;
  std::set<std::pair<uint64_t, uint64_t>> known;
  std::vector<std::pair<std::string, ListedFile>> links;
  for (const std::string& pattern : globs) {
    glob_t found = {};
    // glob gives names of files that may not be read, and nothing for
    // directories that may not: those are asked for one by one.
    const int result = glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
    size_t files = 0;
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      ListedFile file;
      const std::string path = found.gl_pathv[i];
      errno = 0;
      if (!Describe(path, &file)) {
        if (errno != 0 && errno != ENOENT) {
          listing.problems.push_back(WhyUnreadable(path, errno));
        }
        continue;
      }
      listing.directories.insert(Directory(path));
      ++files;
      if (HasWildcard(pattern)) {
        file.fixed = FixedPart(pattern);
        std::string link = LinkIn(path, file.fixed);
        if (!link.empty()) {
          links.emplace_back(std::move(link), std::move(file));
          continue;
        }
      }
      if (known.insert({file.device, file.inode}).second) {
        listing.files.push_back(std::move(file));
      }
    }
    globfree(&found);
    const std::string directory = Directory(pattern);
    if (HasWildcard(directory)) {
      // A new directory may match, too.
      listing.directories.insert(
          ExistingDirectory(pattern.substr(0, pattern.find_first_of("*?["))));
    } else {
      listing.directories.insert(access(directory.c_str(), F_OK) == 0
                                     ? directory
                                     : ExistingDirectory(directory));
    }
    if (files > 0) continue;
    if (result == GLOB_NOSPACE) {
      listing.problems.push_back(
          absl::StrCat(pattern, ": too many files to list"));
    } else if (!HasWildcard(directory) &&
               access(directory.c_str(), F_OK) != 0) {
      listing.problems.push_back(
          absl::StrCat(pattern, ": there is no directory ", directory,
                       "; create it, or correct the source's paths"));
    } else if (!HasWildcard(directory) &&
               access(directory.c_str(), R_OK | X_OK) != 0) {
      listing.problems.push_back(WhyUnreadable(directory, errno));
    } else {
      listing.problems.push_back(absl::StrCat(
          pattern, HasWildcard(pattern) ? ": no file matches yet"
                                        : ": there is no such file yet"));
    }
  }
  for (const auto& [link, file] : links) {
    // What it leads to may be listed by its own name.
    if (known.count({file.device, file.inode}) > 0) continue;
    listing.problems.push_back(absl::StrCat(
        link, " is a symbolic link, which patterns do not follow: name ",
        file.path, " itself, or what it leads to, in the source's paths"));
  }
  std::sort(listing.files.begin(), listing.files.end(),
            [](const ListedFile& a, const ListedFile& b) {
              if (a.modified_ns != b.modified_ns) {
                return a.modified_ns < b.modified_ns;
              }
              // Within one tick of the clock: `a.log.1` is older than `a.log`.
              if (a.path.size() != b.path.size()) {
                return a.path.size() > b.path.size();
              }
              return a.path < b.path;
            });
  return listing;
}

std::vector<ListedFile> ListSiblings(const std::string& path, size_t fixed) {
  std::vector<ListedFile> files;
  const std::string stem = PathStem(path);
  const std::string directory = Directory(path);
  const std::string prefix = path.find('/') == std::string::npos ? ""
                             : directory == "/"                  ? "/"
                                                : absl::StrCat(directory, "/");
  DIR* const handle = opendir(directory.c_str());
  if (handle == nullptr) return files;
  while (const dirent* entry = readdir(handle)) {
    const std::string sibling = absl::StrCat(prefix, entry->d_name);
    ListedFile file;
    if (PathStem(sibling) == stem && LinkIn(sibling, fixed).empty() &&
        Describe(sibling, &file)) {
      file.fixed = fixed;
      files.push_back(std::move(file));
    }
  }
  closedir(handle);
  std::sort(
      files.begin(), files.end(),
      [](const ListedFile& a, const ListedFile& b) { return a.path < b.path; });
  return files;
}

bool IsAt(const std::string& path, uint64_t device, uint64_t inode) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && status.st_dev == device &&
         status.st_ino == inode;
}

}  // namespace keywatch
