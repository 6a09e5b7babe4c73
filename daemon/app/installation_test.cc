#include "daemon/app/installation.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

class InstallationTest : public ::testing::Test {
 protected:
  InstallationTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/instXXXXXX");
    dir_ = mkdtemp(&pattern[0]);
  }
  ~InstallationTest() override {
    const std::string command = absl::StrCat("rm -rf ", dir_);
    if (system(command.c_str()) != 0) ADD_FAILURE() << command;
  }
  std::string dir_;
};

TEST_F(InstallationTest, IsMadeOnceAndKept) {
  absl::StatusOr<Installation> first = OpenInstallation(dir_, false);
  ASSERT_TRUE(first.ok()) << first.status();
  absl::StatusOr<Installation> second = OpenInstallation(dir_, false);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->seen_seed, second->seen_seed);
  struct stat info;
  ASSERT_EQ(stat((dir_ + "/pepper").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(InstallationTest, TwoInstallationsDiffer) {
  absl::StatusOr<Installation> first = OpenInstallation(dir_, false);
  ASSERT_EQ(remove((dir_ + "/pepper").c_str()), 0);
  absl::StatusOr<Installation> second = OpenInstallation(dir_, false);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first->seen_seed, second->seen_seed);
}

// A new one was made without a word, and every fingerprint was another key.
TEST_F(InstallationTest, APepperThatIsMissingBesideDataIsRefused) {
  const absl::Status missing = OpenInstallation(dir_, true).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(missing.message()).find("keywatch backup"),
            std::string::npos);
  ASSERT_TRUE(OpenInstallation(dir_, false).ok());
  EXPECT_TRUE(OpenInstallation(dir_, true).ok());
}

TEST_F(InstallationTest, ADamagedPepperIsRefusedNotReplaced) {
  for (const char* text : {"", "short\n", "zz"}) {
    { std::ofstream(dir_ + "/pepper") << text; }
    ASSERT_EQ(chmod((dir_ + "/pepper").c_str(), 0600), 0);
    EXPECT_EQ(OpenInstallation(dir_, false).status().code(),
              absl::StatusCode::kDataLoss)
        << text;
  }
}

TEST_F(InstallationTest, APepperThatOthersMayReadIsRefused) {
  ASSERT_TRUE(OpenInstallation(dir_, false).ok());
  ASSERT_EQ(chmod((dir_ + "/pepper").c_str(), 0644), 0);
  absl::Status status = OpenInstallation(dir_, false).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(std::string(status.message()).find("chmod 600"), std::string::npos);
}

TEST_F(InstallationTest, AMissingDirectoryIsAnError) {
  EXPECT_FALSE(OpenInstallation(dir_ + "/nowhere", false).ok());
}

}  // namespace
}  // namespace keywatch
