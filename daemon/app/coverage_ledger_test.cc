#include "daemon/app/coverage_ledger.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/coverage_timeline.h"
#include "daemon/core/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMinute = kCoverageMinuteMs;
const EventTime kNoon = *ParseTime("2026-08-17T12:00:00Z");

EventTime At(int minutes, int seconds = 0) {
  return kNoon + minutes * kMinute + seconds * 1000;
}

std::string Text(EventTime time) { return FormatTime(time).substr(11, 8); }

std::vector<std::string> Texts(const std::vector<BlindStretch>& stretches) {
  std::vector<std::string> out;
  for (const BlindStretch& s : stretches) {
    out.push_back(absl::StrCat(GapReason(s.kind, s.detail), " ",
                               Text(s.from_ms), "-", Text(s.to_ms)));
  }
  return out;
}

std::vector<std::string> Texts(const std::vector<CoverageStretch>& stretches) {
  static const char* const kNames[] = {"seen", "empty", "blind", "unread"};
  std::vector<std::string> out;
  for (const CoverageStretch& s : stretches) {
    out.push_back(absl::StrCat(
        kNames[static_cast<int>(s.kind)], " ", Text(s.from_ms), "-",
        Text(s.to_ms),
        s.kind == CoverageStretch::Kind::kSeen ? absl::StrCat(" ", s.events)
                                               : "",
        s.reason.empty() ? "" : absl::StrCat(" ", s.reason)));
  }
  return out;
}

class CoverageLedgerTest : public ::testing::Test {
 protected:
  // What a restart leaves of the ledger.
  void Restart() {
    std::vector<StateRow> rows;
    ledger_->TakeState(&rows);
    for (StateRow& row : rows) rows_[row.group] = row;
    ledger_ = std::make_unique<CoverageLedger>(SourceId("shop"));
    for (const auto& [group, row] : rows_) {
      if (row.erased) continue;
      EXPECT_TRUE(ledger_->RestoreRow(group, row.blob));
    }
  }

  void Save() {
    std::vector<StateRow> rows;
    ledger_->TakeState(&rows);
    for (StateRow& row : rows) rows_[row.group] = row;
  }

  // Without the time after the last minute that was read.
  std::vector<std::string> Timeline(std::vector<Gap> gaps = {}) {
    Save();
    std::vector<CoverageStretch> stretches = CoverageTimeline(
        ledger_->Hours(kMinEventTime), std::move(gaps), At(-600), At(600));
    EXPECT_EQ(stretches.back().kind, CoverageStretch::Kind::kUnread);
    EXPECT_EQ(stretches.back().to_ms, At(600));
    stretches.pop_back();
    return Texts(stretches);
  }

  std::unique_ptr<CoverageLedger> ledger_ =
      std::make_unique<CoverageLedger>(SourceId("shop"));
  std::map<std::string, StateRow> rows_;
};

TEST_F(CoverageLedgerTest, TellsSeenFromEmpty) {
  for (int minute = 0; minute < 5; ++minute) ledger_->Saw(At(minute, 10));
  ledger_->Saw(At(4, 20));
  ledger_->CaughtUp(At(60));
  ledger_->Saw(At(60, 30));
  ledger_->CaughtUp(At(61));
  EXPECT_THAT(Timeline(),
              ElementsAre("seen 12:00:00-12:05:00 6", "empty 12:05:00-13:00:00",
                          "seen 13:00:00-13:02:00 1"))
      << "the last minute is read in part";
}

TEST_F(CoverageLedgerTest, AShortPauseIsNoStretchOfItsOwn) {
  ledger_->Saw(At(0));
  ledger_->Saw(At(8));
  ledger_->CaughtUp(At(9));
  EXPECT_THAT(Timeline(), ElementsAre("seen 12:00:00-12:10:00 2"));
}

TEST_F(CoverageLedgerTest, DowntimeIsUnreadUntilTheSourceHasCaughtUp) {
  ledger_->Saw(At(0));
  ledger_->CaughtUp(At(1));
  Restart();
  ledger_->Saw(At(30));
  EXPECT_THAT(Timeline(),
              ElementsAre("seen 12:00:00-12:01:00 1", "empty 12:01:00-12:30:00",
                          "seen 12:30:00-12:31:00 1"))
      << "an event at 12:30 says that all before it was read";
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty());
}

TEST_F(CoverageLedgerTest, ALossLiesBetweenWhatWasReadAndTheNextEvent) {
  ledger_->Saw(At(0));
  ledger_->CaughtUp(At(5));
  ledger_->Lost(GapKind::kRotatedAway, "a.log is gone");
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty()) << "its end is not known yet";
  ledger_->Saw(At(4));  // came late: it tells nothing
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty());
  ledger_->Saw(At(20));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("rotated away: a.log is gone 12:05:00-12:20:00"));
  EXPECT_EQ(ledger_->blind_ms()[static_cast<int>(GapKind::kRotatedAway)],
            15 * kMinute);
}

TEST_F(CoverageLedgerTest, ALossMayReachBackToWhatWaited) {
  ledger_->Saw(At(0));
  ledger_->CaughtUp(At(5));
  ledger_->Lost(GapKind::kRotatedAway, "", At(3));
  ledger_->Saw(At(20));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("rotated away 12:03:00-12:20:00"));
}

TEST_F(CoverageLedgerTest, ALossEndsWhenTheSourceIsReadToItsEnd) {
  ledger_->CaughtUp(At(5));
  Restart();
  ledger_->Lost(GapKind::kCursorExpired, "");
  ledger_->CaughtUp(At(7));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("cursor expired 12:05:00-12:07:00"));
  ledger_->CaughtUp(At(8));
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty());
}

// A kill between a loss and the next event hid the loss.
TEST_F(CoverageLedgerTest, ALossWhoseEndIsNotKnownOutlivesARestart) {
  ledger_->CaughtUp(At(5));
  ledger_->Lost(GapKind::kRotatedAway, "a.log is gone");
  ledger_->Lost(GapKind::kCursorExpired, "", At(3));
  EXPECT_TRUE(ledger_->dirty());
  Restart();
  Restart();
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty());
  ledger_->Saw(At(20));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("rotated away: a.log is gone 12:05:00-12:20:00",
                          "cursor expired 12:03:00-12:20:00"));
  Restart();
  EXPECT_TRUE(rows_["shop/open"].erased);
  ledger_->Saw(At(30));
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty());
}

TEST_F(CoverageLedgerTest, RejectsBeforeARestartCountAfterIt) {
  ledger_->Saw(At(0));
  ledger_->Rejected();
  Restart();
  ledger_->Rejected();
  Restart();
  ledger_->Saw(At(3));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("rejected 12:00:00-12:03:00"));
}

TEST_F(CoverageLedgerTest, OneRejectIsNoBlindnessHoweverLongThePauseAround) {
  ledger_->Saw(At(0));
  ledger_->Rejected();
  ledger_->Saw(At(30));
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty());
}

TEST_F(CoverageLedgerTest, BlindnessGrowsAndIsCountedOnce) {
  ledger_->CaughtUp(At(0));
  ledger_->Blind(GapKind::kUnreachable, At(3), At(5));
  ledger_->Blind(GapKind::kUnreachable, At(3), At(6));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("unreachable 12:00:00-12:05:00",
                          "unreachable 12:00:00-12:06:00"));
  EXPECT_EQ(ledger_->blind_ms()[static_cast<int>(GapKind::kUnreachable)],
            6 * kMinute);
  EXPECT_EQ(ledger_->gaps()[static_cast<int>(GapKind::kUnreachable)], 1);
  ledger_->CaughtUp(At(10));
  ledger_->Blind(GapKind::kUnreachable, At(10), At(12));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("unreachable 12:10:00-12:12:00"));
}

TEST_F(CoverageLedgerTest, NothingButRejectsForAMinuteIsBlindness) {
  ledger_->Saw(At(0));
  ledger_->CaughtUp(At(1));
  ledger_->Rejected();
  ledger_->CaughtUp(At(1, 30));
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty()) << "one bad line";
  ledger_->CaughtUp(At(30));
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty()) << "and then silence";
  ledger_->Rejected();
  ledger_->CaughtUp(At(31));
  EXPECT_THAT(Texts(ledger_->TakeBlind()),
              ElementsAre("rejected 12:01:00-12:31:00"));
  ledger_->Saw(At(32));
  ledger_->Rejected();
  ledger_->Saw(At(32, 10));
  ledger_->CaughtUp(At(40));
  EXPECT_THAT(ledger_->TakeBlind(), IsEmpty());
}

TEST_F(CoverageLedgerTest, GapsAreLaidOverWhatWasRead) {
  for (int minute = 0; minute < 30; ++minute) ledger_->Saw(At(minute));
  ledger_->CaughtUp(At(60));
  const SourceId shop("shop");
  EXPECT_THAT(Timeline({{shop, At(20, 30), At(40), "rotated away: x"},
                        {shop, At(25), At(45), "unreachable"},
                        {shop, At(70), At(80), "cursor expired"}}),
              ElementsAre("seen 12:00:00-12:20:30 30",
                          "blind 12:20:30-12:40:00 rotated away",
                          "blind 12:40:00-12:45:00 unreachable",
                          "empty 12:45:00-13:01:00", "unread 13:01:00-13:10:00",
                          "blind 13:10:00-13:20:00 cursor expired"));
}

TEST_F(CoverageLedgerTest, OldHoursAreForgottenInTheStoreToo) {
  ledger_->Saw(At(0));
  ledger_->CaughtUp(At(1));
  Save();
  ledger_->CaughtUp(kNoon + (CoverageLedger::kKeptHours + 5) * kCoverageHourMs);
  Save();
  EXPECT_TRUE(rows_[absl::StrCat("shop/", kNoon / kCoverageHourMs)].erased);
  EXPECT_LE(ledger_->Hours(kMinEventTime).size(),
            CoverageLedger::kKeptHours + 1u);
}

TEST_F(CoverageLedgerTest, RowsOfOtherSourcesAreRefused) {
  EXPECT_FALSE(ledger_->RestoreRow("shop2", ""));
  EXPECT_FALSE(ledger_->RestoreRow("shop2/12", ""));
  EXPECT_FALSE(ledger_->RestoreRow("web", ""));
}

}  // namespace
}  // namespace keywatch
