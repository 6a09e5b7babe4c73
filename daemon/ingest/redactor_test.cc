#include "daemon/ingest/redactor.h"

#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "simdjson.h"

namespace keywatch {
namespace {

constexpr char kLive[] = "rk_live_51HxQ2vLkdIwHu7ixZWtGY6bTqW4ie";

class RedactorTest : public testing::Test {
 protected:
  std::string Redact(absl::string_view text) {
    replaced_ = 0;
    return redactor_.Redact(text, &replaced_);
  }

  const Redactor redactor_{Secret("pepper")};
  int64_t replaced_ = 0;
};

TEST_F(RedactorTest, NamesASecretByFingerprintAndLastFour) {
  const std::string name = redactor_.Fingerprint(kLive);
  EXPECT_EQ(name.size(), std::string("rk_live:0123456789abcdef:W4ie").size());
  EXPECT_TRUE(absl::StartsWith(name, "rk_live:"));
  EXPECT_TRUE(absl::EndsWith(name, ":W4ie"));
  EXPECT_EQ(Redact(absl::StrCat("key=", kLive, "&x=1")),
            absl::StrCat("key=", name, "&x=1"));
  EXPECT_EQ(replaced_, 1);
}

TEST_F(RedactorTest, FingerprintDependsOnThePepper) {
  EXPECT_NE(redactor_.Fingerprint(kLive),
            Redactor(Secret("other")).Fingerprint(kLive));
}

TEST_F(RedactorTest, KnowsEveryKindOfSecret) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"sk_live_51Habcdefghijkl", "sk_live:"},
      {"sk_test_51Habcdefghijkl", "sk_test:"},
      {"rk_test_51Habcdefghijkl", "rk_test:"},
      {"SK_LIVE_51HABCDEFGHIJKL", "sk_live:"},
      {"sk_org_live_51Habcdefghijkl", "sk_org:"},
      {"sk_orgAbc51Habcdefghijkl", "sk_org:"},
      {"rkcs_51Habcdefghijkl", "rkcs:"},
      {"pss_live_51Habcdefghijkl", "pss_live:"},
      {"ek_live_51Habcdefghijkl", "ek_live:"},
      {"whsec_51Habc+efgh/jkl=", "whsec:"},
  };
  for (const auto& [secret, prefix] : cases) {
    const std::string out = Redact(absl::StrCat("{\"k\":\"", secret, "\"}"));
    EXPECT_TRUE(absl::StartsWith(out, absl::StrCat("{\"k\":\"", prefix)))
        << secret << " -> " << out;
    EXPECT_EQ(replaced_, 1) << secret;
    EXPECT_FALSE(absl::StrContains(out, "Habcdefgh")) << out;
    EXPECT_TRUE(redactor_.Finds(secret)) << secret;
  }
}

TEST_F(RedactorTest, LeavesAloneWhatIsNoSecret) {
  for (const char* text : {
           // As Stripe shows keys.
           "rk_live_...W4ie", "sk_live_****abcd", "rk_test_51***...***qs8Kgd",
           "The provided key 'rk_live_...W4ie' does not have permissions",
           "Bearer rk_live_...W4ie", "Bearer sk_live_****abcd",
           // Ids and words.
           "mk_1SdeybAiQNL8swvtMHyVtfCU", "pk_live_51Habcdefghijkl",
           "task_organization_unit", "risk_level", "sk_live_", "sk_live_short",
           "Bearer", "Bearer authentication", "Basic authentication",
           "basic is the word", "bearer of news", "whsec_", "base64",
           "/v1/x?expand%5B%5D=data.customer", "100%", "%zz", "a\\u00e9b",
           "c2tfb3JkZXJlZA",  // base64 of sk_ordered
       }) {
    EXPECT_EQ(Redact(text), text);
    EXPECT_EQ(replaced_, 0) << text;
    EXPECT_FALSE(redactor_.Finds(text)) << text;
  }
}

TEST_F(RedactorTest, RedactingAgainChangesNothing) {
  for (const std::string& text :
       {std::string(kLive), absl::StrCat("Bearer ", kLive),
        absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(kLive, ":"))),
        std::string("Bearer opaque-token-0123456789"),
        absl::StrCat("Basic ", absl::Base64Escape("user:password")),
        std::string("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}) {
    const std::string once = Redact(text);
    EXPECT_EQ(replaced_, 1) << text;
    EXPECT_NE(once, text);
    EXPECT_EQ(Redact(once), once);
    EXPECT_EQ(replaced_, 0) << once;
    EXPECT_FALSE(redactor_.Finds(once)) << once;
  }
}

TEST_F(RedactorTest, SameSecretHasOneNameHoweverItIsWritten) {
  const std::string name = redactor_.Fingerprint(kLive);
  EXPECT_EQ(Redact(absl::StrCat("Bearer ", kLive)),
            absl::StrCat("Bearer ", name));
  EXPECT_EQ(Redact(absl::StrCat("BEARER  ", kLive)),
            absl::StrCat("BEARER  ", name));
  // What curl -u sends: the key as user name, an empty password.
  EXPECT_EQ(Redact(absl::StrCat("Basic ",
                                absl::Base64Escape(absl::StrCat(kLive, ":")))),
            absl::StrCat("Basic ", name));
  EXPECT_EQ(Redact(absl::Base64Escape(absl::StrCat(kLive, ":"))), name);
  EXPECT_EQ(Redact("rk%5Flive%5F51HxQ2vLkdIwHu7ixZWtGY6bTqW4ie"), name);
  EXPECT_EQ(Redact("\\u0072k_live_51HxQ2vLkdIwHu7ixZWtGY6bTqW4ie"), name);
  EXPECT_EQ(Redact("rk_live_51HxQ2vLk%64IwHu7ixZWtGY6bTqW4ie"), name);
}

TEST_F(RedactorTest, PasswordsShowNoCharacters) {
  const std::string out = Redact(
      absl::StrCat("Basic ", absl::Base64Escape("admin:correct horse 1")));
  EXPECT_TRUE(absl::StartsWith(out, "Basic token:")) << out;
  EXPECT_EQ(out.size(), std::string("Basic token:0123456789abcdef").size());
}

TEST_F(RedactorTest, ReplacesEverySecretOfAText) {
  const std::string out = Redact(
      "sk_live_aaaaaaaaaaaa sk_live_bbbbbbbbbbbb,Bearer cccccccccccccccc1");
  EXPECT_EQ(replaced_, 3);
  EXPECT_FALSE(absl::StrContains(out, "aaaaaaaa"));
  EXPECT_FALSE(absl::StrContains(out, "bbbbbbbb"));
  EXPECT_FALSE(absl::StrContains(out, "cccccccc"));
}

TEST_F(RedactorTest, JsonStaysJsonWhenASecretSeemsToBeginWithinAnEscape) {
  // `\r` and `\u00c2` followed by what reads as the rest of a secret.
  for (const std::string& json :
       {std::string(R"({"ua":"\rk_live_51Habcdefghijklmn"})"),
        absl::StrCat(R"({"ua":"\u00)",
                     absl::Base64Escape("sk_live_51Habcdefghijklmn:"), "\"}"),
        std::string(R"({"ua":"\\rk_live_51Habcdefghijklmn"})"),
        std::string(R"({"ua":"\bearer sk_live_51Habcdefghijklmn"})")}) {
    simdjson::dom::parser parser;
    ASSERT_EQ(parser.parse(json).error(), simdjson::SUCCESS) << json;
    const std::string out = Redact(json);
    EXPECT_EQ(replaced_, 1) << json;
    EXPECT_EQ(parser.parse(out).error(), simdjson::SUCCESS) << out;
    EXPECT_FALSE(absl::StrContains(out, "Habcdefgh")) << out;
  }
}

std::string JsonEscapeSome(absl::string_view text, std::mt19937* random) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if ((*random)() % 3 == 0) {
      if ((*random)() % 2 == 0) {
        absl::StrAppendFormat(&out, "\\u%04x", c);
      } else {
        absl::StrAppendFormat(&out, "\\u%04X", c);
      }
    } else if (c == '/' && (*random)() % 2 == 0) {
      out += "\\/";
    } else {
      out += c;
    }
  }
  return out;
}

std::string PercentEncodeSome(absl::string_view text, std::mt19937* random) {
  std::string out;
  for (char c : text) {
    if (c == '%' || c == '"' || c == '\\' || c == ' ' || (*random)() % 3 == 0) {
      if ((*random)() % 2 == 0) {
        absl::StrAppendFormat(&out, "%%%02x", c);
      } else {
        absl::StrAppendFormat(&out, "%%%02X", c);
      }
    } else {
      out += c;
    }
  }
  return out;
}

// Every escape that hides one of the letters undone, as often as it takes.
std::string UndoEverything(std::string text) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < text.size(); ++i) {
      size_t length = 0;
      std::string digits;
      if (text[i] == '%' && i + 2 < text.size() + 0 &&
          absl::ascii_isxdigit(text[i + 1]) &&
          absl::ascii_isxdigit(text[i + 2])) {
        length = 3;
        digits = text.substr(i + 1, 2);
      } else if (text.compare(i, 2, "\\u") == 0 && i + 6 <= text.size()) {
        length = 6;
        digits = text.substr(i + 2, 4);
      } else if (text.compare(i, 2, "\\\\") == 0) {
        text.erase(i, 1);
        changed = true;
      }
      if (length == 0) continue;
      const long code = std::strtol(digits.c_str(), nullptr, 16);
      if (code >= 0x80) continue;
      text.replace(i, length, std::string(1, static_cast<char>(code)));
      changed = true;
    }
  }
  return text;
}

// Whatever is put around a secret, none of it is left.
TEST_F(RedactorTest, NothingOfASecretIsLeftHoweverItIsWrapped) {
  std::mt19937 random(7);
  const std::string alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const std::vector<std::string> kinds = {"sk_live_", "rk_live_", "sk_test_",
                                          "rk_test_", "rkcs_",    "sk_org_",
                                          "whsec_"};
  const std::vector<std::function<std::string(const std::string&)>> wraps = {
      [](const std::string& s) { return absl::StrCat("Bearer ", s); },
      [](const std::string& s) { return absl::StrCat("bEARER\t", s); },
      [](const std::string& s) {
        return absl::StrCat("/v1/x?key=", s, "&a=b");
      },
      [](const std::string& s) { return absl::StrCat("text", s); },
      [](const std::string& s) {
        return absl::StrCat("\xc3\xa9", s, "\xc3\xa9");
      },
      [&](const std::string& s) { return JsonEscapeSome(s, &random); },
      [&](const std::string& s) { return PercentEncodeSome(s, &random); },
      [&](const std::string& s) {
        return absl::StrCat("{\"a\":\"", JsonEscapeSome(s, &random),
                            "\",\"b\":1}");
      },
  };
  int finds = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string body;
    const size_t length = 16 + random() % 90;
    while (body.size() < length) body += alphabet[random() % alphabet.size()];
    body[0] = '5';
    std::string text = absl::StrCat(kinds[random() % kinds.size()], body);
    for (size_t i = random() % 4; i > 0; --i) {
      text = wraps[random() % wraps.size()](text);
    }
    int64_t replaced = 0;
    const std::string out = redactor_.Redact(text, &replaced);
    finds += redactor_.Finds(text);
    ASSERT_GE(replaced, 1) << text;
    const std::string bare = UndoEverything(out);
    for (size_t i = 0; i + 8 <= body.size(); ++i) {
      ASSERT_FALSE(absl::StrContains(bare, body.substr(i, 8)))
          << text << "\n-> " << out;
    }
  }
  EXPECT_EQ(finds, 20000);
}

TEST_F(RedactorTest, FindsASecretAtEveryPlaceOfALongText) {
  for (size_t before = 0; before < 100; ++before) {
    for (size_t after : {0, 1, 31, 64}) {
      const std::string text = absl::StrCat(std::string(before, 'x'), kLive,
                                            std::string(after, ' '));
      ASSERT_TRUE(redactor_.Finds(text)) << before << " " << after;
    }
  }
}

TEST_F(RedactorTest, GarbageIsTakenAsItIs) {
  std::mt19937 random(11);
  const std::string pieces =
      "skr_live_test_org%\\u0073x \"{}:,Bearer Basic c2tf";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (size_t n = random() % 80; n > 0; --n) {
      text += random() % 8 == 0 ? static_cast<char>(random())
                                : pieces[random() % pieces.size()];
    }
    int64_t replaced = 0;
    const std::string out = redactor_.Redact(text, &replaced);
    ASSERT_EQ(redactor_.Finds(text), replaced > 0) << absl::CEscape(text);
    if (replaced == 0) {
      ASSERT_EQ(out, text);
    }
  }
}

}  // namespace
}  // namespace keywatch
