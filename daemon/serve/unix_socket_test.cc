#include "daemon/serve/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

// A path in a fresh directory with a short name: that of the test's own is too
// long for a socket.
class UnixSocketTest : public ::testing::Test {
 protected:
  UnixSocketTest() {
    char pattern[] = "/tmp/keywatchXXXXXX";
    directory_ = mkdtemp(pattern);
  }
  ~UnixSocketTest() override {
    for (const std::string& path : paths_) unlink(path.c_str());
    rmdir(directory_.c_str());
  }
  std::string PathFor(const char* name) {
    paths_.push_back(absl::StrCat(directory_, "/", name));
    return paths_.back();
  }

 private:
  std::string directory_;
  std::vector<std::string> paths_;
};

int Listen(const std::string& path) {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  EXPECT_EQ(
      bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  EXPECT_EQ(listen(listener, 1), 0);
  return listener;
}

TEST_F(UnixSocketTest, FreePathIsLeftAlone) {
  EXPECT_TRUE(PrepareUnixSocket(PathFor("free.sock")).ok());
}

TEST_F(UnixSocketTest, SocketOfALivingProcessIsNotTaken) {
  const std::string path = PathFor("living.sock");
  const int listener = Listen(path);
  EXPECT_EQ(PrepareUnixSocket(path).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  close(listener);
}

TEST_F(UnixSocketTest, SocketThatADeadProcessLeftIsRemoved) {
  const std::string path = PathFor("stale.sock");
  close(Listen(path));
  ASSERT_EQ(access(path.c_str(), F_OK), 0);
  EXPECT_TRUE(PrepareUnixSocket(path).ok());
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_F(UnixSocketTest, FileThatIsNoSocketIsNeverRemoved) {
  const std::string path = PathFor("precious.txt");
  std::ofstream(path) << "data";
  EXPECT_EQ(PrepareUnixSocket(path).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
}

TEST_F(UnixSocketTest, PathTooLongForASocketIsRefused) {
  const absl::Status status =
      PrepareUnixSocket(absl::StrCat("/tmp/", std::string(200, 'x')));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("107"));
}

TEST_F(UnixSocketTest, OnlyOwnerAndGroupMayConnect) {
  const std::string path = PathFor("mode.sock");
  const int listener = Listen(path);
  ASSERT_TRUE(RestrictUnixSocket(path).ok());
  struct stat found;
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  close(listener);
}

}  // namespace
}  // namespace keywatch
