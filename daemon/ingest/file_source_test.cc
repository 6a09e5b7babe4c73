#include "daemon/ingest/file_source.h"
#include "daemon/ingest/compress_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/core/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

// `count` lines that differ from each other, `first` being the first's number.
Strings Lines(int first, int count) {
  Strings lines;
  for (int i = first; i < first + count; ++i) {
    lines.push_back(absl::StrCat("{\"n\":", i, ",\"pad\":\"",
                                 std::string(static_cast<size_t>(i % 40), 'p'),
                                 "\"}"));
  }
  return lines;
}
std::string Text(const Strings& lines) {
  return lines.empty() ? "" : absl::StrCat(absl::StrJoin(lines, "\n"), "\n");
}
Strings operator+(Strings a, const Strings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() {
    std::string pattern = absl::StrCat(testing::TempDir(), "/filesXXXXXX");
    directory_ = mkdtemp(&pattern[0]);
    options_.paths = {Path("*.log*")};
  }
  ~FileSourceTest() override {
    source_.reset();
    const std::string command = absl::StrCat("rm -rf '", directory_, "'");
    if (std::system(command.c_str()) != 0) ADD_FAILURE() << command;
  }

  std::string Path(const std::string& name) const {
    return absl::StrCat(directory_, "/", name);
  }
  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(Path(name), std::ios::binary | std::ios::trunc) << bytes;
  }
  void Append(const std::string& name, const std::string& bytes) {
    std::ofstream(Path(name), std::ios::binary | std::ios::app) << bytes;
  }
  void Rename(const std::string& from, const std::string& to) {
    ASSERT_EQ(rename(Path(from).c_str(), Path(to).c_str()), 0);
  }
  void Remove(const std::string& name) {
    ASSERT_EQ(unlink(Path(name).c_str()), 0);
  }
  std::string Read(const std::string& name) {
    std::ifstream in(Path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  // As logrotate's copytruncate.
  void CopyTruncate(const std::string& from, const std::string& to) {
    Write(to, Read(from));
    ASSERT_EQ(truncate(Path(from).c_str(), 0), 0);
  }

  // A new source goes on at the cursor.
  void Restart() { source_.reset(); }

  // One page; takes it into the cursor.
  absl::StatusOr<Page> FetchPage() {
    if (source_ == nullptr) {
      auto source = FileSource::Create(options_, &clock_);
      if (!source.ok()) return source.status();
      source_ = *std::move(source);
    }
    absl::StatusOr<Page> page = source_->Fetch(cursor_, clock_.Now());
    if (!page.ok()) return page;
    for (const Record& record : page->records) {
      EXPECT_LT(record.stream, page->streams.size());
      EXPECT_LE(record.begin, record.end);
      if (record.truncated) ++truncated_;
    }
    for (const StreamPosition& stream : page->streams) {
      auto it = std::find_if(
          cursor_.streams.begin(), cursor_.streams.end(),
          [&](const auto& s) { return s.stream == stream.stream; });
      if (it == cursor_.streams.end()) {
        cursor_.streams.push_back(stream);
      } else {
        *it = stream;
      }
    }
    for (const std::string& name : page->ended) {
      cursor_.streams.erase(
          std::remove_if(cursor_.streams.begin(), cursor_.streams.end(),
                         [&](const auto& s) { return s.stream == name; }),
          cursor_.streams.end());
    }
    for (const SourceGap& gap : page->gaps) gaps_.push_back(gap.reason);
    return page;
  }

  // Everything that is there now; a few seconds pass.
  Strings Take() {
    Strings records;
    for (int quiet = 0; quiet < 3;) {
      absl::StatusOr<Page> page = FetchPage();
      if (!page.ok()) {
        error_ = page.status();
        return records;
      }
      error_ = absl::OkStatus();
      for (const Record& record : page->records) {
        records.emplace_back(record.bytes);
      }
      if (page->more) continue;
      clock_.Advance(absl::Seconds(1));
      quiet = page->records.empty() ? quiet + 1 : 0;
    }
    return records;
  }

  std::string directory_;
  FileSourceOptions options_;
  FakeClock clock_{absl::FromUnixSeconds(1790000000)};
  std::unique_ptr<FileSource> source_;
  Cursor cursor_;
  Strings gaps_;
  absl::Status error_;
  int truncated_ = 0;
};

// --- Growth.

TEST_F(FileSourceTest, FollowsGrowthAndWaitsForTheEndOfALine) {
  Write("a.log", Text(Lines(0, 3)));
  EXPECT_EQ(Take(), Lines(0, 3));
  Append("a.log", "{\"half\":");
  EXPECT_THAT(Take(), IsEmpty());
  Append("a.log", "1}\n{\"next\"");
  EXPECT_THAT(Take(), ElementsAre("{\"half\":1}"));
  Append("a.log", ":2}\n");
  EXPECT_THAT(Take(), ElementsAre("{\"next\":2}"));
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, PositionsTellWhereRecordsAre) {
  const std::string text = "aa\n\nbbb\r\ncc\n";
  Write("a.log", text);
  absl::StatusOr<Page> page = FetchPage();
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->records.size(), 4u);
  for (const Record& record : page->records) {
    EXPECT_EQ(
        text.substr(static_cast<size_t>(record.begin), record.bytes.size()),
        record.bytes);
    EXPECT_EQ(text[static_cast<size_t>(record.end) - 1], '\n');
  }
  ASSERT_THAT(page->streams, SizeIs(1));
  EXPECT_EQ(page->streams[0].position, static_cast<int64_t>(text.size()));
}

TEST_F(FileSourceTest, FilesThatAppearLaterAreRead) {
  Write("a.log", Text(Lines(0, 1)));
  EXPECT_EQ(Take(), Lines(0, 1));
  Write("b.log", Text(Lines(10, 2)));
  EXPECT_EQ(Take(), Lines(10, 2));
  Write("c.log", "");
  EXPECT_THAT(Take(), IsEmpty());
  Append("c.log", Text(Lines(20, 1)));
  EXPECT_EQ(Take(), Lines(20, 1));
  Write("other.txt", Text(Lines(30, 1)));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(FileSourceTest, StartAtTheEndSkipsWhatWasThereAtTheFirstStartOnly) {
  options_.start = FileSourceOptions::Start::kEnd;
  Write("a.log", Text(Lines(0, 3)) + "{\"half\"");
  Write("old.log.gz", Gzip(Text(Lines(50, 3))));
  EXPECT_THAT(Take(), IsEmpty());
  Append("a.log", ":1}\n" + Text(Lines(3, 1)));
  Write("b.log", Text(Lines(10, 2)));
  // The line that was half written at the start is a whole record.
  EXPECT_EQ(Take(), Strings({"{\"half\":1}"}) + Lines(3, 1) + Lines(10, 2));
  Restart();
  Write("c.log", Text(Lines(20, 2)));
  EXPECT_EQ(Take(), Lines(20, 2));
}

TEST_F(FileSourceTest, LongLinesAreTruncatedRecords) {
  options_.max_record_bytes = 1000;
  Write("a.log", Text(Lines(0, 2)));
  Append("a.log", std::string(10 << 20, 'x') + "\n" + Text(Lines(2, 2)));
  const Strings records = Take();
  ASSERT_EQ(records.size(), 5u);
  EXPECT_EQ(records[1], Lines(1, 1)[0]);
  EXPECT_LE(records[2].size(), size_t{16} << 10);
  EXPECT_EQ(records[3], Lines(2, 1)[0]);
  EXPECT_EQ(truncated_, 1);
  EXPECT_EQ(cursor_.streams[0].position,
            static_cast<int64_t>(Read("a.log").size()));
}

TEST_F(FileSourceTest, PagesAreBounded) {
  options_.page_records = 100;
  options_.page_bytes = 3000;
  Write("a.log", Text(Lines(0, 1000)));
  Write("b.log", Text(Lines(1000, 1000)));
  Strings all;
  for (bool more = true; more;) {
    absl::StatusOr<Page> page = FetchPage();
    ASSERT_TRUE(page.ok());
    EXPECT_LE(page->records.size(), 100u);
    EXPECT_LE(page->data->size(), 6500u);
    for (const Record& record : page->records) {
      all.emplace_back(record.bytes);
    }
    more = page->more;
  }
  std::sort(all.begin(), all.end());
  Strings want = Lines(0, 2000);
  std::sort(want.begin(), want.end());
  EXPECT_EQ(all, want);
}

TEST_F(FileSourceTest, ABusyFileDoesNotStarveTheOthers) {
  options_.page_bytes = 64 << 10;
  Write("busy.log", Text(Lines(0, 100000)));
  Write("calm.log", Text(Lines(900000, 1)));
  bool calm = false;
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<Page> page = FetchPage();
    ASSERT_TRUE(page.ok());
    for (const Record& record : page->records) {
      calm = calm || record.bytes == Lines(900000, 1)[0];
    }
  }
  EXPECT_TRUE(calm);
}

TEST_F(FileSourceTest, APageThatWasNotTakenComesAgain) {
  Write("a.log", Text(Lines(0, 3)));
  const Cursor before = cursor_;
  EXPECT_EQ(Take(), Lines(0, 3));
  cursor_ = before;
  EXPECT_EQ(Take(), Lines(0, 3));
  Append("a.log", Text(Lines(3, 3)));
  const Cursor middle = cursor_;
  EXPECT_EQ(Take(), Lines(3, 3));
  cursor_ = middle;
  EXPECT_EQ(Take(), Lines(3, 3));
}

// --- Restart.

TEST_F(FileSourceTest, ARestartAtEveryByteOfASmallLogGivesTheSameRecords) {
  const Strings lines = Lines(0, 12);
  const std::string text = Text(lines);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    cursor_ = Cursor();
    Restart();
    const std::string name = absl::StrCat("cut", cut, ".log");
    options_.paths = {Path(name)};
    Write(name, text.substr(0, cut));
    Strings records = Take();
    Restart();
    Append(name, text.substr(cut));
    records = records + Take();
    ASSERT_EQ(records, lines) << cut;
  }
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, ARestartAtAnyRecordGivesTheRest) {
  const Strings lines = Lines(0, 50);
  for (const std::string& bytes :
       {Text(lines), Gzip(Text(lines)), Zstd(Text(lines))}) {
    cursor_ = Cursor();
    Restart();
    Write("a.log", bytes);
    absl::StatusOr<Page> page = FetchPage();
    ASSERT_TRUE(page.ok());
    ASSERT_EQ(page->records.size(), lines.size());
    const Cursor all = cursor_;
    for (size_t i = 0; i < lines.size(); ++i) {
      Restart();
      // What a pipeline does whose reorder buffer holds records.
      cursor_ = all;
      cursor_.streams[0].position = page->records[i].begin;
      ASSERT_EQ(Take(), Strings(lines.begin() + i, lines.end())) << i;
    }
    Restart();
    EXPECT_THAT(Take(), IsEmpty());
    Remove("a.log");
    cursor_ = Cursor();
    Restart();
  }
}

// The store gave the streams by name, which begins with the number of the file,
// and the newer file was read first.
TEST_F(FileSourceTest, ARestartReadsTheOlderFileFirst) {
  Write("a.log", Text(Lines(0, 10)));
  EXPECT_EQ(Take(), Lines(0, 10));
  Rename("a.log", "a.log.1");
  Write("a.log", Text(Lines(10, 10)));
  EXPECT_EQ(Take(), Lines(10, 10));
  ASSERT_THAT(cursor_.streams, SizeIs(2));
  for (int order = 0; order < 2; ++order) {
    std::reverse(cursor_.streams.begin(), cursor_.streams.end());
    for (StreamPosition& stream : cursor_.streams) stream.position = 0;
    Restart();
    EXPECT_EQ(Take(), Lines(0, 20));
  }
  // What comes next is newer than both.
  Rename("a.log", "a.log.2");
  Write("a.log", Text(Lines(20, 10)));
  EXPECT_EQ(Take(), Lines(20, 10));
  ASSERT_THAT(cursor_.streams, SizeIs(3));
  std::reverse(cursor_.streams.begin(), cursor_.streams.end());
  for (StreamPosition& stream : cursor_.streams) stream.position = 0;
  Restart();
  EXPECT_EQ(Take(), Lines(0, 30));
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, ACursorFromBeforeTheOrderOfFilesIsGoneOnWith) {
  Write("a.log", Text(Lines(0, 3)));
  EXPECT_EQ(Take(), Lines(0, 3));
  Strings words = absl::StrSplit(cursor_.streams[0].attributes, ' ');
  ASSERT_EQ(words[0], "2");
  words[0] = "1";
  words.erase(words.begin() + 1);
  cursor_.streams[0].attributes = absl::StrJoin(words, " ");
  Append("a.log", Text(Lines(3, 1)));
  Restart();
  EXPECT_EQ(Take(), Lines(3, 1));
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, WhatHappenedWhileItWasDownIsFound) {
  options_.paths = {Path("a.log")};
  Write("a.log", Text(Lines(0, 20)));
  EXPECT_EQ(Take(), Lines(0, 20));
  Restart();
  Append("a.log", Text(Lines(20, 5)));
  Rename("a.log", "a.log.1");
  Write("a.log", Text(Lines(25, 5)));
  EXPECT_EQ(Take(), Lines(20, 10));
  // Once more, and compressed this time.
  Restart();
  Append("a.log", Text(Lines(30, 5)));
  Write("a.log.2.gz", Gzip(Read("a.log")));
  Remove("a.log");
  Write("a.log", Text(Lines(35, 5)));
  EXPECT_EQ(Take(), Lines(30, 10));
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, AFileThatVanishedWhileItWasDownIsAGap) {
  Write("a.log", Text(Lines(0, 20)));
  EXPECT_EQ(Take(), Lines(0, 20));
  Restart();
  Remove("a.log");
  Write("a.log", Text(Lines(50, 3)));
  EXPECT_EQ(Take(), Lines(50, 3));
  ASSERT_THAT(gaps_, SizeIs(1));
  EXPECT_THAT(gaps_[0], HasSubstr("a.log"));
  // Said once.
  Restart();
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(gaps_, SizeIs(1));
}

TEST_F(FileSourceTest, ACursorThatCannotBeReadIsAGapAndNotALoss) {
  Write("a.log", Text(Lines(0, 2)));
  cursor_.streams.push_back({"something", 7, "else"});
  EXPECT_EQ(Take(), Lines(0, 2));
  EXPECT_THAT(gaps_, SizeIs(1));
  EXPECT_THAT(cursor_.streams, SizeIs(1));
}

// --- Rotation.

TEST_F(FileSourceTest, ARenamedFileIsReadToItsEndBeforeTheNextOne) {
  Write("a.log", Text(Lines(0, 3)));
  EXPECT_EQ(Take(), Lines(0, 3));
  Append("a.log", Text(Lines(3, 3)));
  Rename("a.log", "a.log.1");
  Write("a.log", Text(Lines(6, 3)));
  EXPECT_EQ(Take(), Lines(3, 6));
  // Its writer has not noticed yet.
  Append("a.log.1", Text(Lines(100, 1)));
  EXPECT_EQ(Take(), Lines(100, 1));
  Rename("a.log.1", "a.log.2");
  Rename("a.log", "a.log.1");
  EXPECT_THAT(Take(), IsEmpty());
  Append("a.log.1", Text(Lines(9, 1)));
  Write("a.log", Text(Lines(10, 1)));
  EXPECT_EQ(Take(), Lines(9, 2));
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, ARenameOutOfTheGlobIsFollowedToo) {
  options_.paths = {Path("a.log")};
  Write("a.log", Text(Lines(0, 3)));
  EXPECT_EQ(Take(), Lines(0, 3));
  Rename("a.log", "gone-elsewhere");
  Append("gone-elsewhere", Text(Lines(3, 1)));
  EXPECT_EQ(Take(), Lines(3, 1));
  Write("a.log", Text(Lines(4, 1)));
  Append("gone-elsewhere", Text(Lines(5, 1)));
  Strings records = Take();
  std::sort(records.begin(), records.end());
  EXPECT_EQ(records, Lines(4, 2));
}

TEST_F(FileSourceTest, TheLastLineOfARotatedFileNeedsNoEnd) {
  Write("a.log", Text(Lines(0, 3)) + "{\"last\":1}");
  EXPECT_EQ(Take(), Lines(0, 3));
  Rename("a.log", "a.log.1");
  EXPECT_THAT(Take(), IsEmpty());
  Write("a.log", Text(Lines(3, 1)));
  Strings records = Take();
  EXPECT_THAT(records,
              testing::UnorderedElementsAre(Lines(3, 1)[0], "{\"last\":1}"));
  Restart();
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, ADeletedFileIsReadToItsEnd) {
  Write("a.log", Text(Lines(0, 3)));
  EXPECT_EQ(Take(), Lines(0, 3));
  Append("a.log", Text(Lines(3, 3)) + "{\"last\":1}");
  Remove("a.log");
  EXPECT_EQ(Take(), Lines(3, 3) + Strings({"{\"last\":1}"}));
  EXPECT_THAT(gaps_, IsEmpty());
  Restart();
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, CopytruncateLosesAndRepeatsNothing) {
  Write("a.log", Text(Lines(0, 100)));
  EXPECT_EQ(Take(), Lines(0, 100));
  // Lines that only the copy still has.
  Append("a.log", Text(Lines(100, 5)));
  CopyTruncate("a.log", "a.log.1");
  Append("a.log", Text(Lines(105, 5)));
  EXPECT_EQ(Take(), Lines(100, 10));
  // The copy exists before the truncation, and is seen.
  Append("a.log", Text(Lines(110, 100)));
  EXPECT_EQ(Take(), Lines(110, 100));
  Rename("a.log.1", "a.log.2");
  Write("a.log.1", Read("a.log"));
  EXPECT_THAT(Take(), IsEmpty());
  ASSERT_EQ(truncate(Path("a.log").c_str(), 0), 0);
  EXPECT_THAT(Take(), IsEmpty());
  Append("a.log", Text(Lines(210, 5)));
  EXPECT_EQ(Take(), Lines(210, 5));
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, ACopyIsNotReadWhileItIsBeingMade) {
  Write("a.log", Text(Lines(0, 200)));
  EXPECT_EQ(Take(), Lines(0, 200));
  const std::string text = Read("a.log");
  for (size_t size : {size_t{10}, size_t{500}, size_t{3000}, text.size()}) {
    Write("a.log.1", text.substr(0, size));
    EXPECT_THAT(Take(), IsEmpty()) << size;
  }
  ASSERT_EQ(truncate(Path("a.log").c_str(), 0), 0);
  Append("a.log", Text(Lines(200, 1)));
  EXPECT_EQ(Take(), Lines(200, 1));
}

TEST_F(FileSourceTest, ATruncatedFileThatOutgrewItsOldPlaceIsReadAnew) {
  Write("a.log", Text(Lines(0, 10)));
  EXPECT_EQ(Take(), Lines(0, 10));
  ASSERT_EQ(truncate(Path("a.log").c_str(), 0), 0);
  Append("a.log", Text(Lines(1000, 200)));
  EXPECT_EQ(Take(), Lines(1000, 200));
  // Also when nobody was looking.
  Restart();
  ASSERT_EQ(truncate(Path("a.log").c_str(), 0), 0);
  Append("a.log", Text(Lines(2000, 900)));
  EXPECT_EQ(Take(), Lines(2000, 900));
}

TEST_F(FileSourceTest, AFileThatBeginsAlikeButGoesOnOtherwiseIsAnotherFile) {
  // A header as some programs write it, longer than what is hashed.
  const std::string header = std::string(1500, '#') + "\n";
  Write("a.log", header + Text(Lines(0, 10)));
  EXPECT_EQ(Take().size(), 11u);
  ASSERT_EQ(truncate(Path("a.log").c_str(), 0), 0);
  Append("a.log", header + Text(Lines(1000, 50)));
  const Strings records = Take();
  EXPECT_EQ(records, Strings({header.substr(0, 1500)}) + Lines(1000, 50));
}

TEST_F(FileSourceTest, TruncationBeforeAllWasReadIsAGap) {
  options_.page_bytes = 1000;
  Write("a.log", Text(Lines(0, 500)));
  ASSERT_TRUE(FetchPage().ok());
  ASSERT_EQ(truncate(Path("a.log").c_str(), 0), 0);
  Append("a.log", Text(Lines(1000, 1)));
  const Strings records = Take();
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.back(), Lines(1000, 1)[0]);
  EXPECT_THAT(gaps_, ElementsAre(HasSubstr("truncated")));
}

TEST_F(FileSourceTest, ACompressedFileIsReadOnceAndNeverTwice) {
  Write("a.log.3.gz", Gzip(Text(Lines(0, 50)) + "{\"last\":1}"));
  Write("a.log.2.zst", Zstd(Text(Lines(50, 50))));
  const Strings want = Lines(0, 50) + Strings({"{\"last\":1}"}) + Lines(50, 50);
  Strings records = Take();
  std::sort(records.begin(), records.end());
  Strings sorted = want;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(records, sorted);
  EXPECT_THAT(Take(), IsEmpty());
  Restart();
  EXPECT_THAT(Take(), IsEmpty());
  Rename("a.log.3.gz", "a.log.4.gz");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, AFollowedFileThatGetsCompressedIsNotReadTwice) {
  for (int bytes : {3, 300}) {
    const Strings first = Lines(bytes * 1000, bytes);
    const Strings second = Lines(bytes * 2000, bytes);
    Write("a.log", Text(first));
    EXPECT_EQ(Take(), first);
    Rename("a.log", "a.log.1");
    Write("a.log", Text(second));
    EXPECT_EQ(Take(), second);
    // gzip writes beside the original, then removes it.
    const std::string archive = Gzip(Text(first));
    Write("a.log.1.gz", archive.substr(0, archive.size() / 2));
    EXPECT_THAT(Take(), IsEmpty());
    Write("a.log.1.gz", archive);
    EXPECT_THAT(Take(), IsEmpty());
    Remove("a.log.1");
    EXPECT_THAT(Take(), IsEmpty());
    Restart();
    EXPECT_THAT(Take(), IsEmpty());
    Rename("a.log.1.gz", "a.log.2.gz");
    EXPECT_THAT(Take(), IsEmpty());
    EXPECT_THAT(gaps_, IsEmpty());
    Remove("a.log");
    Remove("a.log.2.gz");
    EXPECT_THAT(Take(), IsEmpty());
  }
}

TEST_F(FileSourceTest, AnArchiveThatIsStillWrittenIsReadAsItGrows) {
  Strings lines = Lines(0, 3000);
  std::mt19937 random(2);
  for (std::string& line : lines) absl::StrAppend(&line, random());
  const std::string archive = Gzip(Text(lines));
  Write("a.log.gz", archive.substr(0, archive.size() / 2));
  Strings records = Take();
  EXPECT_FALSE(records.empty());
  EXPECT_LT(records.size(), lines.size());
  Append("a.log.gz", archive.substr(archive.size() / 2));
  records = records + Take();
  EXPECT_EQ(records, lines);
}

TEST_F(FileSourceTest, ADamagedArchiveIsAGapAndTheOthersGoOn) {
  Strings lines = Lines(0, 3000);
  std::mt19937 random(2);
  for (std::string& line : lines) absl::StrAppend(&line, random());
  std::string archive = Gzip(Text(lines));
  for (size_t i = 0; i < 64; ++i) archive[archive.size() / 2 + i] ^= 0x55;
  Write("a.log.gz", archive);
  Write("b.log", Text(Lines(9000, 2)));
  const Strings records = Take();
  EXPECT_GT(records.size(), 2u);
  EXPECT_THAT(gaps_, ElementsAre(HasSubstr("damaged")));
  EXPECT_THAT(Take(), IsEmpty());
  Append("b.log", Text(Lines(9002, 1)));
  EXPECT_EQ(Take(), Lines(9002, 1));
}

TEST_F(FileSourceTest, FilesWithTheSameContentAndOtherNamesAreOtherFiles) {
  Write("a.log", Text(Lines(0, 5)));
  Write("b.log", Text(Lines(0, 5)));
  EXPECT_EQ(Take(), Lines(0, 5) + Lines(0, 5));
  Append("a.log", Text(Lines(5, 1)));
  Append("b.log", Text(Lines(5, 1)));
  EXPECT_EQ(Take(), Lines(5, 1) + Lines(5, 1));
}

TEST_F(FileSourceTest, LinksToOneFileAreOneFile) {
  Write("a.log", Text(Lines(0, 3)));
  ASSERT_EQ(symlink(Path("a.log").c_str(), Path("b.log").c_str()), 0);
  ASSERT_EQ(link(Path("a.log").c_str(), Path("c.log").c_str()), 0);
  EXPECT_EQ(Take(), Lines(0, 3));
  EXPECT_THAT(source_->problems(), IsEmpty());
}

// --- What must not be read.

// Who may write to a log's directory had any file read, and its lines shown
// among the rejects.
TEST_F(FileSourceTest, APatternFollowsNoSymbolicLink) {
  ASSERT_EQ(mkdir(Path("state").c_str(), 0700), 0);
  Write("state/pepper", "0123456789abcdef\n");
  Write("a.log", Text(Lines(0, 2)));
  ASSERT_EQ(symlink(Path("state/pepper").c_str(), Path("x.log").c_str()), 0);
  EXPECT_EQ(Take(), Lines(0, 2));
  EXPECT_THAT(source_->problems(),
              ElementsAre(HasSubstr("x.log is a symbolic link")));
  // Nor as a rotation of a file that is followed.
  ASSERT_EQ(symlink(Path("state/pepper").c_str(), Path("a.log.1").c_str()), 0);
  Remove("a.log");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(FileSourceTest, APatternFollowsNoLinkToADirectory) {
  options_.paths = {Path("*/app.log")};
  ASSERT_EQ(mkdir(Path("real").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(Path("elsewhere").c_str(), 0755), 0);
  Write("real/app.log", Text(Lines(0, 1)));
  ASSERT_EQ(rename(Path("elsewhere").c_str(),
                   absl::StrCat(directory_, ".aside").c_str()),
            0);
  std::ofstream(absl::StrCat(directory_, ".aside/app.log")) << "secret\n";
  ASSERT_EQ(
      symlink(absl::StrCat(directory_, ".aside").c_str(), Path("l").c_str()),
      0);
  EXPECT_EQ(Take(), Lines(0, 1));
  EXPECT_THAT(source_->problems(),
              ElementsAre(HasSubstr("/l is a symbolic link")));
}

TEST_F(FileSourceTest, APathWithoutWildcardsMayBeALink) {
  Write("real", Text(Lines(0, 2)));
  ASSERT_EQ(symlink(Path("real").c_str(), Path("current").c_str()), 0);
  options_.paths = {Path("current")};
  EXPECT_EQ(Take(), Lines(0, 2));
}

TEST_F(FileSourceTest, TheDaemonsOwnFilesAreNeverReadByWhateverName) {
  ASSERT_EQ(mkdir(Path("state").c_str(), 0700), 0);
  Write("state/pepper", "0123456789abcdef\n");
  Write("token", "not for a log\n");
  ASSERT_EQ(link(Path("state/pepper").c_str(), Path("p.log").c_str()), 0);
  ASSERT_EQ(link(Path("token").c_str(), Path("t.log").c_str()), 0);
  Write("a.log", Text(Lines(0, 1)));
  options_.paths = {Path("*.log"), Path("state/pepper")};
  options_.protected_paths = {Path("state"), Path("token"), Path("none")};
  EXPECT_EQ(Take(), Lines(0, 1));
  EXPECT_THAT(source_->problems(),
              UnorderedElementsAre(HasSubstr("own files or credentials"),
                                   HasSubstr("own files or credentials")));
  EXPECT_THAT(gaps_, IsEmpty());
}

// --- What is lost.

// It was given up as soon as its name was gone, without a word.
TEST_F(FileSourceTest, ADeletedFileIsReadAsLongAsItsWriterGoesOn) {
  Write("a.log", Text(Lines(0, 1)));
  std::ofstream writer(Path("a.log"), std::ios::binary | std::ios::app);
  EXPECT_EQ(Take(), Lines(0, 1));
  Remove("a.log");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(error_)) << error_;
  for (int i = 1; i < 4; ++i) {
    writer << Text(Lines(i, 1)) << std::flush;
    EXPECT_EQ(Take(), Lines(i, 1));
    clock_.Advance(absl::Minutes(5));
  }
  EXPECT_THAT(gaps_, IsEmpty());
  // Let go in the end: what it may still write is not read.
  clock_.Advance(absl::Minutes(10));
  Take();
  EXPECT_THAT(gaps_, ElementsAre(HasSubstr("deleted while it was written")));
  writer << Text(Lines(9, 1)) << std::flush;
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(FileSourceTest, ADeletedFileIsLetGoThoughItsWriterNeverEnds) {
  Write("a.log", Text(Lines(0, 1)));
  std::ofstream writer(Path("a.log"), std::ios::binary | std::ios::app);
  EXPECT_EQ(Take(), Lines(0, 1));
  Remove("a.log");
  Take();
  for (int hour = 1; hour < 26; ++hour) {
    writer << Text(Lines(hour, 1)) << std::flush;
    Take();
    clock_.Advance(absl::Hours(1));
  }
  Take();
  EXPECT_THAT(gaps_, ElementsAre(HasSubstr("deleted while it was written")));
}

TEST_F(FileSourceTest, ARestartTellsThatADeletedFileWasStillWritten) {
  Write("a.log", Text(Lines(0, 1)));
  std::ofstream writer(Path("a.log"), std::ios::binary | std::ios::app);
  EXPECT_EQ(Take(), Lines(0, 1));
  Remove("a.log");
  Take();
  writer << Text(Lines(1, 1)) << std::flush;
  EXPECT_EQ(Take(), Lines(1, 1));
  Restart();
  Take();
  EXPECT_THAT(gaps_, ElementsAre(HasSubstr("is gone")));
}

// They went without a trace.
TEST_F(FileSourceTest, FilesThatAreGoneBeforeTheirTurnAreAGap) {
  options_.max_files = 1;
  Write("a.log", Text(Lines(0, 1)));
  EXPECT_EQ(Take(), Lines(0, 1));
  Write("b.log", Text(Lines(1, 1)));
  Write("c.log", Text(Lines(2, 1)));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(gaps_, IsEmpty());
  Remove("b.log");
  Remove("c.log");
  Take();
  EXPECT_THAT(gaps_, ElementsAre(AllOf(HasSubstr("gone before it was read"),
                                       HasSubstr("and 1 more"))));
}

// Under another user: root may read everything.
class AsNobody {
 public:
  AsNobody() { active_ = geteuid() == 0 && seteuid(65534) == 0; }
  ~AsNobody() {
    if (active_ && seteuid(0) != 0) abort();
  }

 private:
  bool active_ = false;
};

// The source was idle and well.
TEST_F(FileSourceTest, ARotationToAFileThatMayNotBeReadIsAGap) {
  // Where everybody may go.
  std::string pattern = "/tmp/filesXXXXXX";
  const std::string command = absl::StrCat("rm -rf '", directory_, "'");
  ASSERT_EQ(std::system(command.c_str()), 0);
  directory_ = mkdtemp(&pattern[0]);
  ASSERT_EQ(chmod(directory_.c_str(), 0777), 0);
  options_.paths = {Path("a.log")};
  const auto take = [this] {
    AsNobody nobody;
    return Take();
  };
  Write("a.log", Text(Lines(0, 1)));
  EXPECT_EQ(take(), Lines(0, 1));
  Rename("a.log", "a.log.1");
  Write("a.log", Text(Lines(1, 1)));
  ASSERT_EQ(chmod(Path("a.log").c_str(), 0), 0);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(gaps_, ElementsAre(HasSubstr("Permission denied")));
  EXPECT_THAT(source_->problems(), ElementsAre(HasSubstr("a.log")));
  // Again as it grows, once a minute.
  Append("a.log", Text(Lines(2, 1)));
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(gaps_, SizeIs(1));
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(gaps_, SizeIs(2));
  Remove("a.log");
  take();
  EXPECT_THAT(gaps_, SizeIs(3));
  EXPECT_THAT(gaps_[2], HasSubstr("gone before it was read"));
}

// Random rotations of every kind, with restarts: nothing lost or repeated.
TEST_F(FileSourceTest, NothingIsLostOrRepeatedByAnyRotation) {
  for (uint32_t seed = 1; seed <= 25; ++seed) {
    std::mt19937 random(seed);
    cursor_ = Cursor();
    Restart();
    gaps_.clear();
    const std::string log = absl::StrCat("r", seed, "x.log");
    options_.paths = {Path(log + "*")};
    options_.page_bytes = 200 + static_cast<int64_t>(random() % 5000);
    int next = 0;
    int archives = 0;
    Strings got;
    std::string story;
    for (int step = 0; step < 60; ++step) {
      const int lines = static_cast<int>(random() % 30);
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
          Append(log, Text(Lines(next, lines)));
          next += lines;
          story += 'a';
          break;
        case 3: {
          // A line in two pieces.
          const std::string line = Text(Lines(next++, 1));
          const size_t cut = random() % line.size();
          Append(log, line.substr(0, cut));
          got = got + Take();
          Append(log, line.substr(cut));
          story += 'h';
          break;
        }
        case 4:
          if (access(Path(log).c_str(), F_OK) == 0 && !Read(log).empty()) {
            Rename(log, absl::StrCat(log, ".", ++archives));
            story += 'r';
          }
          break;
        case 5:
          if (access(Path(log).c_str(), F_OK) == 0 && !Read(log).empty()) {
            CopyTruncate(log, absl::StrCat(log, ".", ++archives));
            story += 'c';
          }
          break;
        case 6:
          if (archives > 0) {
            const std::string name = absl::StrCat(log, ".", archives);
            if (access(Path(name).c_str(), F_OK) == 0) {
              Write(name + ".gz", Gzip(Read(name)));
              if (random() % 2 == 0) got = got + Take();
              Remove(name);
              story += 'z';
            }
          }
          break;
        default:
          Restart();
          story += 'R';
      }
      if (random() % 3 != 0) {
        got = got + Take();
        story += '.';
      }
    }
    got = got + Take();
    Strings want = Lines(0, next);
    std::sort(want.begin(), want.end());
    Strings sorted = got;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted.size(), want.size()) << "seed " << seed << " " << story;
    ASSERT_TRUE(sorted == want) << "seed " << seed << " " << story;
    EXPECT_THAT(gaps_, IsEmpty()) << "seed " << seed << " " << story;
  }
}

// A writer that rotates as fast as it can while the source reads.
TEST_F(FileSourceTest, ReadsAlongWithAWriterThatRotates) {
  constexpr int kFiles = 40;
  constexpr int kPerFile = 250;
  std::thread writer([this] {
    for (int i = 0; i < kFiles; ++i) {
      for (int k = 0; k < kPerFile; k += 10) {
        Append("w.log", Text(Lines(i * kPerFile + k, 10)));
      }
      Rename("w.log", absl::StrCat("w.log.", i));
    }
  });
  Strings got;
  while (got.size() < kFiles * kPerFile &&
         clock_.Now() < absl::FromUnixSeconds(1790000000) + absl::Hours(10)) {
    got = got + Take();
  }
  writer.join();
  got = got + Take();
  // Files that come and go while a directory is listed may be found in another
  // order.
  std::sort(got.begin(), got.end());
  Strings want = Lines(0, kFiles * kPerFile);
  std::sort(want.begin(), want.end());
  EXPECT_TRUE(got == want) << got.size();
  EXPECT_THAT(gaps_, IsEmpty());
}

// --- What is in the way.

TEST_F(FileSourceTest, MissingDirectoriesAndFilesAreSaidWithWhatToDo) {
  options_.paths = {Path("later/sub/a.log")};
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(error_)) << error_;
  EXPECT_THAT(error_.message(), HasSubstr("there is no directory"));
  ASSERT_EQ(mkdir(Path("later").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(Path("later/sub").c_str(), 0755), 0);
  Take();
  EXPECT_THAT(error_.message(), HasSubstr("no such file yet"));
  Write("later/sub/a.log", Text(Lines(0, 2)));
  EXPECT_EQ(Take(), Lines(0, 2));
  EXPECT_TRUE(error_.ok());
  EXPECT_THAT(source_->problems(), IsEmpty());
}

TEST_F(FileSourceTest, AFileThatMayNotBeReadIsAProblemAndTheOthersGoOn) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  Write("a.log", Text(Lines(0, 2)));
  Write("b.log", Text(Lines(10, 2)));
  ASSERT_EQ(chmod(Path("a.log").c_str(), 0), 0);
  EXPECT_EQ(Take(), Lines(10, 2));
  EXPECT_THAT(source_->problems(), ElementsAre(HasSubstr("a.log")));
  ASSERT_EQ(chmod(Path("a.log").c_str(), 0644), 0);
  EXPECT_EQ(Take(), Lines(0, 2));
  EXPECT_THAT(source_->problems(), IsEmpty());
}

TEST_F(FileSourceTest, DirectoriesAndDevicesAmongTheFilesAreLeftAlone) {
  ASSERT_EQ(mkdir(Path("d.log").c_str(), 0755), 0);
  ASSERT_EQ(mkfifo(Path("f.log").c_str(), 0644), 0);
  ASSERT_EQ(symlink("/nonexistent", Path("l.log").c_str()), 0);
  Write("a.log", Text(Lines(0, 1)));
  EXPECT_EQ(Take(), Lines(0, 1));
}

TEST_F(FileSourceTest, MoreFilesThanTheLimitWait) {
  options_.max_files = 2;
  for (int i = 0; i < 3; ++i) {
    Write(absl::StrCat("f", i, ".log"), Text(Lines(i * 10, 1)));
  }
  EXPECT_THAT(Take(), SizeIs(2));
  EXPECT_THAT(source_->problems(), ElementsAre(HasSubstr("waits")));
  Remove("f0.log");
  EXPECT_THAT(Take(), SizeIs(1));
}

TEST_F(FileSourceTest, StreamsOfDeletedFilesAreForgottenInTheEnd) {
  for (int i = 0; i < 300; ++i) {
    const std::string name = absl::StrCat("f", i, "x.log");
    Write(name, Text(Lines(i, 1)));
    EXPECT_EQ(Take(), Lines(i, 1));
    Remove(name);
  }
  Take();
  EXPECT_LE(cursor_.streams.size(), 200u);
}

TEST_F(FileSourceTest, RefusesOptionsThatMakeNoSense) {
  options_.paths = {};
  EXPECT_TRUE(absl::IsInvalidArgument(FetchPage().status()));
  options_.paths = {""};
  EXPECT_TRUE(absl::IsInvalidArgument(FetchPage().status()));
  options_.paths = {Path("a")};
  options_.page_bytes = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(FetchPage().status()));
}

// --- JSON values.

TEST_F(FileSourceTest, RecordsListsAreReadElementByElementAcrossRestarts) {
  options_.framing.kind = Framing::Kind::kJsonValues;
  options_.framing.records = "Records";
  options_.page_bytes = 700;
  const Strings lines = Lines(0, 200);
  Write("a.log",
        absl::StrCat("{\"Records\":[", absl::StrJoin(lines, ","), "]}"));
  Strings records;
  for (int i = 0; i < 100; ++i) {
    absl::StatusOr<Page> page = FetchPage();
    ASSERT_TRUE(page.ok());
    for (const Record& record : page->records) {
      records.emplace_back(record.bytes);
    }
    Restart();
  }
  EXPECT_EQ(records, lines);
}

// --- Waiting.

class FileSourceWaitTest : public FileSourceTest {};

TEST_F(FileSourceWaitTest, FetchReturnsAsSoonAsSomethingIsWritten) {
  Write("a.log", Text(Lines(0, 1)));
  EXPECT_EQ(Take(), Lines(0, 1));
  std::thread writer([this] {
    usleep(30000);
    Append("a.log", Text(Lines(1, 1)));
  });
  // The fake clock stands still: only the writer can end this.
  absl::StatusOr<Page> page =
      source_->Fetch(cursor_, clock_.Now() + absl::Minutes(1));
  writer.join();
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->records.size(), 1u);
  EXPECT_EQ(page->records[0].bytes, Lines(1, 1)[0]);
}

TEST_F(FileSourceWaitTest, WakeEndsAWaitingFetch) {
  Write("a.log", Text(Lines(0, 1)));
  EXPECT_EQ(Take(), Lines(0, 1));
  std::thread waker([this] {
    usleep(30000);
    source_->Wake();
  });
  absl::StatusOr<Page> page =
      source_->Fetch(cursor_, clock_.Now() + absl::Minutes(1));
  waker.join();
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(page->records, IsEmpty());
}

TEST_F(FileSourceWaitTest, TheDescriptorTurnsReadableWhenSomethingIsWritten) {
  Write("a.log", Text(Lines(0, 1)));
  EXPECT_EQ(Take(), Lines(0, 1));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(source_->wait_fd(), &set);
  timeval none = {0, 0};
  EXPECT_EQ(select(source_->wait_fd() + 1, &set, nullptr, nullptr, &none), 0);
  Append("a.log", Text(Lines(1, 1)));
  FD_SET(source_->wait_fd(), &set);
  timeval long_enough = {10, 0};
  EXPECT_EQ(
      select(source_->wait_fd() + 1, &set, nullptr, nullptr, &long_enough), 1);
  EXPECT_EQ(Take(), Lines(1, 1));
}

}  // namespace
}  // namespace keywatch
