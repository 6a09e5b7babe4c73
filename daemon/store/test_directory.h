#ifndef DAEMON_STORE_TEST_DIRECTORY_H_
#define DAEMON_STORE_TEST_DIRECTORY_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"

namespace keywatch {

// TestDirectory is an empty directory that goes with the object.
class TestDirectory {
 public:
  TestDirectory() : path_(absl::StrCat(testing::TempDir(), "/store.XXXXXX")) {
    if (mkdtemp(&path_[0]) == nullptr) abort();
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace keywatch

#endif  // DAEMON_STORE_TEST_DIRECTORY_H_
