#include "daemon/serve/tokens.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/crypto/hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kAda(40, 'a');
const std::string kBob(40, 'b');

class TokensTest : public ::testing::Test {
 protected:
  TokensTest()
      : path_(absl::StrCat(::testing::TempDir(), "/tokens_", getpid())) {}
  ~TokensTest() override { unlink(path_.c_str()); }

  void Write(const std::string& text, mode_t mode = 0640) {
    // Another inode, as editors do.
    unlink(path_.c_str());
    std::ofstream(path_) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  std::string Issues() {
    IssueList issues;
    ReadTokens(path_, &issues);
    return FormatIssues(issues);
  }

  const std::string path_;
};

TEST_F(TokensTest, KnowsEverybodyByTheirToken) {
  Write(absl::StrCat("# who  role\n\nada operate ", kAda,
                     "\r\nbob\tread  sha256:", Sha256Hex(kBob), "\n"));
  TokenFile file(path_);
  EXPECT_EQ(file.Find(kAda)->name, "ada");
  EXPECT_EQ(file.Find(kAda)->role, Role::kOperate);
  EXPECT_EQ(file.Find(kBob)->name, "bob");
  EXPECT_EQ(file.Find(kBob)->role, Role::kRead);
  for (const std::string& other :
       {std::string(), kAda + "a", kAda.substr(1), std::string("ada"),
        "sha256:" + Sha256Hex(kBob)}) {
    EXPECT_EQ(file.Find(other).status().code(),
              absl::StatusCode::kUnauthenticated);
  }
}

TEST_F(TokensTest, AWithdrawnTokenIsRefusedAtOnce) {
  Write(absl::StrCat("ada admin ", kAda, "\n"));
  TokenFile file(path_);
  ASSERT_TRUE(file.Find(kAda).ok());
  Write(absl::StrCat("bob admin ", kBob, "\n"));
  EXPECT_FALSE(file.Find(kAda).ok());
  EXPECT_TRUE(file.Find(kBob).ok());
}

TEST_F(TokensTest, AFileThatCannotBeReadLetsNobodyIn) {
  Write(absl::StrCat("ada admin ", kAda, "\n"));
  TokenFile file(path_);
  ASSERT_TRUE(file.Find(kAda).ok());
  Write(absl::StrCat("ada admin ", kAda, "\nbob\n"));
  const absl::Status wrong = file.Find(kAda).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(wrong.message(), HasSubstr(":2: "));
  unlink(path_.c_str());
  EXPECT_EQ(file.Find(kAda).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(TokensTest, MistakesHaveTheirLineAndNeverShowIt) {
  for (const std::string& line :
       {absl::StrCat("ada ", kAda), absl::StrCat("ada operate", kAda),
        absl::StrCat("ada root ", kAda), absl::StrCat("a,b read ", kAda),
        absl::StrCat("ada read ", kAda.substr(9)),
        absl::StrCat("bob read ", kBob),  // the name
        absl::StrCat("eve read ", kBob),  // the token
        absl::StrCat("ada read sha256:", kAda)}) {
    Write(absl::StrCat("bob read ", kBob, "\n", line, "\n"));
    EXPECT_THAT(Issues(), HasSubstr(absl::StrCat(path_, ":2: error: ")))
        << line;
    EXPECT_THAT(Issues(), Not(HasSubstr("aaaa"))) << line;
  }
}

TEST_F(TokensTest, AFileThatOthersReadIsRefused) {
  Write(absl::StrCat("ada admin ", kAda, "\n"), 0644);
  EXPECT_THAT(Issues(), HasSubstr("is open to every user"));
  EXPECT_FALSE(TokenFile(path_).Find(kAda).ok());
}

}  // namespace
}  // namespace keywatch
