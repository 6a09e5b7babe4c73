#include "daemon/respond/roll_progress.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr EventTime kStart = 1785765600000;
constexpr EventTime kMinute = 60'000;
constexpr EventTime kHour = 60 * kMinute;
constexpr EventTime kExpiry = kStart + 2 * kHour;
// After the tolerance.
constexpr EventTime kRefused = kExpiry + 2 * kMinute;

class RollProgressTest : public testing::Test {
 protected:
  RollProgressTest() {
    roll_.id = RollId("roll_1");
    roll_.old_key = KeyId("old");
    roll_.new_key = KeyId("new");
    roll_.state = RollState::kAwaitingExpiry;
    roll_.started_ms = kStart;
    roll_.old_expires_ms = kExpiry;
    roll_.follow_ups = {{1, "review webhooks", true, "ada", kStart}};
    config_.expiry_tolerance = absl::Minutes(1);
    config_.settling_time = absl::Minutes(5);
    config_.quiet_time = absl::Hours(24);
  }

  void See(absl::string_view key, EventTime time_ms, KeyUse use) {
    MergeKeyUse(roll_, config_, key, time_ms, use, &evidence_);
  }
  std::vector<std::string> AdvanceAt(EventTime now_ms) {
    return AdvanceRoll(config_, evidence_, silence_, now_ms, &roll_, &changed_);
  }

  RollerConfig config_;
  Roll roll_;
  RollEvidence evidence_;
  RollSilence silence_;
  bool changed_ = false;
};

TEST_F(RollProgressTest, CompletesWhenTheNewKeyWorksAndTheOldOneIsRefused) {
  See("new", kStart + kMinute, KeyUse::kSucceeded);
  EXPECT_EQ(AdvanceAt(kStart + kMinute).size(), 1u);
  EXPECT_EQ(roll_.state, RollState::kAwaitingExpiry);
  EXPECT_EQ(AdvanceAt(kExpiry - 1).size(), 0u);
  EXPECT_FALSE(changed_);
  EXPECT_EQ(AdvanceAt(kExpiry).size(), 1u);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
  See("old", kRefused, KeyUse::kRefused);
  EXPECT_EQ(AdvanceAt(kRefused).size(), 1u);
  EXPECT_EQ(roll_.state, RollState::kVerifying) << "it has not settled";
  silence_.watermark_ms = kRefused + 5 * kMinute + 1;
  EXPECT_EQ(AdvanceAt(kRefused + kHour).size(), 1u);
  EXPECT_EQ(roll_.state, RollState::kCompleted);
  EXPECT_EQ(roll_.new_key_first_success_ms, kStart + kMinute);
  EXPECT_EQ(roll_.old_key_refused_ms, kRefused);
}

// A roll completed with the first refusal although the old key went on working.
TEST_F(RollProgressTest, ARefusalWithASuccessAfterItProvesNothing) {
  silence_.watermark_ms = kExpiry + kHour;
  See("new", kStart + 1, KeyUse::kSucceeded);
  // Within the tolerance both may happen, in any order.
  See("old", kExpiry + 1'000, KeyUse::kRefused);
  See("old", kExpiry + 2'000, KeyUse::kSucceeded);
  AdvanceAt(kExpiry + 3'000);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
  EXPECT_EQ(roll_.old_key_refused_ms, 0);
  // The profile knows of a success that this process has not seen.
  silence_.old_key_last_success_ms = kRefused + 1;
  silence_.old_key_last_seen_ms = kRefused + 1;
  silence_.watermark_ms = kRefused + kHour;
  See("old", kRefused, KeyUse::kRefused);
  AdvanceAt(kRefused + kHour);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
}

TEST_F(RollProgressTest, ARefusalSettlesByWhatWasReadAndNotByTheClock) {
  See("new", kStart + 1, KeyUse::kSucceeded);
  See("old", kRefused, KeyUse::kRefused);
  silence_.watermark_ms = kRefused + 5 * kMinute;
  AdvanceAt(kExpiry + 100 * kHour);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
  silence_.watermark_ms += 1;
  AdvanceAt(kExpiry + 100 * kHour);
  EXPECT_EQ(roll_.state, RollState::kCompleted);
}

// A completed roll was watched no more, so that nothing made it failed.
TEST_F(RollProgressTest, ASuccessAfterTheCompletionFailsTheRollOnce) {
  See("new", kStart + 1, KeyUse::kSucceeded);
  See("old", kRefused, KeyUse::kRefused);
  silence_.watermark_ms = kRefused + kHour;
  AdvanceAt(kRefused + kHour);
  ASSERT_EQ(roll_.state, RollState::kCompleted);
  See("old", kRefused + 2 * kHour, KeyUse::kSucceeded);
  See("old", kRefused + 3 * kHour, KeyUse::kSucceeded);
  EXPECT_EQ(AdvanceAt(kRefused + 3 * kHour),
            std::vector<std::string>{
                "FAILED: the old key worked at 2026-08-03T18:02:00.000Z, after "
                "its expiry at 2026-08-03T16:00:00.000Z, although the roll had "
                "been completed"});
  EXPECT_EQ(roll_.state, RollState::kFailed);
  EXPECT_EQ(roll_.old_key_last_success_ms, kRefused + 3 * kHour);
  EXPECT_TRUE(AdvanceAt(kRefused + 3 * kHour).empty());
}

// Its metric and its alert stayed for ever.
TEST_F(RollProgressTest, AFailedRollCompletesWhenTheOldKeyIsDeadAfterAll) {
  See("new", kStart + 1, KeyUse::kSucceeded);
  See("old", kRefused, KeyUse::kRefused);
  See("old", kRefused + kHour, KeyUse::kSucceeded);
  silence_.watermark_ms = kRefused + 2 * kHour;
  AdvanceAt(kRefused + 2 * kHour);
  ASSERT_EQ(roll_.state, RollState::kFailed);
  See("old", kRefused + 3 * kHour, KeyUse::kRefused);
  silence_.watermark_ms = kRefused + 4 * kHour;
  AdvanceAt(kRefused + 4 * kHour);
  EXPECT_EQ(roll_.state, RollState::kCompleted);
  EXPECT_EQ(roll_.old_key_refused_ms, kRefused + 3 * kHour);
  // What made it fail is forgiven, also when it is read once more.
  See("old", kRefused + kHour, KeyUse::kSucceeded);
  EXPECT_TRUE(AdvanceAt(kRefused + 4 * kHour).empty());
  EXPECT_EQ(roll_.state, RollState::kCompleted);
}

TEST_F(RollProgressTest, WaitsForEveryProof) {
  silence_.watermark_ms = kExpiry + kHour;
  // All but one at a time.
  for (int missing = 0; missing < 3; ++missing) {
    Roll roll = roll_;
    RollEvidence evidence;
    if (missing != 0) evidence.new_key_first_success_ms = kStart + 1;
    if (missing != 1) evidence.old_key_last_refused_ms = kRefused;
    if (missing == 2) roll.follow_ups[0].closed = false;
    AdvanceRoll(config_, evidence, silence_, kExpiry + 300 * kHour, &roll,
                &changed_);
    EXPECT_EQ(roll.state, RollState::kVerifying) << missing;
  }
}

TEST_F(RollProgressTest, FailsWhenTheOldKeyOutlivesItsExpiry) {
  See("new", kStart + 1, KeyUse::kSucceeded);
  See("old", kExpiry + kMinute + 1, KeyUse::kSucceeded);
  // Even before the clock has come there: the event says so.
  AdvanceAt(kExpiry - kHour);
  EXPECT_EQ(roll_.state, RollState::kFailed);
}

TEST_F(RollProgressTest, AMomentAfterTheExpiryIsTolerated) {
  See("old", kExpiry + kMinute, KeyUse::kSucceeded);
  AdvanceAt(kExpiry + 2 * kMinute);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
  EXPECT_EQ(roll_.old_key_last_success_ms, kExpiry + kMinute);
}

TEST_F(RollProgressTest, ARefusedKeyThatWorksAgainFailsTheRoll) {
  See("old", kExpiry + 5'000, KeyUse::kRefused);
  AdvanceAt(kExpiry + kMinute);
  See("old", kExpiry + kHour, KeyUse::kSucceeded);
  AdvanceAt(kExpiry + kHour);
  EXPECT_EQ(roll_.state, RollState::kFailed);
}

TEST_F(RollProgressTest, RefusalsBeforeTheExpiryProveNothing) {
  See("new", kStart + 1, KeyUse::kSucceeded);
  See("old", kExpiry - 1, KeyUse::kRefused);
  AdvanceAt(kExpiry + kHour);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
}

TEST_F(RollProgressTest, SuccessesBeforeTheRollProveNothing) {
  See("new", kStart - 1, KeyUse::kSucceeded);
  See("new", kStart + 1, KeyUse::kOther);
  See("new", kStart + 1, KeyUse::kRefused);
  See("other", kStart + 1, KeyUse::kSucceeded);
  EXPECT_TRUE(AdvanceAt(kStart + kHour).empty());
  EXPECT_FALSE(changed_);
  EXPECT_EQ(roll_.new_key_first_success_ms, 0);
}

TEST_F(RollProgressTest, SilenceCountsAsFarAsTheLogWasReadWithoutAGap) {
  See("new", kStart + 1, KeyUse::kSucceeded);
  AdvanceAt(kExpiry);
  ASSERT_TRUE(NeedsSilence(roll_));
  const EventTime quiet_from = kExpiry + kMinute;
  // The clock alone proves nothing.
  AdvanceAt(kExpiry + 1000 * kHour);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
  silence_.watermark_ms = quiet_from + 24 * kHour;
  AdvanceAt(kExpiry + 1000 * kHour);
  EXPECT_EQ(roll_.state, RollState::kVerifying);
  silence_.watermark_ms += 1;
  silence_.old_key_last_seen_ms = quiet_from + 1;
  AdvanceAt(kExpiry + 1000 * kHour);
  EXPECT_EQ(roll_.state, RollState::kVerifying) << "it was used in between";
  silence_.old_key_last_seen_ms = kExpiry - kHour;
  silence_.last_gap_end_ms = quiet_from + 1;
  AdvanceAt(kExpiry + 1000 * kHour);
  EXPECT_EQ(roll_.state, RollState::kVerifying) << "a source was blind";
  silence_.last_gap_end_ms = kExpiry - kHour;
  AdvanceAt(kExpiry + 1000 * kHour);
  EXPECT_EQ(roll_.state, RollState::kCompleted);
}

TEST_F(RollProgressTest, EvidenceIsTheSameInEveryOrderAndTwice) {
  std::vector<std::tuple<absl::string_view, EventTime, KeyUse>> uses = {
      {"new", kStart + 3, KeyUse::kSucceeded},
      {"new", kStart + 2, KeyUse::kSucceeded},
      {"old", kStart + 9, KeyUse::kSucceeded},
      {"old", kRefused + 7, KeyUse::kRefused},
      {"old", kRefused + 5, KeyUse::kRefused},
      {"old", kExpiry + kHour, KeyUse::kSucceeded},
  };
  std::sort(uses.begin(), uses.end());
  do {
    RollEvidence evidence;
    for (int twice = 0; twice < 2; ++twice) {
      for (const auto& [key, time_ms, use] : uses) {
        MergeKeyUse(roll_, config_, key, time_ms, use, &evidence);
      }
    }
    ASSERT_EQ(evidence.new_key_first_success_ms, kStart + 2);
    ASSERT_EQ(evidence.old_key_last_success_ms, kExpiry + kHour);
    ASSERT_EQ(evidence.old_key_late_success_ms, kExpiry + kHour);
    ASSERT_EQ(evidence.old_key_last_refused_ms, kRefused + 7);
  } while (std::next_permutation(uses.begin(), uses.end()));
}

TEST_F(RollProgressTest, TheBusyOldKeyIsNotWrittenWithEveryRequest) {
  See("old", kStart + 1, KeyUse::kSucceeded);
  AdvanceAt(kStart + 1);
  EXPECT_TRUE(changed_);
  See("old", kStart + kMinute, KeyUse::kSucceeded);
  AdvanceAt(kStart + kMinute);
  EXPECT_FALSE(changed_);
  See("old", kStart + 1 + kHour, KeyUse::kSucceeded);
  AdvanceAt(kStart + 1 + kHour);
  EXPECT_TRUE(changed_);
}

TEST_F(RollProgressTest, CancelledAndUnconfirmedRollsStayAsTheyAre) {
  See("new", kStart + 1, KeyUse::kSucceeded);
  See("old", kExpiry + kHour, KeyUse::kSucceeded);
  for (RollState state :
       {RollState::kAwaitingOperator, RollState::kCancelled}) {
    roll_.state = state;
    EXPECT_TRUE(AdvanceAt(kExpiry + kHour).empty());
    EXPECT_EQ(roll_.state, state);
  }
  EXPECT_FALSE(changed_);
}

TEST(KeyUseOfTest, TellsARefusedKeyFromARefusedRequest) {
  EXPECT_EQ(KeyUseOf(200, ""), KeyUse::kSucceeded);
  EXPECT_EQ(KeyUseOf(303, ""), KeyUse::kSucceeded);
  EXPECT_EQ(KeyUseOf(401, ""), KeyUse::kRefused);
  EXPECT_EQ(KeyUseOf(401, "api_key_expired"), KeyUse::kRefused);
  // The provider knew the key: it is alive.
  EXPECT_EQ(KeyUseOf(403, ""), KeyUse::kOther);
  EXPECT_EQ(KeyUseOf(404, ""), KeyUse::kOther);
  EXPECT_EQ(KeyUseOf(429, "rate_limit"), KeyUse::kOther);
  EXPECT_EQ(KeyUseOf(500, ""), KeyUse::kOther);
  // CloudTrail has no status.
  EXPECT_EQ(KeyUseOf(0, "", "success"), KeyUse::kSucceeded);
  EXPECT_EQ(KeyUseOf(0, "AccessDenied", "failure"), KeyUse::kOther);
  EXPECT_EQ(KeyUseOf(0, "InvalidClientTokenId"), KeyUse::kRefused);
  EXPECT_EQ(KeyUseOf(403, "InvalidClientTokenId"), KeyUse::kRefused);
}

TEST(KeyUseOfTest, AnActionOnTheKeyIsNoUseOfIt) {
  EXPECT_EQ(KeyUseOf(0, ""), KeyUse::kOther);
}

}  // namespace
}  // namespace keywatch
