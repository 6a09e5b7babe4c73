#include "daemon/app/self_test_health.h"

#include "daemon/app/self_test_source.h"
#include "daemon/core/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kStart = FromEventTime(*ParseTime("2026-08-17T12:00:00Z"));

class SelfTestHealthTest : public ::testing::Test {
 protected:
  SelfTestHealthTest() {
    SourceConfig source;
    source.allowed_lateness = absl::Seconds(30);
    source.idle_timeout = absl::Seconds(10);
    source.max_silence = absl::Minutes(5);
    config_.sources.push_back(source);
    status_.sources.resize(2);
    status_.sources[1].id = SourceId(kSelfTestSource);
  }

  SelfTestHealth At(absl::Duration after) {
    return CheckSelfTest(config_, status_, kStart, kStart + after);
  }

  Config config_;
  RunnerStatus status_;
};

TEST_F(SelfTestHealthTest, WaitsForThreeEventsAndTheSlowestSource) {
  EXPECT_THAT(At(absl::Seconds(220)).problem, IsEmpty());
  EXPECT_THAT(At(absl::Seconds(221)).problem, HasSubstr("3m41s"));
  status_.self_test_ms = ToEventTime(kStart + absl::Minutes(2));
  EXPECT_THAT(At(absl::Seconds(340)).problem, IsEmpty());
  EXPECT_THAT(At(absl::Seconds(341)).problem, HasSubstr("self-test"));
}

TEST_F(SelfTestHealthTest, ASourceThatFailsMayHoldItUpForLonger) {
  status_.sources[0].error = "UNAVAILABLE";
  EXPECT_THAT(At(absl::Minutes(8)).problem, IsEmpty());
  EXPECT_THAT(At(absl::Minutes(9)).problem, HasSubstr("self-test"));
}

TEST_F(SelfTestHealthTest, TellsLateFromBroken) {
  status_.sources[1].newest_ms = ToEventTime(kStart + absl::Minutes(9));
  status_.watermark_ms = ToEventTime(kStart - absl::Hours(2));
  EXPECT_FALSE(At(absl::Minutes(10)).broken) << "a backlog is read first";
  EXPECT_THAT(At(absl::Minutes(10)).problem,
              HasSubstr("event time stands at 2026-08-17T10:00:00.000Z"));
  status_.watermark_ms = ToEventTime(kStart + absl::Minutes(9));
  EXPECT_TRUE(At(absl::Minutes(10)).broken);
  status_.sources[1].newest_ms = kMinEventTime;
  EXPECT_TRUE(At(absl::Minutes(10)).broken) << "nothing goes in";
}

TEST_F(SelfTestHealthTest, SwitchedOffItSaysNothing) {
  config_.self_test.enabled = false;
  EXPECT_THAT(At(absl::Hours(10)).problem, IsEmpty());
}

}  // namespace
}  // namespace keywatch
