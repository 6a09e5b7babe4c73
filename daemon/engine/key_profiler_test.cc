#include "daemon/engine/key_profiler.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

std::shared_ptr<const RuleSet> Rules() {
  return CompileOrDie(R"(
title: Base
name: base
detection: {sel: {kind: a}, condition: sel}
)");
}

class KeyProfilerTest : public ::testing::Test {
 protected:
  void See(KeyProfiler* profiler, EventTime time,
           std::vector<TestField> fields) {
    profiler->Observe(log_.Add(time, fields));
  }

  std::shared_ptr<const RuleSet> rules_ = Rules();
  TestLog log_{rules_};
};

TEST_F(KeyProfilerTest, CountsWhatAKeyDid) {
  KeyProfiler profiler(rules_, 10, nullptr);
  See(&profiler, 2000,
      {{"api.key.id", "mk_A"},
       {"api.key.kind", "restricted"},
       {"api.operation", "GET /v1/files"},
       {"http.response.status_code", 200},
       {"source.as.number", 16509},
       {"source.geo.country_iso_code", "US"},
       {"user_agent.original", "curl"},
       {"stripe.sensitive_fields",
        std::vector<std::string>{"verified_outputs.dob", "id_number"}}});
  See(&profiler, 1000,
      {{"api.key.id", "mk_A"},
       {"api.operation", "GET /v1/files"},
       {"http.response.status_code", "403"},
       {"source.ip", "198.51.100.77"}});
  See(&profiler, 3000,
      {{"api.key.id", "mk_A"}, {"http.response.status_code", 404}});
  See(&profiler, 3000, {{"http.response.status_code", 404}});
  const std::vector<KeyProfile> changed = profiler.TakeChanged();
  ASSERT_EQ(changed.size(), 1u);
  const KeyProfile& p = changed[0];
  EXPECT_EQ(p.key, KeyId("mk_A"));
  EXPECT_EQ(p.kind, "restricted");
  EXPECT_EQ(p.first_seen_ms, 1000);
  EXPECT_EQ(p.last_seen_ms, 3000);
  EXPECT_EQ(p.requests, 3);
  EXPECT_EQ(p.denied, 1);
  EXPECT_EQ(p.failed, 2);
  // The proof of a roll: neither was kept.
  EXPECT_EQ(p.last_success_ms, 2000);
  EXPECT_EQ(p.last_denied_ms, 1000);
  ASSERT_EQ(p.operations.size(), 1u);
  EXPECT_EQ(p.operations[0].count, 2);
  EXPECT_EQ(p.operations[0].first_ms, 1000);
  EXPECT_EQ(p.operations[0].last_ms, 2000);
  ASSERT_EQ(p.networks.size(), 2u);
  EXPECT_EQ(p.networks[0].value, "AS16509 US");
  EXPECT_EQ(p.networks[1].value, "198.51.100.0/24");
  ASSERT_EQ(p.sensitive_fields.size(), 2u);
  EXPECT_EQ(p.sensitive_fields[1].value, "id_number");
  EXPECT_TRUE(profiler.TakeChanged().empty());
}

TEST_F(KeyProfilerTest, NetworksAreNamedByNumberOrPrefix) {
  auto network = [&](std::vector<TestField> fields) {
    return NetworkOf(log_.Add(1, fields), rules_->well_known());
  };
  EXPECT_EQ(network({{"source.as.number", 7}}), "AS7");
  EXPECT_EQ(network({{"source.ip", "2001:db8:1:2:3::9"}}), "2001:db8:1::/48");
  EXPECT_EQ(network({{"source.ip", "::ffff:203.0.113.9"}}), "203.0.113.0/24");
  EXPECT_EQ(network({{"source.ip", "203.0.113"}}), "");
  EXPECT_EQ(network({{"source.ip", std::string(500, '1')}}), "");
  EXPECT_EQ(network({}), "");
}

TEST_F(KeyProfilerTest, ValuesAreBoundedAndTheRestIsCounted) {
  KeyProfiler profiler(rules_, 10, nullptr);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) {
      See(&profiler, i,
          {{"api.key.id", "mk_A"},
           {"api.operation", absl::StrCat("op ", i)},
           {"user_agent.original", std::string(1000, 'u')}});
    }
  }
  const KeyProfile p = profiler.TakeChanged()[0];
  EXPECT_EQ(p.operations.size(), KeyProfile::kMaxValues);
  EXPECT_EQ(p.operations[63].count, 2);
  EXPECT_EQ(p.operations_overflow, 72);
  ASSERT_EQ(p.user_agents.size(), 1u);
  EXPECT_EQ(p.user_agents[0].value.size(), 200u);
  EXPECT_EQ(p.user_agents[0].count, 200);
}

TEST_F(KeyProfilerTest, EvictedProfilesComeBackFromTheStore) {
  std::map<std::string, KeyProfile> store;
  int loads = 0;
  KeyProfiler profiler(rules_, 3,
                       [&](const KeyId& key) -> absl::optional<KeyProfile> {
                         ++loads;
                         auto it = store.find(key.str());
                         if (it == store.end()) return absl::nullopt;
                         return it->second;
                       });
  auto commit = [&] {
    for (const KeyProfile& p : profiler.TakeChanged()) store[p.key.str()] = p;
  };
  std::map<std::string, int> expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string key = absl::StrCat("mk_", i * i % 11);
    ++expected[key];
    See(&profiler, i,
        {{"api.key.id", key}, {"api.operation", absl::StrCat("op", i % 5)}});
    if (i % 7 == 0) {
      commit();
      EXPECT_LE(profiler.size(), 3u);
    }
  }
  commit();
  ASSERT_EQ(store.size(), expected.size());
  for (const auto& [key, count] : expected) {
    EXPECT_EQ(store[key].requests, count) << key;
    int64_t operations = 0;
    for (const SeenValue& value : store[key].operations) {
      operations += value.count;
    }
    EXPECT_EQ(operations, count) << key;
  }
  EXPECT_GT(loads, static_cast<int>(expected.size()));
}

TEST_F(KeyProfilerTest, RestoreReplacesWhatIsInMemory) {
  KeyProfiler profiler(rules_, 3, nullptr);
  KeyProfile profile;
  profile.key = KeyId("mk_A");
  profile.requests = 41;
  profile.operations = {{"op", 41, 1, 2}};
  profiler.Restore(profile);
  See(&profiler, 5, {{"api.key.id", "mk_A"}, {"api.operation", "op"}});
  EXPECT_EQ(profiler.Find(KeyId("mk_A"))->requests, 42);
  EXPECT_EQ(profiler.Find(KeyId("mk_A"))->operations[0].count, 42);
  profiler.Restore(profile);
  EXPECT_EQ(profiler.Find(KeyId("mk_A"))->requests, 41);
  See(&profiler, 6, {{"api.key.id", "mk_A"}, {"api.operation", "op"}});
  EXPECT_EQ(profiler.Find(KeyId("mk_A"))->operations[0].count, 42);
  EXPECT_EQ(profiler.Find(KeyId("mk_B")), nullptr);
}

}  // namespace
}  // namespace keywatch
