#include "daemon/engine/eviction.h"

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"
#include "daemon/engine/group_key.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

TEST(EvictionTest, GroupsUsedOnceGoFirstUnlessTheyHaveTheirShareOnly) {
  const size_t flood[kGroupLists] = {600, 100, 100, 100, 100, 0};
  EXPECT_EQ(ListToEvictFrom(flood, 1000), 0);
  // A table full of groups that were once busy leaves room for new ones.
  const size_t old[kGroupLists] = {125, 0, 0, 0, 875, 0};
  EXPECT_EQ(ListToEvictFrom(old, 1000), 4);
  // So does one full of open episodes.
  const size_t open[kGroupLists] = {20, 0, 0, 0, 0, 980};
  EXPECT_EQ(ListToEvictFrom(open, 1000), kPinnedList);
  const size_t exact[kGroupLists] = {125, 125, 125, 125, 125, 375};
  EXPECT_EQ(ListToEvictFrom(exact, 1000), 0);
  const size_t tiny[kGroupLists] = {0, 0, 2, 0, 0, 1};
  EXPECT_EQ(ListToEvictFrom(tiny, 3), 2);
  const size_t one[kGroupLists] = {0, 0, 0, 0, 0, 1};
  EXPECT_EQ(ListToEvictFrom(one, 1), kPinnedList);
}

TEST(EvictionTest, RemembersWhatWasDroppedAndSurvivesARestart) {
  EvictedGroups evicted(1000);
  EXPECT_EQ(evicted.pages(), 0u) << "no memory before the first";
  for (int i = 0; i < 1000; ++i) evicted.Add(StableHash(absl::StrCat("in", i)));
  EvictedGroups restored(1000);
  for (size_t page : evicted.TakeChanged()) {
    ASSERT_TRUE(restored.RestorePage(page, evicted.page(page)));
  }
  EXPECT_TRUE(evicted.TakeChanged().empty());
  int known = 0;
  int mistaken = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t in = StableHash(absl::StrCat("in", i));
    const uint64_t out = StableHash(absl::StrCat("out", i));
    known += evicted.Contains(in) ? 1 : 0;
    mistaken += evicted.Contains(out) ? 1 : 0;
    EXPECT_EQ(evicted.Contains(in), restored.Contains(in));
    EXPECT_EQ(evicted.Contains(out), restored.Contains(out));
  }
  EXPECT_GT(known, 950);
  EXPECT_LT(mistaken, 5);
  EXPECT_FALSE(restored.RestorePage(4, evicted.page(0)));
  EXPECT_FALSE(restored.RestorePage(0, "short"));
}

constexpr char kBurst[] = R"(
title: Denied
name: denied
detection: {sel: {kind: denied}, condition: sel}
---
title: Burst
name: burst
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 15m
    condition: {gte: 6}
)";

// A million keys in a quarter of an hour, and one that is really attacked,
// every two minutes: between two of its events more new keys come than the
// rule has room for.
TEST(EvictionTest, AFloodOfKeysDoesNotHideAnAttack) {
  constexpr int kFlood = 1'000'000;
  constexpr int64_t kSpan = 15 * kMinute;
  auto rules = CompileOrDie(kBurst);
  ASSERT_EQ(rules->rule(1).max_groups, 100'000u);
  EngineHarness harness(rules);
  int64_t most_groups = 0;
  int64_t next_attack = 0;
  for (int i = 0; i < kFlood;) {
    TestLog log(rules);
    for (int end = i + 10'000; i < end; ++i) {
      const int64_t at = kSpan * i / kFlood;
      if (at >= next_attack) {
        harness.Observe(log.Add(
            kStart + at, {{"kind", "denied"}, {"api.key.id", "mk_attacked"}}));
        next_attack += 2 * kMinute;
      }
      harness.Observe(log.Add(
          kStart + at,
          {{"kind", "denied"}, {"api.key.id", absl::StrCat("guess_", i)}}));
    }
    most_groups = std::max(most_groups, harness.engine().stats().groups.back());
    // Dropped and remembered groups are part of the state.
    if (i == kFlood / 2) harness.Restart();
  }
  EXPECT_EQ(most_groups, 100'000);
  const auto alerts = harness.AlertsOf("burst");
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].key.str(), "mk_attacked");
  // The first of its eight events is lost, the second is found to be one of a
  // key that came back.
  EXPECT_EQ(alerts[0].first_fire_ms / kMinute,
            (kStart + 12 * kMinute) / kMinute);
}

TEST(EvictionTest, AKeyThatWasUsedOftenSurvivesKeysUsedTwice) {
  auto compiled = CompileOrDie(kBurst);
  auto rules = WithCap(compiled, 64);
  TestLog log(compiled);
  EngineHarness harness(rules);
  int64_t now = kStart;
  auto see = [&](const std::string& key) {
    harness.Observe(
        log.Add(now += 10, {{"kind", "denied"}, {"api.key.id", key}}));
  };
  for (int i = 0; i < 5; ++i) see("mk_attacked");
  for (int i = 0; i < 1000; ++i) {
    see(absl::StrCat("guess_", i));
    see(absl::StrCat("guess_", i));
    if (i % 100 == 0) harness.Restart();
  }
  see("mk_attacked");
  EXPECT_EQ(harness.AlertsOf("burst").size(), 1u);
}

// What groups hold is bounded, too: few of them may be large.
TEST(EvictionTest, GroupsThatTakeTooMuchMemoryMakeRoom) {
  auto compiled = CompileOrDie(R"(
title: Any
name: any
detection: {sel: {kind: a}, condition: sel}
---
title: Median
name: median
correlation:
    type: value_median
    rules: [any]
    group-by: [api.key.id]
    timespan: 10h
    condition: {field: bytes, gte: 100}
)");
  auto rules = WithCap(compiled, 4096);
  EngineHarness harness(rules);
  // 24 bytes for each of 3000 numbers of 400 groups: 28 MB, of which 16 fit.
  for (int key = 0; key < 400; ++key) {
    TestLog log(compiled);
    for (int i = 0; i < 3000; ++i) {
      harness.Observe(log.Add(kStart + key * 3000 + i,
                              {{"kind", "a"},
                               {"api.key.id", absl::StrCat("mk_", key)},
                               {"bytes", 1}}));
    }
    if (key == 200) harness.Restart();
  }
  const int64_t groups = harness.engine().stats().groups.back();
  EXPECT_LT(groups, 240);
  EXPECT_GT(groups, 220);
  EXPECT_GT(harness.engine().stats().evicted.back(), 0);
}

TEST(EvictionTest, LongNamesOfGroupsAreBoundedAndStayDifferent) {
  auto rules = CompileOrDie(kBurst);
  TestLog log(rules);
  EngineHarness harness(rules);
  const std::string long_name(100'000, 'k');
  for (int i = 0; i < 6; ++i) {
    for (const char* end : {"a", "b"}) {
      harness.Observe(log.Add(
          kStart + i, {{"kind", "denied"}, {"api.key.id", long_name + end}}));
    }
  }
  const auto alerts = harness.AlertsOf("burst");
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_NE(alerts[0].group, alerts[1].group);
  EXPECT_EQ(alerts[0].count, 6);
  EXPECT_EQ(alerts[0].group[0].second.size(), kMaxGroupValueBytes);
}

}  // namespace
}  // namespace keywatch
