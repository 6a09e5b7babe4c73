// What the rule language promises, in its own examples, and over a long time.
#include <chrono>
#include <random>

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

constexpr char kRequests[] = R"(
title: Request With A Restricted Key
name: api_key_request
detection: {sel: {api.key.id|exists: true}, condition: sel}
---
title: Denied Request
name: denied
detection: {sel: {http.response.status_code: [401, 403]}, condition: sel}
---
)";

constexpr char kNewNetwork[] = R"(
title: API Key First Seen From This Network
id: 0d3a6a3e-2f0e-4d6e-9f8c-1c4a7e5b1001
name: key_new_network
level: high
anomaly:
    type: new_term
    rules: [api_key_request]
    group-by: [api.key.id]
    field: [source.as.number, source.geo.country_iso_code]
    baseline:
        history: 30d
        min-history: 7d
        min-events: 50
        forget-after: 90d
        learn-from: unalerted
)";

constexpr char kProbing[] = R"(
title: Denied Paths
id: 2f0b7c1e-51a4-4c55-9d0b-0a3b6f3c2001
name: probing
correlation:
    type: value_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 15m
    condition: {field: url.path, gte: 6}
)";

constexpr char kDormant[] = R"(
title: Dormant Key Awake
id: 2f0b7c1e-51a4-4c55-9d0b-0a3b6f3c2002
name: key_dormant_awake
anomaly:
    type: dormant
    rules: [api_key_request]
    group-by: [api.key.id]
    condition: {field: idle, gte: 30d}
)";

constexpr char kRate[] = R"(
title: Far More Requests Than At This Hour
name: request_rate
anomaly:
    type: rate
    rules: [api_key_request]
    group-by: [api.key.id]
    timespan: 5m
    floor: 100
    baseline: {history: 30d, min-history: 7d, season: hour-of-day}
)";

std::shared_ptr<const RuleSet> Rules(std::vector<absl::string_view> rules) {
  std::string yaml = kRequests;
  for (size_t i = 0; i < rules.size(); ++i) {
    absl::StrAppend(&yaml, i == 0 ? "" : "---\n", rules[i]);
  }
  return CompileOrDie(yaml);
}

std::vector<TestField> Request(const char* key, int asn, int status = 200,
                               const std::string& path = "/v1/charges") {
  return {{"api.key.id", key},
          {"source.as.number", asn},
          {"source.geo.country_iso_code", "US"},
          {"http.response.status_code", status},
          {"url.path", path}};
}

TEST(RuleLanguageExamples, SixDeniedPathsInFifteenMinutesFireOnce) {
  auto rules = Rules({kProbing});
  TestLog log(rules);
  EngineHarness harness(rules);
  for (int i = 0; i < 12; ++i) {
    harness.Observe(
        log.Add(kStart + i * kMinute,
                Request("mk_A", 16509, 403, absl::StrCat("/v1/", i % 6))));
    EXPECT_EQ(harness.AlertsOf("probing").size(), i < 5 ? 0u : 1u) << i;
  }
  const Detection alert = harness.AlertsOf("probing")[0];
  EXPECT_EQ(alert.count, 12);
  EXPECT_THAT(alert.explanation, HasSubstr("6 distinct url.path in 15m"));
}

// A normal month, then a burst from a new network that comes late; killed and
// recovered inside.
TEST(RuleLanguageExamples, ANormalMonthThenABurstFromANewNetwork) {
  const auto begin = std::chrono::steady_clock::now();
  auto rules = Rules({kNewNetwork, kDormant, kProbing, kRate});
  EngineHarness harness(rules);
  std::mt19937 random(1);
  EventTime last = 0;
  auto see = [&](TestLog& log, EventTime at, int asn) {
    at = std::max(at, last);
    last = at;
    harness.Observe(log.Add(at, Request("mk_A", asn)));
  };
  for (int day = 0; day < 27; ++day) {
    TestLog log(rules);
    for (int minute = 0; minute < 24 * 60; ++minute) {
      see(log,
          kStart + day * kDay + minute * kMinute +
              static_cast<EventTime>(random() % (20 * kSecond)),
          16509);
    }
    if (day == 13) harness.Restart();
  }
  EXPECT_TRUE(harness.Alerts().empty());
  TestLog log(rules);
  const EventTime burst = kStart + 27 * kDay;
  for (int second = 0; second < 900; ++second) {
    if (second % 60 == 7) see(log, burst + second * kSecond, 16509);
    see(log, burst + second * kSecond, 64511);
    if (second == 120) harness.Restart();
  }
  harness.AdvanceTo(burst + 3 * kHour);
  const auto network = harness.AlertsOf("key_new_network");
  ASSERT_EQ(network.size(), 1u);
  EXPECT_EQ(network[0].key.str(), "mk_A");
  EXPECT_EQ(network[0].first_fire_ms, burst);
  EXPECT_EQ(network[0].count, 900);
  const auto rate = harness.AlertsOf("request_rate");
  ASSERT_EQ(rate.size(), 1u);
  EXPECT_THAT(rate[0].explanation, HasSubstr("median for 00:00 = 5, MAD 0"));
  EXPECT_TRUE(harness.AlertsOf("key_dormant_awake").empty());
  EXPECT_TRUE(harness.AlertsOf("probing").empty());
  // Some 40,000 events; a minute is far more than it takes.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(1));
}

// --- A reload: what is gone is refused, what changed begins anew, what did not
// change goes on.

// Rows of `from` given to an engine of `to`; how many were kept.
std::unique_ptr<Engine> Reload(const Engine& from,
                               std::shared_ptr<const RuleSet> to, int* kept,
                               int* refused) {
  auto engine = Engine::Create(std::move(to));
  *kept = *refused = 0;
  for (const StateChange& row : from.AllState()) {
    const absl::Status status =
        engine->RestoreRow(row.owner, row.group, row.blob);
    EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
    ++(status.ok() ? *kept : *refused);
  }
  return engine;
}

TEST(RuleReload, KeepsWhatMeansTheSameAndForgetsTheRest) {
  auto before = Rules({kProbing, kDormant});
  TestLog log(before);
  auto engine = Engine::Create(before);
  for (int i = 0; i < 5; ++i) {
    engine->Observe(
        log.Add(kStart + i, Request("mk_A", 1, 403, absl::StrCat("/v1/", i))));
  }
  EXPECT_FALSE(engine->HasOpened());
  auto sixth = [&](const std::shared_ptr<const RuleSet>& rules,
                   Engine* reloaded) {
    reloaded->FinishRestore(kStart + 10);
    TestLog more(rules);
    reloaded->Observe(
        more.Add(kStart + 11, Request("mk_A", 1, 403, "/v1/sixth")));
    return reloaded->HasOpened();
  };
  int kept = 0;
  int refused = 0;

  // Another title, and another order of the documents.
  const std::string retitled = absl::StrCat(
      kDormant, "---\ntitle: Probing, renamed\n",
      std::string(kProbing).substr(std::string(kProbing).find("id:")));
  auto renamed = Rules({retitled});
  EXPECT_TRUE(sixth(renamed, Reload(*engine, renamed, &kept, &refused).get()));
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(refused, 0);

  // Another number: its window begins anew, the other rule's state stays.
  std::string four(kProbing);
  four.replace(four.find("gte: 6"), 6, "gte: 4");
  auto changed = Rules({four, kDormant});
  EXPECT_FALSE(sixth(changed, Reload(*engine, changed, &kept, &refused).get()));
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(refused, 1);

  // The rule is gone.
  auto without = Rules({kDormant});
  auto reloaded = Reload(*engine, without, &kept, &refused);
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(reloaded->AllState().size(), 1u);

  // A detection that it counts changed its meaning: so did the rule.
  std::string requests(kRequests);
  requests.replace(requests.find("[401, 403]"), 10, "403");
  auto deeper =
      CompileOrDie(absl::StrCat(requests, kProbing, "---\n", kDormant));
  EXPECT_FALSE(sixth(deeper, Reload(*engine, deeper, &kept, &refused).get()));
}

}  // namespace
}  // namespace keywatch
