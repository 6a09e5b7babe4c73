#include "daemon/app/seen_ids.h"

#include <string>

#include "gtest/gtest.h"

namespace keywatch {
namespace {

TEST(SeenIds, AnEventCountsOnceWithinTheHorizon) {
  SeenIds seen(1000, 100);
  EXPECT_TRUE(seen.Insert(1, 5000, kMinEventTime));
  EXPECT_FALSE(seen.Insert(1, 5000, kMinEventTime));
  EXPECT_FALSE(seen.Insert(1, 6000, kMinEventTime));
  EXPECT_TRUE(seen.Insert(1, 7001, kMinEventTime)) << "further apart";
  EXPECT_TRUE(seen.Insert(2, 5000, kMinEventTime));
}

TEST(SeenIds, WhatItForgotItCannotBeAskedFor) {
  SeenIds seen(1000, 1'000'000);
  for (uint64_t i = 0; i < 10'000; ++i) {
    EXPECT_TRUE(seen.Insert(i, static_cast<EventTime>(i), kMinEventTime));
  }
  seen.AdvanceTo(8'000);
  EXPECT_LT(seen.size(), 10'000u);
  for (uint64_t i = 0; i < 10'000; ++i) {
    const EventTime time = static_cast<EventTime>(i);
    // Older than the horizon it is not looked up, newer it is still known.
    EXPECT_EQ(seen.Insert(i, time, 8'000), time < 7'000) << i;
  }
}

TEST(SeenIds, RestoredItAnswersTheSame) {
  SeenIds first(1000, 100);
  SeenIds::Packed packed;
  for (uint64_t i = 0; i < 50; ++i) {
    first.Insert(i, static_cast<EventTime>(i * 10), kMinEventTime);
    SeenIds::Pack(i, static_cast<EventTime>(i * 10), &packed);
  }
  SeenIds second(1000, 100);
  second.Restore(packed);
  for (uint64_t i = 0; i < 100; ++i) {
    const EventTime time = static_cast<EventTime>(i * 10);
    EXPECT_EQ(first.Insert(i, time, 300), second.Insert(i, time, 300)) << i;
  }
}

TEST(SeenIds, IsBoundedWhateverComes) {
  SeenIds seen(1'000'000'000, 10'000);
  for (uint64_t i = 0; i < 100'000; ++i) seen.Insert(i, 0, kMinEventTime);
  EXPECT_LE(seen.size(), 10'000u);
  EXPECT_FALSE(seen.Insert(99'999, 0, kMinEventTime)) << "the newest are kept";
}

TEST(SeenIds, HashesDependOnTheSeed) {
  EXPECT_NE(SeenIds::Hash("req_1", 1), SeenIds::Hash("req_1", 2));
  EXPECT_EQ(SeenIds::Hash("req_1", 1), SeenIds::Hash("req_1", 1));
}

}  // namespace
}  // namespace keywatch
