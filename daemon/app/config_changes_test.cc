#include "daemon/app/config_changes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ChangedSectionsTest, NamesTheSectionsThatDiffer) {
  constexpr char kBefore[] =
      "rules:\n  paths: [a]\nnotifiers:\n  - name: x\nhttp: {}\n";
  EXPECT_THAT(ChangedSections(kBefore, kBefore), IsEmpty());
  EXPECT_THAT(ChangedSections(kBefore,
                              "# new\nhttp: {}\n\nrules:\n  paths: [b]  \n"
                              "notifiers:\n# old\n  - name: y\nalerts: {}\n"),
              ElementsAre("alerts", "notifiers", "rules"));
  EXPECT_THAT(ChangedSections("{rules: {paths: [a]}}", "{rules: {paths: []}}"),
              ElementsAre("the configuration"));
}

}  // namespace
}  // namespace keywatch
