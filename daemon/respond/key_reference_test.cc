#include "daemon/respond/key_reference.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// Put together here, so that no scanner takes them for live ones.
std::string SecretOf(absl::string_view prefix) {
  return absl::StrCat(prefix, "51HabcDEFghi", "JKLmno0123456789W4ie");
}

TEST(LooksLikeSecretTest, FindsCredentialsAnywhere) {
  for (absl::string_view prefix : {"sk_live_", "sk_test_", "rk_live_",
                                   "rk_test_", "sk_org_", "rkcs_", "whsec_"}) {
    const std::string secret = SecretOf(prefix);
    EXPECT_TRUE(LooksLikeSecret(secret)) << prefix;
    EXPECT_TRUE(LooksLikeSecret(absl::StrCat("leaked: ", secret, ".")))
        << prefix;
    EXPECT_TRUE(LooksLikeSecret(absl::StrCat("\"", secret, "\""))) << prefix;
  }
  EXPECT_TRUE(LooksLikeSecret("Authorization: bearer " + SecretOf("")));
  EXPECT_TRUE(LooksLikeSecret("Basic " + SecretOf("")));
}

TEST(LooksLikeSecretTest, LeavesNamesMasksAndFingerprintsAlone) {
  for (absl::string_view text :
       {"mk_1SdeybAiQNL8swvtMHyVtfCU", "rk_live_...W4ie", "rk_live_****W4ie",
        "rk_live:4f1c09aa3be2d871:W4ie", "sk_live_checkout", "AKIAIOSFODNN7",
        "identity reader", "basic monitoring of the key", "bearer of news",
        "task_live_5100000000000000", ""}) {
    EXPECT_FALSE(LooksLikeSecret(text)) << text;
  }
}

TEST(CheckKeyReferenceTest, TakesIdsAndRefusesSecretsWithoutRepeatingThem) {
  EXPECT_TRUE(CheckKeyReference("mk_1Abc", "the key id").ok());
  EXPECT_TRUE(CheckKeyReference("identity-reader", "the key id").ok());
  const absl::Status status =
      CheckKeyReference(SecretOf("rk_live_"), "the new key's id");
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message().find("51Habc"), absl::string_view::npos);
  EXPECT_EQ(status.message().find("the new key's id"), 0u);
}

TEST(CheckKeyReferenceTest, RefusesWhatCannotBeAnId) {
  for (const std::string& text :
       {std::string(""), std::string("two words"), std::string("line\n"),
        std::string("\xff"), std::string("nul\0", 4), std::string(257, 'k')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckKeyReference(text, "x"))) << text;
  }
  EXPECT_TRUE(CheckKeyReference(std::string(256, 'k'), "x").ok());
}

TEST(CheckFreeTextTest, WantsTextThatCanBeStored) {
  EXPECT_TRUE(CheckFreeText("seen on a paste site", "the reason", 100).ok());
  for (const std::string& text :
       {std::string(""), std::string(" \n"), std::string("\xff"),
        std::string(101, 'x'), "the key " + SecretOf("rk_live_")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckFreeText(text, "the reason", 100)))
        << text;
  }
}

TEST(IsTestKeyTest, GoesByTheId) {
  EXPECT_TRUE(IsTestKey("rk_test_...ab12"));
  EXPECT_TRUE(IsTestKey("rk_test:4f1c09aa3be2d871:W4ie"));
  EXPECT_FALSE(IsTestKey("rk_live_...ab12"));
  EXPECT_FALSE(IsTestKey("mk_1test"));
}

}  // namespace
}  // namespace keywatch
