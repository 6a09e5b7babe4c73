#include "daemon/store/state_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(StateDirectoryTest, MakesItPrivateWithItsParents) {
  TestDirectory scratch;
  const std::string path = scratch.File("a/b/state");
  const mode_t before = umask(0);
  const auto directory = StateDirectory::Take(path + "/");
  umask(before);
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ((*directory)->path(), path);
  EXPECT_EQ((*directory)->File("x"), path + "/x");
  EXPECT_EQ(ModeOf(path), 0700u);
  EXPECT_EQ(ModeOf(scratch.File("a")), 0700u);
  EXPECT_EQ(ModeOf(path + "/keywatch.lock"), 0600u);
}

TEST(StateDirectoryTest, HasOneHolderWhosePidIsInTheFile) {
  TestDirectory scratch;
  auto first = StateDirectory::Take(scratch.path());
  ASSERT_TRUE(first.ok()) << first.status();
  std::ifstream lock(scratch.File("keywatch.lock"));
  pid_t pid = 0;
  lock >> pid;
  EXPECT_EQ(pid, getpid());

  const auto second = StateDirectory::Take(scratch.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_TRUE(absl::StrContains(second.status().message(),
                                absl::StrCat("process ", getpid())))
      << second.status();

  first->reset();
  EXPECT_TRUE(StateDirectory::Take(scratch.path()).ok());
}

TEST(StateDirectoryTest, IsLetGoWhenTheHolderIsKilled) {
  TestDirectory scratch;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto held = StateDirectory::Take(scratch.path());
    char byte = held.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');

  const auto refused = StateDirectory::Take(scratch.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_TRUE(absl::StrContains(refused.status().message(),
                                absl::StrCat("process ", child)))
      << refused.status();

  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(StateDirectory::Take(scratch.path()).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST(StateDirectoryTest, SaysWhatIsWrongWithThePath) {
  TestDirectory scratch;
  EXPECT_TRUE(absl::IsInvalidArgument(StateDirectory::Take("").status()));
  std::ofstream(scratch.File("file")) << "x";
  const absl::Status file = StateDirectory::Take(scratch.File("file")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(file)) << file;
  const absl::Status below =
      StateDirectory::Take(scratch.File("file/state")).status();
  EXPECT_FALSE(below.ok());
  EXPECT_TRUE(absl::StrContains(below.message(), "file/state")) << below;
}

TEST(StateDirectoryTest, FollowsNoLinkInPlaceOfTheLock) {
  TestDirectory scratch;
  ASSERT_EQ(symlink("/dev/null", scratch.File("keywatch.lock").c_str()), 0);
  EXPECT_FALSE(StateDirectory::Take(scratch.path()).ok());
}

TEST(MakePrivateFileTest, MakesOrTightensAndKeepsContent) {
  TestDirectory scratch;
  const std::string path = scratch.File("f");
  const mode_t before = umask(0);
  EXPECT_TRUE(MakePrivateFile(path).ok());
  umask(before);
  EXPECT_EQ(ModeOf(path), 0600u);
  std::ofstream(path) << "content";
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_TRUE(MakePrivateFile(path).ok());
  EXPECT_EQ(ModeOf(path), 0600u);
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "content");
}

}  // namespace
}  // namespace keywatch
