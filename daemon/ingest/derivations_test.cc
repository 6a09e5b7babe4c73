#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/ingest/operation.h"
#include "daemon/ingest/stripe_fields.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Template(absl::string_view path, std::string* id = nullptr) {
  std::string out;
  absl::string_view last;
  AppendTemplatedPath(path, &out, &last);
  if (id != nullptr) *id = std::string(last);
  return out;
}

TEST(OperationTest, IdsBecomeAPlaceholder) {
  for (const char* id :
       {"vs_1PabcDEF", "vs_123", "cus_NffrFeUfNV2Hib", "acct_1P2345", "12345",
        "file_link_1P", "875240ac-e821-4fc6-a311-8c352a1d20f5", "deadbeef01",
        "0123456789abcdef0123456789abcdef", "sub_sched_1PabcDEF", "we_1X",
        "Gy7ZkQ9vLm2Xw4Tb", "price_HGd7M3DV3IMXkC"}) {
    EXPECT_TRUE(LooksLikeId(id)) << id;
    EXPECT_EQ(Template(absl::StrCat("/v1/things/", id)), "/v1/things/:id");
  }
}

TEST(OperationTest, NamesStay) {
  for (const char* name :
       {"v1", "v2", "verification_sessions", "payment_intents", "3d_secure",
        "oauth2", ".env", "wp-login.php", "sha256", "test_helpers", "balance",
        "API-Keys", "a", "..", "s3", "2fa", "index.html",
        "CamelCaseSegments"}) {
    EXPECT_FALSE(LooksLikeId(name)) << name;
  }
}

TEST(OperationTest, PathsAreTemplatedSegmentBySegment) {
  std::string id;
  EXPECT_EQ(Template("/v1/customers/cus_1Pabc/sources/card_1Pxyz", &id),
            "/v1/customers/:id/sources/:id");
  EXPECT_EQ(id, "card_1Pxyz");
  EXPECT_EQ(Template("/v1/balance", &id), "/v1/balance");
  EXPECT_EQ(id, "");
  EXPECT_EQ(Template("/"), "/");
  EXPECT_EQ(Template(""), "");
  EXPECT_EQ(Template("//v1//123/"), "//v1//:id/");
  EXPECT_EQ(Template("relative/12"), "relative/:id");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "/a";
  EXPECT_EQ(Template(deep), "/a/a/a/a/a/a/a/a/a/a/a/a/a/...");
}

std::vector<std::string> Expands(absl::string_view form) {
  std::vector<std::string> out;
  AppendExpands(form, &out);
  return out;
}

TEST(StripeFieldsTest, ExpandIsTheSameInEveryEncoding) {
  for (const char* form :
       {"expand[]=verified_outputs.dob", "expand[0]=verified_outputs.dob",
        "expand%5B%5D=verified_outputs.dob",
        "expand%5b12%5d=verified_outputs.dob", "?expand[]=verified_outputs.dob",
        "limit=3&expand[]=verified_outputs.dob&x",
        "%65xpand[]=verified_outputs%2Edob", "expand=verified_outputs.dob",
        "expand[]=verified_outputs.dob&expand[1]=verified_outputs.dob"}) {
    EXPECT_THAT(Expands(form), ElementsAre("verified_outputs.dob")) << form;
  }
  EXPECT_THAT(Expands("expand[]=a&expand[]=b"), ElementsAre("a", "b"));
  for (const char* form : {"", "limit=3", "expand", "expand[]=", "expanded=x",
                           "x=expand[]", "&&&", "%", "expand%"}) {
    EXPECT_THAT(Expands(form), IsEmpty()) << form;
  }
}

TEST(StripeFieldsTest, HostileFormsAreBounded) {
  std::string form;
  for (int i = 0; i < 100000; ++i) absl::StrAppend(&form, "expand[]=", i, "&");
  EXPECT_LE(Expands(form).size(), 100u);
}

TEST(StripeFieldsTest, SensitiveFieldsAreThoseOfTheAccessTable) {
  const std::string session = "/v1/identity/verification_sessions/vs_1";
  const std::string reports = "/v1/identity/verification_reports";
  const auto sensitive = [](const std::string& path, const char* expand) {
    return SensitiveFields(path, {expand});
  };
  for (const char* name : {"verified_outputs.dob", "verified_outputs.id_number",
                           "last_verification_report.document.number",
                           "last_verification_report.document.expiration_date",
                           "last_verification_report.document.files",
                           "last_verification_report.selfie.selfie",
                           "last_verification_report.id_number.id_number"}) {
    EXPECT_THAT(sensitive(session, name), ElementsAre(name));
    EXPECT_THAT(sensitive(session, absl::StrCat("data.", name).c_str()),
                ElementsAre(name));
  }
  EXPECT_THAT(sensitive(reports, "document.number"),
              ElementsAre("last_verification_report.document.number"));
  EXPECT_THAT(sensitive(reports, "data.selfie.selfie"),
              ElementsAre("last_verification_report.selfie.selfie"));
  // What every key may read.
  for (const char* name :
       {"verified_outputs", "last_verification_report",
        "verified_outputs.address", "verified_outputs.first_name",
        "last_verification_report.document.issuing_country", "document.number",
        "data.customer"}) {
    EXPECT_THAT(sensitive(session, name), IsEmpty()) << name;
  }
  EXPECT_THAT(
      SensitiveFields(session,
                      {"verified_outputs.dob", "data.verified_outputs.dob",
                       "verified_outputs.id_number"}),
      ElementsAre("verified_outputs.dob", "verified_outputs.id_number"));
}

TEST(StripeFieldsTest, FileLinkTtlNeedsACreatedOrChangedLink) {
  constexpr EventTime kNow = 1790000000 * int64_t{1000};
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_links", "",
                               "file=f&expires_at=1790000031", kNow),
            31);
  EXPECT_EQ(
      FileLinkTtlSeconds("POST", "/v1/file_links/", "expires_at=now", "", kNow),
      0);
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_links/link_1", "",
                               "expires_at=", kNow),
            kNeverExpires);
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_links", "", "file=f", kNow),
            kNeverExpires);
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_links", "",
                               "expires_at=-9223372036854775808", kNow),
            0);
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_links", "",
                               "expires_at=9223372036854775807", kNow),
            kNeverExpires);
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_links", "",
                               "file=f&expires_at=soon", kNow),
            kNeverExpires);
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_links", "", "", kNow),
            absl::nullopt);
  EXPECT_EQ(FileLinkTtlSeconds("POST", "/v1/file_linksx", "", "file=f", kNow),
            absl::nullopt);
  EXPECT_EQ(
      FileLinkTtlSeconds("GET", "/v1/file_links", "expires_at=1", "", kNow),
      absl::nullopt);
}

TEST(StripeFieldsTest, PermissionIsFoundInOldAndNewMessages) {
  EXPECT_EQ(PermissionIn("The provided key 'rk_live_...W4ie' does not have the "
                         "required permissions for this endpoint on account "
                         "'acct_1'. Having the 'rak_product_write' permission "
                         "would allow this request to continue."),
            "product_write");
  EXPECT_EQ(
      PermissionIn("Permission denied. The provided key 'rk_live_...W4ie' "
                   "lacks. Enabling Products Write ('product_write') "
                   "permissions would help."),
      "product_write");
  EXPECT_EQ(PermissionIn("it's the 'plan_read' one"), "plan_read");
  for (const char* message : {"", "'", "''", "'Plan_read'", "'plan_reads'",
                              "plan_read", "'a b_read"}) {
    EXPECT_EQ(PermissionIn(message), "") << message;
  }
}

// Ids as Stripe's own documentation shows them, with their `created`.
TEST(VerificationAge, IsThatOfTheId) {
  const std::string sessions = "/v1/identity/verification_sessions/";
  const std::string reports = "/v1/identity/verification_reports/";
  EXPECT_EQ(VerificationAgeSeconds(sessions + "vs_1NuNAILkdIwHu7ixh7OtGMLw",
                                   1695680526000),
            0);
  EXPECT_EQ(VerificationAgeSeconds(sessions + "vs_1NuN3kLkdIwHu7ixk5OvTq3b",
                                   (1695680120 + 172800) * int64_t{1000}),
            172800);
  EXPECT_EQ(VerificationAgeSeconds(reports + "vr_1MwBlH2eZvKYlo2C91hOpFMf",
                                   1681337021000),
            10);
  EXPECT_EQ(VerificationAgeSeconds(
                sessions + "vs_1NuNAILkdIwHu7ixh7OtGMLw/redact", 1695680626999),
            100);
  // Clocks that differ a little make no negative age.
  EXPECT_EQ(VerificationAgeSeconds(sessions + "vs_1NuNAILkdIwHu7ixh7OtGMLw",
                                   1695680500000),
            0);
}

TEST(VerificationAge, IsUnknownForIdsOfAnotherForm) {
  const std::string sessions = "/v1/identity/verification_sessions/";
  constexpr EventTime kNow = 1790000000000;
  for (const char* path :
       {"vs_1", "vs_123", "", "vs_NhaxYCqOE27AqaUTxbIZOnHw",
        "vs_1NuNAILkdIwHu7ixh7OtGML", "vs_1NuNAILkdIwHu7ixh7OtGMLw9",
        "vs_1NuNAI-kdIwHu7ixh7OtGMLw", "vr_1NuNAILkdIwHu7ixh7OtGMLw"}) {
    EXPECT_EQ(VerificationAgeSeconds(sessions + path, kNow), absl::nullopt)
        << path;
  }
  EXPECT_EQ(
      VerificationAgeSeconds("/v1/charges/ch_1NuNAILkdIwHu7ixh7OtGMLw", kNow),
      absl::nullopt);
  // An id that would be of the future, or older than Identity, is no time.
  EXPECT_EQ(
      VerificationAgeSeconds(sessions + "vs_1zzzzzLkdIwHu7ixh7OtGMLw", kNow),
      absl::nullopt);
  EXPECT_EQ(
      VerificationAgeSeconds(sessions + "vs_100000LkdIwHu7ixh7OtGMLw", kNow),
      absl::nullopt);
}

}  // namespace
}  // namespace keywatch
