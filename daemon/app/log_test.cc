#include "daemon/app/log.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
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

// A full pipe stopped the engine.
TEST(Log, AReaderThatTakesNothingHoldsNobodyUp) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::FILE* stream = fdopen(ends[1], "w");
  FakeClock clock(absl::FromUnixSeconds(1'000'000'000));
  Log log(stream, true, Log::Severity::kInfo, &clock);
  const std::string long_line(10'000, 'x');
  // A pipe holds 64 KiB.
  for (int i = 0; i < 20; ++i) log.Info(long_line);
  ASSERT_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  const auto drain = [&ends] {
    std::string out;
    char buffer[4096];
    ssize_t size;
    while ((size = read(ends[0], buffer, sizeof(buffer))) > 0) {
      out.append(buffer, static_cast<size_t>(size));
    }
    return out;
  };
  EXPECT_LT(drain().size(), 70'000u);
  log.Info("again");
  const std::string after = drain();
  EXPECT_NE(after.find(" lines of the log were dropped"), std::string::npos);
  EXPECT_NE(after.find("<6>again\n"), std::string::npos);
  std::fclose(stream);
  close(ends[0]);
}

// With `2>&-` the log went into the lock file.
TEST(OpenStandardStreams, ClosedOnesAreTakenByNoOtherFile) {
  const pid_t child = fork();
  if (child == 0) {
    close(STDIN_FILENO);
    close(STDERR_FILENO);
    OpenStandardStreams();
    _exit(open("/dev/null", O_RDONLY) > STDERR_FILENO ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace keywatch
