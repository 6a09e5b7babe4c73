#include "daemon/respond/backoff.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr absl::Duration kInitial = absl::Seconds(5);
constexpr absl::Duration kMost = absl::Minutes(10);

TEST(BackoffTest, DoublesUpToItsBound) {
  absl::Duration full = kInitial;
  for (int attempt = 1; attempt < 60; ++attempt) {
    const absl::Duration wait = Backoff("key", attempt, kInitial, kMost);
    EXPECT_LE(wait, full) << attempt;
    EXPECT_GE(wait, full * 0.75) << attempt;
    full = std::min(2 * full, kMost);
  }
}

TEST(BackoffTest, IsTheSameForTheSameMessageAndAttempt) {
  EXPECT_EQ(Backoff("key", 3, kInitial, kMost),
            Backoff("key", 3, kInitial, kMost));
}

TEST(BackoffTest, SpreadsMessagesThatFailedTogether) {
  absl::flat_hash_set<int64_t> waits;
  for (int i = 0; i < 100; ++i) {
    waits.insert(absl::ToInt64Milliseconds(
        Backoff(absl::StrCat("key", i), 8, kInitial, kMost)));
  }
  EXPECT_GT(waits.size(), 90u);
}

}  // namespace
}  // namespace keywatch
