#include "daemon/config/hide_secrets.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/config/loader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Put together here, so that no scanner takes them for live ones.
const std::string kKey = absl::StrCat("sk_", "live_51HabcDEFghi");

TEST(MaskSecretsTest, MasksWhatHasTheFormOfASecretAndNothingElse) {
  for (const std::string& secret :
       {kKey, absl::StrCat("wh", "sec_MfKQ9r8GKYqrTwjU"),
        absl::StrCat("gh", "p_0123456789abcdef"),
        std::string("eyJhbGciOiJIUzI1NiJ9.e30.x"),
        std::string("0123456789abcdef0123456789abcdef"),
        std::string("Zq3v9YxT1mB7kR5sW8nD2pLc")}) {
    EXPECT_EQ(MaskSecrets(absl::StrCat("a: [", secret, ", b]")),
              absl::StrCat("a: [", std::string(secret.size(), '*'), ", b]"));
  }
  EXPECT_EQ(MaskSecrets("Authorization: Bearer hunter22"),
            "Authorization: Bearer ********");
  EXPECT_EQ(MaskSecrets("https://me:pw@host/a?b=c"),
            "https://*****@host/a?b=c");
  for (const char* harmless :
       {"paths: [/var/log/nginx/api.json.log]", "bearer: {file: /etc/token}",
        "url: https://api.example.com/v1/request_logs",
        "listen: 127.0.0.1:9140", "known: allowed_lateness, idle_timeout",
        "identity_verification_sessions_read"}) {
    EXPECT_EQ(MaskSecrets(harmless), harmless);
  }
}

std::string Issues(const std::string& text) {
  ConfigOptions options;
  options.files = ConfigOptions::Files::kIgnore;
  return FormatIssues(ParseConfig("k.yaml", text, options).issues);
}

// The excerpt of a misspelt key showed its value, whatever it was.
TEST(HideSecretsTest, TheValueOfAnUnknownKeyIsNotShown) {
  const std::string shown = Issues(
      "notifiers:\n"
      "  - name: hook\n"
      "    type: webhook\n"
      "    url: https://hooks.example.com/\n"
      "    barer: hunter2\n");
  EXPECT_THAT(shown, HasSubstr("    5 |     barer\n"));
  EXPECT_THAT(shown, HasSubstr("did you mean \"bearer\"?"));
  EXPECT_THAT(shown, Not(HasSubstr("hunter2")));
}

// A refused secret was hidden by its own issue and shown by its neighbours.
TEST(HideSecretsTest, OtherMistakesOfTheLineDoNotShowIt) {
  const std::string shown = Issues(
      "notifiers:\n"
      "  - {name: A, type: webhook, url: 'x', bearer: hunter2, foo: "
      "hunter3}\n");
  EXPECT_THAT(shown, HasSubstr("a secret stands in a file"));
  EXPECT_THAT(shown, HasSubstr("is no name"));
  EXPECT_THAT(shown, Not(HasSubstr("hunter")));
}

TEST(HideSecretsTest, MessagesThatRepeatTheValueAreMasked) {
  const std::string shown = Issues(
      absl::StrCat("log_level: ", kKey, "\nstate_directory: [", kKey, "]\n"));
  EXPECT_THAT(shown, HasSubstr("********"));
  EXPECT_THAT(shown, Not(HasSubstr("51Habc")));
}

// They were taken without a word, only the header form was refused.
TEST(HideSecretsTest, SecretsInUrlsAreRefused) {
  for (const char* url : {"https://user:hunter2@api.example.com/v1",
                          "https://api.example.com/v1?limit=1&api_key=hunter2",
                          "https://api.example.com/v1?access_token=hunter2"}) {
    const std::string shown = Issues(absl::StrCat(
        "sources: [{name: api, type: http, format: keywatch, url: '", url,
        "'}]\n"));
    EXPECT_THAT(shown, HasSubstr("does not belong into the URL")) << url;
    EXPECT_THAT(shown, Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(Issues("sources: [{name: api, type: http, format: keywatch, "
                     "url: 'https://api.example.com/v1?key_id=1&limit=2'}]\n"),
              Not(HasSubstr("URL")));
}

}  // namespace
}  // namespace keywatch
