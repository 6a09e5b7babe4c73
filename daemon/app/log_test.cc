#include "daemon/app/log.h"

#include <cstdio>
#include <string>

#include "daemon/core/fake_clock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

std::string Written(bool journald, Log::Severity least, Log::Severity severity,
                    absl::string_view text) {
  FakeClock clock(absl::FromUnixSeconds(1'000'000'000));
  char* buffer = nullptr;
  size_t size = 0;
  std::FILE* stream = open_memstream(&buffer, &size);
  Log(stream, journald, least, &clock).Write(severity, text);
  std::fclose(stream);
  std::string out(buffer, size);
  std::free(buffer);
  return out;
}

TEST(Log, GivesTimeAndLevelToPeople) {
  EXPECT_EQ(Written(false, Log::Severity::kInfo, Log::Severity::kWarning, "x"),
            "2001-09-09T01:46:40.000Z warning x\n");
}

TEST(Log, GivesPriorityToTheJournal) {
  EXPECT_EQ(Written(true, Log::Severity::kInfo, Log::Severity::kError, "x"),
            "<3>x\n");
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  EXPECT_EQ(Written(true, Log::Severity::kInfo, Log::Severity::kDebug, "x"),
            "");
}

// The log said: the source\'s paths.
TEST(Log, QuotesAreReadAsTheyAre) {
  EXPECT_EQ(Written(true, Log::Severity::kInfo, Log::Severity::kInfo,
                    "the source's \"a\\'b\""),
            "<6>the source's \"a\\\\'b\"\n");
}

TEST(Log, ARecordCannotForgeALine) {
  EXPECT_EQ(Written(true, Log::Severity::kInfo, Log::Severity::kInfo,
                    "key a\n<3>forged \x1b[2J"),
            "<6>key a\\n<3>forged \\033[2J\n");
}

}  // namespace
}  // namespace keywatch
