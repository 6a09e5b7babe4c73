#include "daemon/engine/distinct_window.h"

#include <cmath>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "daemon/engine/group_key.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr int64_t kWindow = 1000;

uint64_t Hash(int value) { return StableHash(absl::StrCat("value ", value)); }

TEST(DistinctWindowTest, IsExactForEveryThresholdUpTo256) {
  for (int n : {1, 2, 7, 256}) {
    std::mt19937 random(static_cast<unsigned>(n));
    DistinctWindow window;
    std::map<int, EventTime> last;
    EventTime now = 0;
    int crossed = 0;
    for (int step = 0; step < 20'000; ++step) {
      now += static_cast<EventTime>(random() % 3);
      const int value = static_cast<int>(random() % (2 * n));
      last[value] = now;
      int exact = 0;
      for (const auto& [v, time] : last) exact += time >= now - kWindow ? 1 : 0;
      window.See(Hash(value), now, kWindow, n);
      EventTime until = 0;
      const bool has = window.HasAtLeast(n, now, kWindow, &until);
      ASSERT_EQ(has, exact >= n) << step;
      if (!has) continue;
      ++crossed;
      // Without another event it holds at `until`, and not after.
      int then = 0;
      int after = 0;
      for (const auto& [v, time] : last) {
        then += time >= until - kWindow ? 1 : 0;
        after += time >= until + 1 - kWindow ? 1 : 0;
      }
      ASSERT_GE(then, n);
      ASSERT_LT(after, n);
    }
    EXPECT_GT(crossed, 0);
  }
}

TEST(DistinctWindowTest, EstimatesBeyond256WithinItsError) {
  DistinctWindow window;
  EventTime now = 0;
  for (int i = 0; i < 256; ++i) window.See(Hash(i), ++now, 100'000, 5000);
  EXPECT_TRUE(window.exact());
  EXPECT_EQ(window.Count(now, 100'000), 256);
  for (int i = 256; i < 5000; ++i) window.See(Hash(i), ++now, 100'000, 5000);
  EXPECT_FALSE(window.exact());
  EXPECT_NEAR(window.Count(now, 100'000), 5000, 5000 * 0.023 * 3);
  // The same values again change nothing.
  const double count = window.Count(now, 100'000);
  for (int i = 0; i < 5000; ++i) window.See(Hash(i), now, 100'000, 5000);
  EXPECT_EQ(window.Count(now, 100'000), count);
}

TEST(DistinctWindowTest, IsExactAgainAfterAnEmptyWindow) {
  DistinctWindow window;
  for (int i = 0; i < 1000; ++i) window.See(Hash(i), 1, kWindow, 500);
  EXPECT_FALSE(window.exact());
  window.See(Hash(1), 1 + kWindow + 1, kWindow, 500);
  EXPECT_TRUE(window.exact());
  EXPECT_EQ(window.Count(1 + kWindow + 1, kWindow), 1);
}

// The estimate over a sliding window is that of a fresh one over its values.
TEST(SlidingHyperLogLogTest, EqualsAFreshOneOverTheValuesOfTheWindow) {
  std::mt19937 random(3);
  SlidingHyperLogLog sliding(kWindow);
  std::vector<std::pair<EventTime, uint64_t>> seen;
  EventTime now = 0;
  for (int step = 0; step < 60'000; ++step) {
    now += static_cast<EventTime>(random() % 2);
    const uint64_t hash = Hash(static_cast<int>(random() % 3000));
    seen.emplace_back(now, hash);
    const double before = sliding.Estimate(now);
    const bool may_have_grown = sliding.See(hash, now);
    if (step % 500 == 0) {
      if (!may_have_grown) {
        ASSERT_LE(sliding.Estimate(now), before);
      }
      SlidingHyperLogLog fresh(kWindow);
      for (const auto& [time, value] : seen) {
        if (time >= now - kWindow) fresh.See(value, time);
      }
      ASSERT_EQ(sliding.Estimate(now), fresh.Estimate(now)) << step;
      std::string bytes;
      Encoder encoder(&bytes);
      sliding.Encode(&encoder);
      SlidingHyperLogLog copy(kWindow);
      Decoder decoder(bytes);
      ASSERT_TRUE(copy.Decode(&decoder));
      ASSERT_TRUE(decoder.done());
      ASSERT_EQ(copy.Estimate(now + 300), sliding.Estimate(now + 300));
      ASSERT_EQ(copy.HasAtLeast(copy.Estimate(now), now), true);
    }
  }
  EXPECT_FALSE(sliding.Empty(now + kWindow));
  EXPECT_TRUE(sliding.Empty(now + kWindow + 1));
}

// Whatever is skipped, the answer is that of the estimate; the numbers of
// values go up and down through empty registers, few values and many.
TEST(SlidingHyperLogLogTest, HasAtLeastAnswersAsTheEstimateDoes) {
  SlidingHyperLogLog asked(kWindow);
  SlidingHyperLogLog plain(kWindow);
  std::mt19937_64 random(3);
  EventTime now = 0;
  std::map<bool, int> answers;
  for (int phase = 0; phase < 60; ++phase) {
    const int64_t gap = std::vector<int64_t>{0, 0, 1, 3, 40}[random() % 5];
    const double n =
        std::vector<double>{300, 1500, 4000, 6000, 9000, 16000}[random() % 6] -
        0.5;
    const int steps = gap == 0 ? 4000 : 800;
    for (int step = 0; step < steps; ++step) {
      now += gap == 0 ? random() % 8 == 0 : gap;
      const uint64_t hash = random();
      ASSERT_EQ(asked.See(hash, now), plain.See(hash, now));
      const bool has = plain.Estimate(now) >= n;
      ASSERT_EQ(asked.HasAtLeast(n, now), has) << phase << " " << step;
      ++answers[has];
    }
  }
  EXPECT_GT(answers[true], 1000);
  EXPECT_GT(answers[false], 1000);
}

TEST(DistinctWindowTest, SurvivesARestart) {
  for (int values : {10, 5000}) {
    DistinctWindow window;
    for (int i = 0; i < values; ++i) window.See(Hash(i), i, 10'000, 5000);
    std::string bytes;
    Encoder encoder(&bytes);
    window.Encode(&encoder);
    DistinctWindow copy;
    Decoder decoder(bytes);
    ASSERT_TRUE(copy.Decode(&decoder));
    ASSERT_TRUE(decoder.done());
    EXPECT_EQ(copy.exact(), window.exact());
    EXPECT_EQ(copy.Count(values, 10'000), window.Count(values, 10'000));
    EXPECT_FALSE(copy.See(Hash(3), values, 10'000, 5000));
  }
}

}  // namespace
}  // namespace keywatch
