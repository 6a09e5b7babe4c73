#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/history/history_reader.h"
#include "daemon/history/history_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr EventTime kStart = 1785715200000;  // 2026-08-03T00:00:00Z
constexpr EventTime kHour = 3'600'000;

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/historyXXXXXX");
    options_.directory = absl::StrCat(mkdtemp(&pattern[0]), "/history");
    options_.keep_free_bytes = 0;
    schema_.fields = {"api.key.id", "stripe.expand", "api.bytes", "api.live"};
    schema_.sources = {{"shop", "stripe", "", "api"}, {"keywatch", "", "", ""}};
  }

  // A writer that continues at `committed`.
  std::unique_ptr<HistoryWriter> Open(
      const absl::optional<HistoryPosition>& committed) {
    absl::StatusOr<std::unique_ptr<HistoryWriter>> writer =
        HistoryWriter::Open(options_);
    EXPECT_TRUE(writer.ok()) << writer.status();
    const absl::Status recovered = (*writer)->Recover(
        committed, [this](const std::string& text) { said_.push_back(text); });
    EXPECT_TRUE(recovered.ok()) << recovered;
    (*writer)->SetSchema(schema_, {0, 1, 2, 3});
    return *std::move(writer);
  }

  void Add(HistoryWriter* writer, EventTime time_ms, absl::string_view id,
           absl::string_view key = "mk_A") {
    Event* event = batch_.Add();
    Value* values = batch_.NewValues(4);
    values[0] = Value::String(batch_.CopyText(key));
    event->slots = values;
    event->slot_count = 4;
    event->time_ms = time_ms;
    event->id = batch_.CopyText(id);
    writer->Add(*event);
  }

  std::vector<std::string> Ids(EventTime since = kMinEventTime,
                               EventTime until = kMaxEventTime) {
    absl::StatusOr<HistoryReader> reader =
        HistoryReader::Open(options_.directory, since, until);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::vector<std::string> ids;
    while (true) {
      absl::StatusOr<HistoryPage> page = reader->Next();
      EXPECT_TRUE(page.ok());
      if (page->events.empty()) break;
      for (const HistoryEvent& event : page->events) ids.emplace_back(event.id);
    }
    problems_ = reader->problems();
    return ids;
  }

  std::vector<Segment> Segments() { return *ListSegments(options_.directory); }

  HistoryWriterOptions options_;
  HistorySchema schema_;
  EventBatch batch_;
  std::vector<std::string> said_;
  std::vector<std::string> problems_;
};

TEST_F(HistoryTest, ReadsBackEveryKindOfValue) {
  auto writer = Open(absl::nullopt);
  Event* event = batch_.Add();
  Value* list = batch_.NewValues(2);
  list[0] = Value::String("verified_outputs.dob");
  list[1] = Value::Null();
  Value* values = batch_.NewValues(4);
  values[0] = Value::String("mk_\xc3\xa4");
  values[1] = Value::List(list, 2);
  values[2] = Value::Double(-1.5);
  values[3] = Value::Bool(true);
  event->slots = values;
  event->slot_count = 4;
  event->time_ms = kStart;
  event->id = "req_1";
  event->id_is_position = true;
  writer->Add(*event);
  Event* second = batch_.Add();
  values = batch_.NewValues(4);
  values[2] = Value::Int(INT64_MIN);
  second->slots = values;
  second->slot_count = 4;
  second->time_ms = kStart - 5;
  second->id = "";
  second->source = 1;
  writer->Add(*second);
  ASSERT_TRUE(writer->Flush().ok());

  absl::StatusOr<HistoryReader> reader =
      HistoryReader::Open(options_.directory);
  ASSERT_TRUE(reader.ok());
  const absl::StatusOr<HistoryPage> page = reader->Next();
  ASSERT_TRUE(page.ok());
  ASSERT_THAT(page->events, SizeIs(2));
  EXPECT_EQ(page->schema->fields, schema_.fields);
  EXPECT_EQ(page->schema->sources, schema_.sources);
  const HistoryEvent& first = page->events[0];
  EXPECT_EQ(first.time_ms, kStart);
  EXPECT_EQ(first.id, "req_1");
  EXPECT_TRUE(first.id_is_position);
  ASSERT_THAT(first.values, SizeIs(4));
  EXPECT_EQ(first.values[0].second.string_value(), "mk_\xc3\xa4");
  ASSERT_EQ(first.values[1].second.list_size(), 2u);
  EXPECT_EQ(first.values[1].second.list_at(0).string_value(),
            "verified_outputs.dob");
  EXPECT_EQ(first.values[1].second.list_at(1).type(), Value::Type::kNull);
  EXPECT_EQ(first.values[2].second.double_value(), -1.5);
  EXPECT_TRUE(first.values[3].second.bool_value());
  EXPECT_EQ(page->events[1].time_ms, kStart - 5);
  EXPECT_EQ(page->events[1].source, 1u);
  ASSERT_THAT(page->events[1].values, SizeIs(1));
  EXPECT_EQ(page->events[1].values[0].second.int_value(), INT64_MIN);
}

TEST_F(HistoryTest, WhatWasNotCommittedIsCutOff) {
  auto writer = Open(absl::nullopt);
  Add(writer.get(), kStart, "a");
  ASSERT_TRUE(writer->Flush().ok());
  const HistoryPosition committed = writer->position();
  Add(writer.get(), kStart + 1, "b");
  ASSERT_TRUE(writer->Flush().ok());
  writer = Open(committed);  // killed before the commit of b
  EXPECT_THAT(Ids(), ElementsAre("a"));
  Add(writer.get(), kStart + 1, "b");
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_THAT(Ids(), ElementsAre("a", "b"));
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(HistoryTest, SegmentThatWasNotCommittedIsNotRead) {
  auto writer = Open(absl::nullopt);
  Add(writer.get(), kStart, "a");
  ASSERT_TRUE(writer->Flush().ok());
  const HistoryPosition committed = writer->position();
  Add(writer.get(), kStart + 2 * kHour, "b");
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_THAT(Segments(), SizeIs(2));
  writer = Open(committed);
  EXPECT_THAT(Ids(), ElementsAre("a"));
  Add(writer.get(), kStart + 2 * kHour, "b");
  Add(writer.get(), kStart + 2 * kHour + 1, "c");
  ASSERT_TRUE(writer->Flush().ok());
  writer = Open(writer->position());
  EXPECT_THAT(Ids(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(HistoryTest, FilesOfAnotherStateAreSetAsideAndTold) {
  auto writer = Open(absl::nullopt);
  Add(writer.get(), kStart, "a");
  ASSERT_TRUE(writer->Flush().ok());
  writer = Open(absl::nullopt);  // the database was moved away
  EXPECT_THAT(said_, ElementsAre(HasSubstr("set aside")));
  EXPECT_THAT(Ids(), IsEmpty());
  EXPECT_THAT(*ListSegments(options_.directory, SegmentKind::kAll), SizeIs(1));
  Add(writer.get(), kStart, "a");
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_THAT(Ids(), ElementsAre("a"));
}

TEST_F(HistoryTest, LostEndIsToldAndTheRestIsRead) {
  auto writer = Open(absl::nullopt);
  Add(writer.get(), kStart, "a");
  ASSERT_TRUE(writer->Flush().ok());
  Add(writer.get(), kStart + 1, "b");
  ASSERT_TRUE(writer->Flush().ok());
  const HistoryPosition committed = writer->position();
  ASSERT_EQ(truncate(Segments()[0].path.c_str(), committed.bytes - 10), 0);
  writer = Open(committed);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("has lost 10 bytes")));
  Add(writer.get(), kStart + 2, "c");
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_THAT(Ids(), ElementsAre("a", "c"));
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("damaged at byte")));
}

// Whichever byte is wrong, the reader tells and reads what is whole.
TEST_F(HistoryTest, EveryWrongByteIsNoticed) {
  auto writer = Open(absl::nullopt);
  for (const char* id : {"a", "b", "c"}) {
    Add(writer.get(), kStart, id);
    ASSERT_TRUE(writer->Flush().ok());
  }
  Add(writer.get(), kStart + 3 * kHour, "d");
  ASSERT_TRUE(writer->Flush().ok());
  const std::string path = Segments()[0].path;
  std::ifstream file(path, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)),
                         std::istreambuf_iterator<char>());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x21);
    std::ofstream(path, std::ios::binary) << bad;
    const std::vector<std::string> ids = Ids();
    EXPECT_FALSE(problems_.empty()) << i;
    ASSERT_FALSE(ids.empty()) << i;
    EXPECT_EQ(ids.back(), "d") << i;
    EXPECT_LT(ids.size(), 4u) << i;
  }
}

TEST_F(HistoryTest, HalfWrittenEndOfTheNewestSegmentIsLeftAlone) {
  auto writer = Open(absl::nullopt);
  Add(writer.get(), kStart, "a");
  ASSERT_TRUE(writer->Flush().ok());
  std::ofstream(Segments()[0].path, std::ios::app | std::ios::binary)
      << "KWB1half";
  EXPECT_THAT(Ids(), ElementsAre("a"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(HistoryTest, FullDiskDropsAndGoesOn) {
  auto writer = Open(absl::nullopt);
  Add(writer.get(), kStart, "a");
  ASSERT_TRUE(writer->Flush().ok());
  const HistoryPosition before = writer->position();
  options_.keep_free_bytes = int64_t{1} << 60;
  writer = Open(before);
  Add(writer.get(), kStart + 1, "b");
  EXPECT_EQ(writer->added(), 1);
  EXPECT_EQ(writer->Flush().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(writer->added(), 0);
  EXPECT_TRUE(writer->position() == before);
  options_.keep_free_bytes = 0;
  writer = Open(before);
  Add(writer.get(), kStart + 2, "c");
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_THAT(Ids(), ElementsAre("a", "c"));
}

TEST_F(HistoryTest, TimesSelectSegmentsAndEvents) {
  auto writer = Open(absl::nullopt);
  for (int hour = 0; hour < 10; ++hour) {
    Add(writer.get(), kStart + hour * kHour, absl::StrCat("e", hour));
    Add(writer.get(), kStart + hour * kHour - 1, absl::StrCat("late", hour));
    ASSERT_TRUE(writer->Flush().ok());
  }
  EXPECT_THAT(Segments(), SizeIs(10));
  EXPECT_THAT(Ids(kStart + 3 * kHour, kStart + 5 * kHour),
              ElementsAre("e3", "e4", "late4", "late5"));
  EXPECT_THAT(Ids(), SizeIs(20));
}

TEST_F(HistoryTest, LongCommitsAreCutIntoBlocks) {
  options_.block_bytes = 100;
  auto writer = Open(absl::nullopt);
  for (int i = 0; i < 1000; ++i) {
    Add(writer.get(), kStart + i, absl::StrCat("e", i));
  }
  ASSERT_TRUE(writer->Flush().ok());
  const std::vector<std::string> ids = Ids();
  ASSERT_THAT(ids, SizeIs(1000));
  EXPECT_EQ(ids[999], "e999");
}

TEST_F(HistoryTest, PruningRemovesByAgeAndSizeButNeverTheCurrentOne) {
  auto writer = Open(absl::nullopt);
  for (int hour = 0; hour < 4; ++hour) {
    Add(writer.get(), kStart + hour * kHour, absl::StrCat("e", hour));
    ASSERT_TRUE(writer->Flush().ok());
  }
  const absl::Time now = Segments()[0].written;
  const auto prune = [&](absl::Duration retention, int64_t bytes,
                         absl::Time at) {
    return *PruneHistory(options_.directory, writer->current_segment(),
                         retention, bytes, at);
  };
  const int64_t all = prune(absl::Hours(1), 1 << 30, now);
  EXPECT_THAT(Ids(), SizeIs(4));
  prune(absl::Hours(1), all - 1, now);
  EXPECT_THAT(Ids(), ElementsAre("e1", "e2", "e3"));
  prune(absl::Hours(1), 1 << 30, now + absl::Hours(2));
  EXPECT_THAT(Ids(), ElementsAre("e3"));
  Add(writer.get(), kStart + 3 * kHour + 1, "f");
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_THAT(Ids(), ElementsAre("e3", "f"));
}

TEST_F(HistoryTest, PositionSurvivesItsText) {
  HistoryPosition position;
  position.segment = 42;
  position.bytes = 123456789012;
  position.newest_ms = kStart;
  const auto read = HistoryPosition::Decode(position.Encode());
  ASSERT_TRUE(read);
  EXPECT_TRUE(*read == position);
  EXPECT_FALSE(HistoryPosition::Decode("\x07nonsense"));
  EXPECT_FALSE(HistoryPosition::Decode(""));
}

}  // namespace
}  // namespace keywatch
