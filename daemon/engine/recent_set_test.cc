#include "daemon/engine/recent_set.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace keywatch {
namespace {

using Values = std::vector<std::pair<uint64_t, EventTime>>;

Values ValuesOf(const RecentSet& set) {
  Values out;
  set.ForEach(
      [&](uint64_t value, EventTime time) { out.emplace_back(value, time); });
  return out;
}

TEST(RecentSetTest, KeepsValuesInOrderOfLastUse) {
  RecentSet set;
  EXPECT_TRUE(set.See(1, 10, 9));
  EXPECT_TRUE(set.See(2, 20, 9));
  EXPECT_FALSE(set.See(1, 30, 9));
  EXPECT_EQ(ValuesOf(set), (Values{{2, 20}, {1, 30}}));
  EXPECT_EQ(set.oldest(), 20);
  set.DropBefore(21);
  EXPECT_EQ(ValuesOf(set), (Values{{1, 30}}));
  set.DropBefore(30);
  EXPECT_TRUE(set.Contains(1)) << "a value seen exactly then is kept";
}

TEST(RecentSetTest, TheValueSeenLongestAgoMakesRoom) {
  RecentSet set;
  for (uint64_t value : {1, 2, 3, 1, 4}) set.See(value, 10, 3);
  EXPECT_FALSE(set.Contains(2));
  EXPECT_EQ(set.size(), 3u);
}

// Small enough to be searched, and large enough for the table; with the same
// outcome as a plain list.
TEST(RecentSetTest, AgreesWithAPlainList) {
  for (size_t limit : {1, 5, 8, 9, 40, 300}) {
    std::mt19937 random(static_cast<unsigned>(limit));
    RecentSet set;
    Values list;
    EventTime now = 1000;
    for (int step = 0; step < 5000; ++step) {
      now += static_cast<EventTime>(random() % 4);
      // Values that differ in few bits crowd into one part of a table.
      const uint64_t value = (random() % (2 * limit)) << (random() % 2 * 32);
      if (random() % 10 == 0) {
        const EventTime oldest = now - static_cast<EventTime>(random() % 200);
        set.DropBefore(oldest);
        list.erase(
            std::remove_if(list.begin(), list.end(),
                           [&](const auto& e) { return e.second < oldest; }),
            list.end());
      }
      auto it = std::find_if(list.begin(), list.end(),
                             [&](const auto& e) { return e.first == value; });
      const bool fresh = it == list.end();
      if (!fresh) list.erase(it);
      if (fresh && list.size() == limit) list.erase(list.begin());
      list.emplace_back(value, now);
      ASSERT_EQ(set.See(value, now, limit), fresh);
      ASSERT_EQ(set.size(), list.size());
      if (step % 50 == 0) {
        ASSERT_EQ(ValuesOf(set), list);
        for (uint64_t v = 0; v < 2 * limit; ++v) {
          ASSERT_EQ(set.Contains(v),
                    std::any_of(list.begin(), list.end(),
                                [&](const auto& e) { return e.first == v; }));
        }
        std::string bytes;
        Encoder encoder(&bytes);
        set.Encode(&encoder);
        RecentSet copy;
        Decoder decoder(bytes);
        ASSERT_TRUE(copy.Decode(&decoder, limit));
        ASSERT_TRUE(decoder.done());
        ASSERT_EQ(ValuesOf(copy), list);
      }
    }
  }
}

TEST(RecentSetTest, RefusesMalformedRows) {
  RecentSet set;
  for (uint64_t v = 0; v < 20; ++v) set.See(v, 5, 100);
  std::string bytes;
  Encoder encoder(&bytes);
  set.Encode(&encoder);
  RecentSet copy;
  Decoder too_many(bytes);
  EXPECT_FALSE(copy.Decode(&too_many, 19));
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    Decoder decoder(absl::string_view(bytes).substr(0, cut));
    EXPECT_FALSE(copy.Decode(&decoder, 100)) << cut;
  }
}

}  // namespace
}  // namespace keywatch
