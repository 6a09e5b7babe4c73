// What the configuration declares of keys, in the events of their requests.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/ingest/enricher.h"
#include "daemon/ingest/fake_rule_set.h"
#include "daemon/ingest/format.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// Decodes records of the format "keywatch" with the declarations of a test.
class DeclaredKeyFields : public ::testing::Test {
 protected:
  DeclaredKeyFields() {
    reader_.id = KeyId("rk_reader");
    reader_.also_known_as = {"mk_1Reader"};
    reader_.owner = "identity team";
    reader_.networks = {*ParseNetwork("203.0.113.0/24")};
    reader_.ip_restricted = true;
    reader_.operations = {"GET /v1/identity/*"};
    reader_.permissions = {"charge_read"};
    reader_.active = *ActiveHours::Parse("mon-fri", "07:00-20:00", "");
    reader_.job = "daily";
  }

  // `field` of the event that `record` gives, "" when it is absent.
  std::string Get(const std::string& field, const std::string& record,
                  std::vector<std::string> wanted = {}) {
    if (enricher_ == nullptr) {
      DeclaredKey canary;
      canary.id = KeyId("rk_wiki");
      canary.canary = true;
      enricher_ = NewKeyEnricher(nullptr, {reader_, canary});
    }
    wanted.push_back(field);
    auto rules = std::make_shared<FakeRuleSet>(wanted);
    const std::unique_ptr<RecordDecoder> decoder =
        Format::Shipped("keywatch")
            ->Bind(rules, &redactor_, DecodeLimits(), FormatOverrides(),
                   enricher_.get());
    auto page = std::make_shared<std::string>(record + std::string(64, ' '));
    EventBatch batch;
    batch.Keep(page);
    Record cut;
    cut.bytes = absl::string_view(page->data(), record.size());
    std::vector<Reject> rejects;
    decoder->Decode(cut, false, &batch, &rejects);
    EXPECT_EQ(batch.size(), 1u) << record;
    if (batch.size() != 1) return "";
    return ValueText(batch.at(0).at(rules->fields().Find(field)));
  }
  static std::string Request(const std::string& key, const std::string& more) {
    // A Monday.
    return R"({"@timestamp":"2026-08-03T12:00:00Z","api.key.id":")" + key +
           "\"" + (more.empty() ? "" : "," + more) + "}";
  }

  Redactor redactor_{Secret("pepper")};
  DeclaredKey reader_;
  std::unique_ptr<Enricher> enricher_;
};

TEST_F(DeclaredKeyFields, SayWhetherTheNetworkIsDeclared) {
  const std::string field = "api.key.network_declared";
  EXPECT_EQ(Get(field, Request("rk_reader", R"("source.ip":"203.0.113.9")")),
            "true");
  EXPECT_EQ(Get(field, Request("rk_reader", R"("source.ip":"198.51.100.1")")),
            "false");
  // Nothing is known: no address, or no networks declared.
  EXPECT_EQ(Get(field, Request("rk_reader", "")), "");
  EXPECT_EQ(Get(field, Request("rk_wiki", R"("source.ip":"203.0.113.9")")), "");
  EXPECT_EQ(Get(field, Request("rk_x", R"("source.ip":"203.0.113.9")")), "");
}

TEST_F(DeclaredKeyFields, SayWhetherTheOperationIsDeclared) {
  const std::string field = "api.key.operation_declared";
  const std::string get = R"("http.request.method":"GET","url.path":)";
  EXPECT_EQ(Get(field, Request("rk_reader",
                               get + "\"/v1/identity/verification_sessions\"")),
            "true");
  EXPECT_EQ(Get(field, Request("rk_reader", get + "\"/v1/customers\"")),
            "false");
  EXPECT_EQ(Get(field, Request("rk_wiki", get + "\"/v1/customers\"")), "");
}

TEST_F(DeclaredKeyFields, SayWhetherTheMissingPermissionIsDeclared) {
  const std::string field = "api.key.permission_declared";
  const auto denied = [](const std::string& permission) {
    return R"("error.message":"Having the ')" + permission +
           R"(' permission would allow this request to continue.")";
  };
  EXPECT_EQ(Get(field, Request("rk_reader", denied("rak_charge_read"))),
            "true");
  EXPECT_EQ(Get(field, Request("rk_reader", denied("payout_read"))), "false");
  EXPECT_EQ(Get(field, Request("rk_reader", "")), "");
}

TEST_F(DeclaredKeyFields, SayWhatTheKeyIsFor) {
  EXPECT_EQ(Get("api.key.owner", Request("rk_reader", "")), "identity team");
  EXPECT_EQ(Get("api.key.owner", Request("rk_wiki", "")), "");
  EXPECT_EQ(Get("api.key.job", Request("rk_reader", "")), "daily");
  EXPECT_EQ(Get("api.key.ip_restricted", Request("rk_reader", "")), "true");
  EXPECT_EQ(Get("api.key.ip_restricted", Request("rk_wiki", "")), "");
  EXPECT_EQ(Get("api.key.canary", Request("rk_wiki", "")), "true");
  EXPECT_EQ(Get("api.key.canary", Request("rk_reader", "")), "false");
  EXPECT_EQ(Get("api.key.in_active_hours", Request("rk_reader", "")), "true");
  EXPECT_EQ(
      Get("api.key.in_active_hours", R"({"@timestamp":"2026-08-02T12:00:00Z",)"
                                     R"("api.key.id":"rk_reader"})"),
      "false");
}

TEST_F(DeclaredKeyFields, SayWhetherTheKeyIsDeclaredAtAll) {
  EXPECT_EQ(Get("api.key.declared", Request("rk_reader", "")), "true");
  EXPECT_EQ(Get("api.key.declared", Request("rk_x", "")), "false");
  // Without declarations nobody can tell.
  enricher_ = NewKeyEnricher(nullptr, {});
  EXPECT_EQ(Get("api.key.declared", Request("rk_x", "")), "");
}

TEST_F(DeclaredKeyFields, AnotherNameOfAKeyBecomesItsId) {
  EXPECT_EQ(Get("api.key.id", Request("mk_1Reader", "")), "rk_reader");
  EXPECT_EQ(Get("api.key.owner", Request("mk_1Reader", "")), "identity team");
  EXPECT_EQ(Get("api.key.id", Request("mk_1Other", "")), "mk_1Other");
  // The id may tell the kind where the other name does not.
  EXPECT_EQ(Get("api.key.kind", Request("mk_1Reader", "")), "restricted");
  EXPECT_EQ(Get("api.key.kind", Request("mk_1Other", "")), "");
}

TEST_F(DeclaredKeyFields, AFieldThatTheRecordHasStays) {
  EXPECT_EQ(Get("api.key.owner",
                Request("rk_reader", R"("api.key.owner":"somebody")")),
            "somebody");
}

}  // namespace
}  // namespace keywatch
