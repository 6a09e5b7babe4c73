#include "daemon/store/page_token.h"

#include <gtest/gtest.h>

#include "absl/strings/ascii.h"

namespace keywatch {
namespace {

TEST(PageTokenTest, GivesThePositionBack) {
  for (const std::string& position :
       {std::string(), std::string("rk_1"), std::string("\0\xff.", 3)}) {
    const std::string token = MakePageToken("keys", position);
    const auto read = ReadPageToken("keys", token);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, position);
  }
}

TEST(PageTokenTest, FitsIntoAUrl) {
  const std::string token = MakePageToken("keys", "\xff\xfe\xfd?&=+/ ");
  for (const char c : token) {
    EXPECT_TRUE(absl::ascii_isalnum(c) || c == '-' || c == '_') << token;
  }
}

TEST(PageTokenTest, RefusesWhatItDidNotMake) {
  const std::string token = MakePageToken("keys", "rk_1");
  for (const std::string& bad :
       {std::string(), std::string("A"), std::string("!!!!"),
        std::string(12, 'A'), token.substr(1), token + "AAAA"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadPageToken("keys", bad).status()))
        << bad;
  }
}

TEST(PageTokenTest, IsBoundToTheQuestion) {
  const std::string token = MakePageToken("keys", "rk_1");
  EXPECT_TRUE(absl::IsInvalidArgument(ReadPageToken("alerts", token).status()));
  // Text does not move between scope and position.
  EXPECT_TRUE(absl::IsInvalidArgument(
      ReadPageToken("keysr", MakePageToken("keys", "rk_1")).status()));
}

}  // namespace
}  // namespace keywatch
