#include "daemon/serve/request_text.h"

#include <string>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

RequestText Text() {
  return RequestText([](absl::string_view text) {
    return absl::StrReplaceAll(text, {{"sk_live_secret", "<fingerprint>"}});
  });
}

TEST(RequestTextTest, PastedSecretDoesNotPass) {
  const auto text = Text().Optional("note", "found sk_live_secret in git", 100);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "found <fingerprint> in git");
}

TEST(RequestTextTest, RequiredTextMustSaySomething) {
  const auto text = Text().Required("actor", " \n", 100);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text.status().message(), HasSubstr("actor"));
  EXPECT_EQ(*Text().Required("actor", " alice ", 100), "alice");
}

TEST(RequestTextTest, TooLongATextIsRefusedWithTheBound) {
  const auto text = Text().Optional("note", std::string(11, 'x'), 10);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text.status().message(), HasSubstr("11 bytes long; at most 10"));
}

TEST(RequestTextTest, PageSizeHasADefaultAndABound) {
  EXPECT_EQ(*PageSize(0), 100);
  EXPECT_EQ(*PageSize(7), 7);
  EXPECT_EQ(*PageSize(5000), 1000);
  EXPECT_FALSE(PageSize(-1).ok());
}

}  // namespace
}  // namespace keywatch
