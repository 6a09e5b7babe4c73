#include "daemon/serve/exposure.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Names(const std::vector<SeenValue>& values) {
  std::vector<std::string> names;
  for (const SeenValue& value : values) names.push_back(value.value);
  return names;
}

KeyProfile Profile() {
  KeyProfile profile;
  profile.networks = {{"AS16509 US", 900, 0, 5000},
                      {"AS64511 NL", 7, 1500, 1900}};
  profile.operations = {{"GET /v1/a", 800, 0, 5000},
                        {"GET /v1/b", 5, 100, 900},
                        {"GET /v1/c", 9, 1600, 1700}};
  profile.sensitive_fields = {{"dob", 3, 10, 20}, {"id_number", 4, 10, 1800}};
  return profile;
}

Alert UnresolvedAlert(EventTime first_event) {
  Alert alert;
  alert.first_event_ms = first_event;
  return alert;
}

TEST(ExposureTest, IsEmptyWithoutAnUnresolvedAlert) {
  Alert resolved = UnresolvedAlert(1000);
  resolved.state = AlertState::kResolved;
  const Exposure exposure = ComputeExposure(Profile(), {resolved});
  EXPECT_EQ(exposure.since_ms, kMinEventTime);
  EXPECT_THAT(exposure.operations, IsEmpty());
}

TEST(ExposureTest, CountsFromTheOldestEventOfAnUnresolvedAlert) {
  const Exposure exposure = ComputeExposure(
      Profile(), {UnresolvedAlert(3000), UnresolvedAlert(1000)});
  EXPECT_EQ(exposure.since_ms, 1000);
  EXPECT_THAT(Names(exposure.new_networks), ElementsAre("AS64511 NL"));
  EXPECT_THAT(Names(exposure.new_operations), ElementsAre("GET /v1/c"));
  EXPECT_THAT(Names(exposure.operations),
              ElementsAre("GET /v1/a", "GET /v1/c"));
  EXPECT_THAT(Names(exposure.sensitive_fields), ElementsAre("id_number"));
}

TEST(ExposureTest, OrdersByFrequencyThenName) {
  EXPECT_THAT(Names(MostFrequentFirst(
                  {{"b", 1, 0, 0}, {"a", 1, 0, 0}, {"c", 9, 0, 0}})),
              ElementsAre("c", "a", "b"));
}

}  // namespace
}  // namespace keywatch
