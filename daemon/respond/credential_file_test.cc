#include "daemon/respond/credential_file.h"

#include <sys/stat.h>

#include <sstream>

#include "daemon/core/secret_access.h"
#include "daemon/respond/sample_alert.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

TEST(ReadCredentialFileTest, GivesTheTextWithoutBlanksAround) {
  const absl::StatusOr<Secret> secret =
      ReadCredentialFile(WriteTestFile("credential", "  token-1\r\n"));
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_EQ(SecretAccess::Reveal(*secret), "token-1");
  std::ostringstream shown;
  shown << *secret;
  EXPECT_EQ(shown.str(), "<secret>");
}

TEST(ReadCredentialFileTest, RefusesWhatIsNoCredentialAndDoesNotShowIt) {
  for (const std::string& text :
       {std::string(""), std::string(" \n"), std::string("hidden\nhidden"),
        std::string("hid\0den", 7), std::string(70'000, 'h')}) {
    const absl::StatusOr<Secret> secret =
        ReadCredentialFile(WriteTestFile("no_credential", text));
    EXPECT_TRUE(absl::IsInvalidArgument(secret.status())) << secret.status();
    EXPECT_EQ(secret.status().message().find("hidden"),
              absl::string_view::npos);
  }
}

TEST(ReadCredentialFileTest, SaysWhichFileIsMissing) {
  const absl::StatusOr<Secret> secret =
      ReadCredentialFile("/nonexistent/credential");
  EXPECT_TRUE(absl::IsNotFound(secret.status()));
  EXPECT_NE(secret.status().message().find("/nonexistent/credential"),
            absl::string_view::npos);
}

TEST(ReadCredentialFileTest, DoesNotHangOnAPipe) {
  const std::string path = testing::TempDir() + "/credential_pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(ReadCredentialFile(path).ok());
  unlink(path.c_str());
}

}  // namespace
}  // namespace keywatch
