#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/alert.h"
#include "daemon/core/codec.h"
#include "daemon/core/event.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/field_table.h"
#include "daemon/core/ids.h"
#include "daemon/core/issue.h"
#include "daemon/core/level.h"
#include "daemon/core/roll.h"
#include "daemon/core/secret.h"
#include "daemon/core/time.h"
#include "daemon/core/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;

// ---------------------------------------------------------------- time

EventTime Parsed(absl::string_view text) {
  absl::StatusOr<EventTime> time = ParseTime(text);
  EXPECT_TRUE(time.ok()) << text << ": " << time.status();
  return time.ok() ? *time : kMinEventTime;
}

TEST(ParseTime, TakesWhatLogsWrite) {
  EXPECT_EQ(Parsed("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(Parsed("2026-08-03T14:00:00Z"), 1785765600000);
  EXPECT_EQ(Parsed("2026-08-03 14:00:00"), 1785765600000);
  EXPECT_EQ(Parsed("2026-08-03t14:00:00z"), 1785765600000);
  EXPECT_EQ(Parsed("2026-08-03T16:00:00+02:00"), 1785765600000);
  EXPECT_EQ(Parsed("2026-08-03T16:00:00+0200"), 1785765600000);
  EXPECT_EQ(Parsed("2026-08-03T16:00:00+02"), 1785765600000);
  EXPECT_EQ(Parsed("2026-08-03T08:30:00-05:30"), 1785765600000);
  EXPECT_EQ(Parsed("1969-12-31T23:59:59.999Z"), -1);
}

TEST(ParseTime, CutsFractionsToMilliseconds) {
  EXPECT_EQ(Parsed("1970-01-01T00:00:00.5Z"), 500);
  EXPECT_EQ(Parsed("1970-01-01T00:00:00,25Z"), 250);
  EXPECT_EQ(Parsed("1970-01-01T00:00:00.1239999Z"), 123);
  EXPECT_EQ(Parsed("1970-01-01T00:00:00.000999999"), 0);
}

TEST(ParseTime, KnowsLeapYearsAndLeapSeconds) {
  EXPECT_EQ(Parsed("2024-02-29T00:00:00Z"), 1709164800000);
  EXPECT_EQ(Parsed("2000-02-29T00:00:00Z"), 951782400000);
  EXPECT_FALSE(ParseTime("2026-02-29T00:00:00Z").ok());
  EXPECT_FALSE(ParseTime("2100-02-29T00:00:00Z").ok());
  EXPECT_EQ(Parsed("2016-12-31T23:59:60Z"), Parsed("2017-01-01T00:00:00Z"));
}

TEST(ParseTime, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "2026-08-03",
                           "2026-08-03T14:00",
                           "2026-8-03T14:00:00Z",
                           "2026-13-03T14:00:00Z",
                           "2026-00-03T14:00:00Z",
                           "2026-04-31T14:00:00Z",
                           "2026-08-00T14:00:00Z",
                           "2026-08-03T24:00:00Z",
                           "2026-08-03T14:60:00Z",
                           "2026-08-03T14:00:61Z",
                           "2026-08-03T14:00:00.Z",
                           "2026-08-03T14:00:00ZZ",
                           "2026-08-03T14:00:00+2:00",
                           "2026-08-03T14:00:00+24:00",
                           "2026-08-03T14:00:00+02:60",
                           "2026-08-03T14:00:00 +02:00",
                           "2026-08-03X14:00:00Z",
                           "1785765600",
                           "2026-08-03T14:00:00UTC"}) {
    EXPECT_EQ(ParseTime(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(FormatTime, IsReadBackAsTheSameInstant) {
  EXPECT_EQ(FormatTime(1785765600250), "2026-08-03T14:00:00.250Z");
  EXPECT_EQ(FormatTime(-1), "1969-12-31T23:59:59.999Z");
  // Every day over four centuries: leap rules agree with Abseil's calendar.
  for (int64_t day = -200 * 365; day < 200 * 365; ++day) {
    const EventTime time = day * 86'400'000 + 1;
    ASSERT_EQ(Parsed(FormatTime(time)), time) << FormatTime(time);
  }
}

TEST(EventTimes, ConvertWithTheirEnds) {
  EXPECT_EQ(ToEventTime(FromEventTime(12345)), 12345);
  EXPECT_EQ(FromEventTime(kMinEventTime), absl::InfinitePast());
  EXPECT_EQ(FromEventTime(kMaxEventTime), absl::InfiniteFuture());
}

TEST(ParseDuration, TakesOneNumberAndOneUnit) {
  struct {
    const char* text;
    absl::Duration expected;
  } cases[] = {
      {"500ms", absl::Milliseconds(500)}, {"90s", absl::Seconds(90)},
      {"15m", absl::Minutes(15)},         {"26h", absl::Hours(26)},
      {"30d", absl::Hours(720)},          {"2w", absl::Hours(336)},
      {"0", absl::ZeroDuration()},        {"0s", absl::ZeroDuration()}};
  for (const auto& c : cases) {
    ASSERT_TRUE(ParseDuration(c.text).ok()) << c.text;
    EXPECT_EQ(*ParseDuration(c.text), c.expected) << c.text;
  }
  for (const char* text :
       {"", "s", "5", "-5s", "1.5h", "5 s", "5M", "5min", "5s ", "1h30m",
        "99999999999999999999s", "9223372036854775807w", "400000d"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(FormatDuration, IsTheShortestText) {
  EXPECT_EQ(keywatch::FormatDuration(absl::ZeroDuration()), "0s");
  EXPECT_EQ(keywatch::FormatDuration(absl::Seconds(90)), "1m30s");
  EXPECT_EQ(keywatch::FormatDuration(absl::Minutes(15)), "15m");
  EXPECT_EQ(keywatch::FormatDuration(absl::Hours(24 * 14)), "14d");
  EXPECT_EQ(keywatch::FormatDuration(absl::Milliseconds(1500)), "1s500ms");
  EXPECT_EQ(keywatch::FormatDuration(-absl::Seconds(5)), "-5s");
  EXPECT_EQ(keywatch::FormatDuration(absl::InfiniteDuration()), "inf");
  EXPECT_EQ(keywatch::FormatDuration(-absl::InfiniteDuration()), "-inf");
}

// --------------------------------------------------------------- issues

Issue MakeIssue() {
  Issue issue;
  issue.code = "unknown-modifier";
  issue.where = {"rules/probing.yml", 14, 9, 18};
  issue.message = "unknown modifier \"startwith\"";
  issue.hint = "did you mean \"startswith\"?";
  issue.line_text = "        url.path|startwith: /v1/";
  return issue;
}

TEST(FormatIssue, ShowsTheLineWithCaretAndHint) {
  EXPECT_EQ(FormatIssue(MakeIssue()),
            "rules/probing.yml:14:9: error: unknown modifier \"startwith\"\n"
            "   14 |         url.path|startwith: /v1/\n"
            "      |         ^~~~~~~~~~~~~~~~~~ did you mean "
            "\"startswith\"?");
}

TEST(FormatIssue, LeavesOutWhatIsUnknown) {
  Issue issue = MakeIssue();
  issue.line_text.clear();
  EXPECT_EQ(FormatIssue(issue),
            "rules/probing.yml:14:9: error: unknown modifier \"startwith\"\n"
            "  hint: did you mean \"startswith\"?");
  issue.where.line = 0;
  issue.hint.clear();
  issue.severity = Issue::Severity::kWarning;
  EXPECT_EQ(FormatIssue(issue),
            "rules/probing.yml: warning: unknown modifier \"startwith\"");
  issue.where.file.clear();
  issue.severity = Issue::Severity::kNote;
  EXPECT_EQ(FormatIssue(issue), "note: unknown modifier \"startwith\"");
}

TEST(FormatIssue, CountsCharactersNotBytes) {
  Issue issue = MakeIssue();
  issue.line_text = "caf\xc3\xa9\t\x1b: x";
  issue.where = {"f", 1, 6, 1};
  issue.hint.clear();
  EXPECT_EQ(FormatIssue(issue),
            "f:1:6: error: unknown modifier \"startwith\"\n"
            "    1 | caf\xc3\xa9  : x\n"
            "      |      ^");
}

TEST(FormatIssue, CutsLongLinesBetweenCharacters) {
  Issue issue = MakeIssue();
  issue.line_text = "x";
  for (int i = 0; i < 200; ++i) issue.line_text += "\xc3\xa9";
  issue.where = {"f", 1, 300, 5};
  const std::string text = FormatIssue(issue);
  EXPECT_EQ(text.find('^'), std::string::npos);
  EXPECT_NE(text.find("\n  hint: did you"), std::string::npos);
  EXPECT_EQ(text.find("\xc3\n"), std::string::npos);
  // What is underlined ends with what is shown.
  issue.where = {"f", 1, 80, 50};
  EXPECT_NE(FormatIssue(issue).find("^ did you"), std::string::npos);
}

TEST(IssueList, KnowsErrorsFromWarnings) {
  IssueList list;
  EXPECT_TRUE(list.empty());
  Issue warning = MakeIssue();
  warning.severity = Issue::Severity::kWarning;
  list.Add(warning);
  EXPECT_FALSE(list.has_errors());
  IssueList other;
  other.Add(MakeIssue());
  list.Append(other);
  EXPECT_TRUE(list.has_errors());
  EXPECT_EQ(list.issues().size(), 2u);
  EXPECT_EQ(FormatIssues(list), absl::StrCat(FormatIssue(warning), "\n",
                                             FormatIssue(MakeIssue()), "\n"));
}

TEST(NearestWord, FindsMisspellingsOnly) {
  const std::vector<std::string> words = {"startswith", "endswith", "contains",
                                          "type", "re"};
  EXPECT_EQ(NearestWord("startwith", words), "startswith");
  EXPECT_EQ(NearestWord("contians", words), "contains");
  EXPECT_EQ(NearestWord("tpye", words), "type");
  EXPECT_EQ(NearestWord("endwsith", words), "endswith");
  EXPECT_EQ(NearestWord("banana", words), "");
  EXPECT_EQ(NearestWord("x", {"y"}), "y");
  EXPECT_EQ(NearestWord("", words), "");
  EXPECT_EQ(NearestWord("startwith", {}), "");
  EXPECT_EQ(NearestWord(std::string(1'000'000, 'a'), words), "");
}

TEST(SuggestionHint, ListsWhatIsKnownWhenNothingIsNear) {
  EXPECT_EQ(SuggestionHint("tow", {"one", "two"}), "did you mean \"two\"?");
  EXPECT_EQ(SuggestionHint("banana", {"one", "two"}), "known: one, two");
  EXPECT_EQ(SuggestionHint("banana", {}), "");
}

// ---------------------------------------------------------------- codec

TEST(Codec, GivesBackWhatWasWritten) {
  const std::vector<uint64_t> unsigned_values = {
      0,
      1,
      127,
      128,
      300,
      uint64_t{1} << 63,
      std::numeric_limits<uint64_t>::max()};
  const std::vector<int64_t> signed_values = {
      0,
      -1,
      1,
      -64,
      64,
      std::numeric_limits<int64_t>::min(),
      std::numeric_limits<int64_t>::max()};
  std::string bytes;
  Encoder encoder(&bytes);
  for (uint64_t v : unsigned_values) encoder.Varint(v);
  for (int64_t v : signed_values) encoder.Signed(v);
  encoder.Double(-0.1);
  encoder.Fixed64(0x0102030405060708);
  encoder.Bool(true);
  encoder.Bool(false);
  encoder.String("");
  encoder.String(absl::string_view("a\0b", 3));

  Decoder decoder(bytes);
  for (uint64_t v : unsigned_values) EXPECT_EQ(decoder.Varint(), v);
  for (int64_t v : signed_values) EXPECT_EQ(decoder.Signed(), v);
  EXPECT_EQ(decoder.Double(), -0.1);
  EXPECT_EQ(decoder.Fixed64(), 0x0102030405060708u);
  EXPECT_TRUE(decoder.Bool());
  EXPECT_FALSE(decoder.Bool());
  EXPECT_EQ(decoder.String(), "");
  EXPECT_FALSE(decoder.done());
  EXPECT_EQ(decoder.String(), absl::string_view("a\0b", 3));
  EXPECT_TRUE(decoder.done());
}

TEST(Codec, EveryTruncationIsNoticed) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.Varint(1'000'000);
  encoder.Signed(-1'000'000);
  encoder.Double(2.5);
  encoder.Bool(true);
  encoder.String("text");
  for (size_t size = 0; size < bytes.size(); ++size) {
    Decoder decoder(absl::string_view(bytes).substr(0, size));
    decoder.Varint();
    decoder.Signed();
    decoder.Double();
    decoder.Bool();
    decoder.String();
    EXPECT_FALSE(decoder.ok()) << size;
    EXPECT_FALSE(decoder.done()) << size;
    EXPECT_EQ(decoder.Varint(), 0u);
    EXPECT_EQ(decoder.String(), "");
  }
}

TEST(Codec, RefusesVarintsThatDoNotFit) {
  Decoder endless("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  endless.Varint();
  EXPECT_FALSE(endless.ok());
  Decoder overflow("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  overflow.Varint();
  EXPECT_FALSE(overflow.ok());
  // A length beyond the end must not be added to anything.
  Decoder length("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x");
  EXPECT_EQ(length.String(), "");
  EXPECT_FALSE(length.ok());
}

// --------------------------------------------------------------- values

TEST(FieldTable, GivesEachNameOneSlot) {
  FieldTable table;
  const Slot a = table.Intern("api.key.id");
  const Slot b = table.Intern("url.path");
  EXPECT_NE(a, b);
  EXPECT_EQ(table.Intern("api.key.id"), a);
  EXPECT_EQ(table.Find("url.path"), b);
  EXPECT_EQ(table.Find("URL.path"), kNoSlot);
  EXPECT_EQ(table.name(b), "url.path");
  EXPECT_EQ(table.size(), 2u);
}

TEST(ValueText, IsTheTextOfTheValue) {
  EXPECT_EQ(ValueText(Value()), "");
  EXPECT_EQ(ValueText(Value::Null()), "");
  EXPECT_EQ(ValueText(Value::Bool(true)), "true");
  EXPECT_EQ(ValueText(Value::Bool(false)), "false");
  EXPECT_EQ(ValueText(Value::Int(std::numeric_limits<int64_t>::min())),
            "-9223372036854775808");
  EXPECT_EQ(ValueText(Value::Double(1.5)), "1.5");
  EXPECT_EQ(ValueText(Value::Double(3.0)), "3");
  EXPECT_EQ(ValueText(Value::Double(0.1)), "0.1");
  EXPECT_EQ(ValueText(Value::Double(std::numeric_limits<double>::infinity())),
            "inf");
  EXPECT_EQ(ValueText(Value::Double(std::numeric_limits<double>::lowest())),
            "-1.7976931348623157e+308");
  EXPECT_EQ(ValueText(Value::String("text")), "text");
  const Value elements[] = {Value::String("a"), Value::Int(2), Value::Null()};
  EXPECT_EQ(ValueText(Value::List(elements, 3)), "a,2,");
  EXPECT_EQ(ValueText(Value::List(elements, 0)), "");
}

TEST(Value, AnyElementStopsAtTheFirstThatFits) {
  const Value elements[] = {Value::Int(1), Value::Int(2), Value::Int(3)};
  int calls = 0;
  const auto is_two = [&](const Value& v) {
    ++calls;
    return v.AsDouble() == 2;
  };
  EXPECT_TRUE(Value::List(elements, 3).AnyElement(is_two));
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(Value::Int(2).AnyElement(is_two));
  EXPECT_FALSE(Value::Int(1).AnyElement(is_two));
  calls = 0;
  EXPECT_FALSE(Value().AnyElement(is_two));
  EXPECT_FALSE(Value::List(elements, 0).AnyElement(is_two));
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(
      Value::Null().AnyElement([](const Value& v) { return !v.absent(); }));
}

TEST(Event, OrdersByTimeThenId) {
  Event a;
  Event b;
  a.time_ms = 1;
  b.time_ms = 2;
  a.id = "z";
  b.id = "a";
  EXPECT_TRUE(EventBefore(a, b));
  EXPECT_FALSE(EventBefore(b, a));
  b.time_ms = 1;
  EXPECT_TRUE(EventBefore(b, a));
  b.id = "z";
  EXPECT_FALSE(EventBefore(a, b));
  EXPECT_FALSE(EventBefore(b, a));
}

TEST(Event, SlotsBeyondItsOwnAreAbsent) {
  const Value values[] = {Value::Int(1)};
  Event event;
  event.slots = values;
  event.slot_count = 1;
  EXPECT_EQ(event.at(0).int_value(), 1);
  EXPECT_TRUE(event.at(1).absent());
  EXPECT_TRUE(event.at(kNoSlot).absent());
}

TEST(EventBatch, KeepsEverythingAtItsAddress) {
  EventBatch batch;
  std::vector<Event*> events;
  std::vector<absl::string_view> texts;
  for (int i = 0; i < 5000; ++i) {
    events.push_back(batch.Add());
    events.back()->time_ms = i;
    texts.push_back(batch.CopyText(std::string(i % 50, 'a' + i % 26)));
    Value* values = batch.NewValues(3);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(values) % 16, 0u);
    ASSERT_TRUE(values[2].absent());
    values[0] = Value::String(texts.back());
    events.back()->slots = values;
    events.back()->slot_count = 3;
  }
  ASSERT_EQ(batch.size(), 5000u);
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(&batch.at(i), events[i]);
    ASSERT_EQ(batch.at(i).time_ms, i);
    ASSERT_EQ(batch.at(i).at(0).string_value(),
              std::string(i % 50, 'a' + i % 26));
  }
  batch.RemoveLast();
  EXPECT_EQ(batch.size(), 4999u);
}

TEST(EventBatch, HoldsTextsLargerThanABlock) {
  EventBatch batch;
  const absl::string_view before = batch.CopyText("before");
  const std::string large(1'000'000, 'x');
  const absl::string_view copy = batch.CopyText(large);
  const absl::string_view after = batch.CopyText("after");
  EXPECT_EQ(copy, large);
  EXPECT_NE(copy.data(), large.data());
  EXPECT_EQ(before, "before");
  EXPECT_EQ(after, "after");
  EXPECT_EQ(batch.CopyText(""), "");
}

TEST(EventBatch, KeepsItsOwnersAlive) {
  auto page = std::make_shared<const std::string>("bytes");
  std::weak_ptr<const std::string> watch = page;
  {
    EventBatch batch;
    batch.Keep(std::move(page));
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

// --------------------------------------------------- ids, secrets, names

TEST(StrongString, KindsDoNotMix) {
  static_assert(!std::is_convertible<KeyId, RuleId>::value, "");
  static_assert(!std::is_constructible<KeyId, RuleId>::value, "");
  static_assert(!std::is_convertible<std::string, KeyId>::value, "");
  const KeyId a("a");
  EXPECT_EQ(a, KeyId("a"));
  EXPECT_NE(a, KeyId("b"));
  EXPECT_LT(a, KeyId("b"));
  EXPECT_TRUE(KeyId().empty());
  std::ostringstream out;
  out << a;
  EXPECT_EQ(out.str(), "a");
  EXPECT_EQ((absl::flat_hash_set<KeyId>{a, KeyId("a")}.size()), 1u);
}

TEST(Secret, PrintsNothingOfItself) {
  const Secret secret("hunter2");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "<secret>");
  EXPECT_EQ(::testing::PrintToString(secret), "<secret>");
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
}

TEST(Secret, LeavesNothingBehindWhenItIsDestroyedOrMoved) {
  // Short strings live in the object itself, so that their bytes can be seen
  // there afterwards.
  alignas(Secret) unsigned char memory[sizeof(Secret)] = {};
  const auto holds_value = [&] {
    return absl::string_view(reinterpret_cast<char*>(memory), sizeof(memory))
               .find("hunter2") != absl::string_view::npos;
  };
  Secret* secret = new (memory) Secret(std::string("hunter2"));
  ASSERT_TRUE(holds_value());
  Secret moved = std::move(*secret);
  EXPECT_FALSE(holds_value());
  EXPECT_TRUE(secret->empty());
  EXPECT_FALSE(moved.empty());
  *secret = moved;
  ASSERT_TRUE(holds_value());
  *secret = Secret(std::string("x"));
  EXPECT_FALSE(holds_value());
  secret->~Secret();
}

TEST(Names, OfLevelsStagesAndStatesAreReadBack) {
  for (Level level : {Level::kInformational, Level::kLow, Level::kMedium,
                      Level::kHigh, Level::kCritical}) {
    EXPECT_EQ(ParseLevel(LevelName(level)), level);
  }
  EXPECT_FALSE(ParseLevel("High").has_value());
  for (Stage stage : {Stage::kShadow, Stage::kNotify, Stage::kPage}) {
    EXPECT_EQ(ParseStage(StageName(stage)), stage);
  }
  EXPECT_FALSE(ParseStage("").has_value());
  for (AlertState state :
       {AlertState::kOpen, AlertState::kAcknowledged, AlertState::kResolved}) {
    EXPECT_EQ(ParseAlertState(AlertStateName(state)), state);
  }
  EXPECT_FALSE(ParseAlertState("closed").has_value());
  for (RollState state :
       {RollState::kAwaitingOperator, RollState::kAwaitingExpiry,
        RollState::kVerifying, RollState::kCompleted, RollState::kFailed,
        RollState::kCancelled}) {
    EXPECT_EQ(ParseRollState(RollStateName(state)), state);
  }
  EXPECT_FALSE(ParseRollState("done").has_value());
}

TEST(FakeClock, StandsStillUntilItIsMoved) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1000));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1000));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1005));
}

TEST(FakeClock, SleepersWakeWhenTheirTimeComesOrTheyAreWoken) {
  FakeClock clock(absl::FromUnixSeconds(0));
  absl::Mutex mu;
  bool wake = false;
  // Time that went by before the sleep began does not end it.
  std::atomic<bool> slept{false};
  std::thread advance([&] {
    while (!slept) {
      clock.Advance(absl::Hours(2));
      std::this_thread::yield();
    }
  });
  {
    absl::MutexLock lock(&mu);
    clock.SleepOrWake(&mu, &wake, absl::Hours(1));
  }
  slept = true;
  advance.join();
  EXPECT_FALSE(wake);
  std::thread waker([&] {
    absl::MutexLock lock(&mu);
    wake = true;
  });
  {
    absl::MutexLock lock(&mu);
    clock.SleepOrWake(&mu, &wake, absl::Hours(1000));
    EXPECT_TRUE(wake);
  }
  waker.join();
}

}  // namespace
}  // namespace keywatch
