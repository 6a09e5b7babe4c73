#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/ingest/byte_file.h"
#include "daemon/ingest/compress_fixture.h"
#include "daemon/ingest/framer.h"
#include "daemon/ingest/page_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Strings = std::vector<std::string>;

std::string Path(const std::string& name) {
  return absl::StrCat(testing::TempDir(), "/framing_", getpid(), "_", name);
}

std::string WriteFile(const std::string& name, const std::string& bytes) {
  const std::string path = Path(name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

// --- ByteFile.

std::string ReadAll(ByteFile* file, size_t step) {
  std::string out;
  std::string buffer(step, '\0');
  while (true) {
    absl::StatusOr<size_t> n = file->Read(&buffer[0], buffer.size());
    EXPECT_TRUE(n.ok()) << n.status();
    if (!n.ok() || *n == 0) return out;
    out.append(buffer, 0, *n);
  }
}

std::string Noise(size_t size) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < size) absl::StrAppend(&text, random() % 1000, "\n");
  return text;
}

TEST(ByteFileTest, ReadsPlainGzipAndZstdAlike) {
  const std::string text = Noise(300000);
  const std::string half = text.substr(0, text.size() / 2);
  const std::string rest = text.substr(half.size());
  for (const std::string& bytes :
       {text, Gzip(text), Zstd(text), Gzip(half) + Gzip(rest),
        Zstd(half) + Zstd(rest), Gzip(text) + std::string(512, '\0')}) {
    const std::string path = WriteFile("alike", bytes);
    for (size_t step : {7, 4096, 1000000}) {
      auto file = ByteFile::Open(path);
      ASSERT_TRUE(file.ok());
      ASSERT_EQ(ReadAll(file->get(), step), text);
      EXPECT_TRUE((*file)->complete());
      EXPECT_EQ((*file)->position(), static_cast<int64_t>(text.size()));
      for (size_t at : {size_t{0}, text.size() - 5, size_t{1000}}) {
        ASSERT_TRUE((*file)->Seek(static_cast<int64_t>(at)).ok());
        ASSERT_EQ(ReadAll(file->get(), 4096), text.substr(at));
      }
      EXPECT_TRUE(absl::IsOutOfRange(
          (*file)->Seek(static_cast<int64_t>(text.size()) + 1)));
    }
  }
}

TEST(ByteFileTest, FollowsAnArchiveWhileItIsWritten) {
  const std::string text = Noise(100000);
  for (const std::string& bytes : {Gzip(text), Zstd(text)}) {
    const std::string path = WriteFile("growing", bytes.substr(0, 10));
    auto file = ByteFile::Open(path);
    ASSERT_TRUE(file.ok());
    std::string got = ReadAll(file->get(), 4096);
    for (size_t at = 10; at < bytes.size();) {
      EXPECT_FALSE((*file)->complete());
      const size_t n = std::min<size_t>(5000, bytes.size() - at);
      std::ofstream(path, std::ios::binary | std::ios::app)
          << bytes.substr(at, n);
      at += n;
      got += ReadAll(file->get(), 4096);
    }
    EXPECT_EQ(got, text);
    EXPECT_TRUE((*file)->complete());
  }
}

TEST(ByteFileTest, DamageIsSaidAfterWhatIsBeforeIt) {
  const std::string text = Noise(200000);
  for (std::string bytes : {Gzip(text), Zstd(text)}) {
    for (size_t i = 0; i < 64; ++i) bytes[bytes.size() / 2 + i] ^= 0x55;
    auto file = ByteFile::Open(WriteFile("damaged", bytes));
    ASSERT_TRUE(file.ok());
    std::string got;
    std::string buffer(4096, '\0');
    absl::StatusOr<size_t> n;
    while ((n = (*file)->Read(&buffer[0], buffer.size())).ok() && *n > 0) {
      got.append(buffer, 0, *n);
    }
    EXPECT_TRUE(absl::IsDataLoss(n.status())) << n.status();
    // What comes out of damaged data itself may be anything.
    EXPECT_TRUE(absl::StartsWith(text, got.substr(0, 50000)));
  }
}

TEST(ByteFileTest, SaysWhatIsWrongWithAPath) {
  EXPECT_TRUE(absl::IsNotFound(ByteFile::Open("/nonexistent/x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ByteFile::Open("/tmp").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ByteFile::Open("/dev/null").status()));
}

// --- Framer.

// Cuts `text`, given in pieces that end at `breaks`, as a source would.
struct CutResult {
  Strings records;
  std::vector<int64_t> begins;
  std::vector<int64_t> nexts;
  std::vector<bool> truncated;
};
CutResult CutAll(Framer* framer, const std::string& text,
                 const std::vector<size_t>& breaks, bool final,
                 size_t max_records = SIZE_MAX) {
  CutResult result;
  std::string left;
  size_t at = 0;
  int64_t position = 0;
  std::vector<size_t> ends = breaks;
  ends.push_back(text.size());
  for (size_t i = 0; i < ends.size(); ++i) {
    left.append(text, at, ends[i] - at);
    at = ends[i];
    while (true) {
      std::vector<Framer::Record> cut;
      const size_t used =
          framer->Cut(left, final && i + 1 == ends.size(), max_records, &cut);
      for (const Framer::Record& record : cut) {
        result.records.push_back(record.truncated
                                     ? record.sample
                                     : left.substr(record.begin, record.size));
        result.begins.push_back(
            position + static_cast<int64_t>(record.begin + record.size) -
            record.length);
        result.nexts.push_back(position + static_cast<int64_t>(record.next));
        result.truncated.push_back(record.truncated);
      }
      position += static_cast<int64_t>(used);
      left.erase(0, used);
      if (cut.size() < max_records) break;
    }
  }
  return result;
}

Framing Values() {
  Framing framing;
  framing.kind = Framing::Kind::kJsonValues;
  framing.records = "Records";
  return framing;
}

Strings Cut(const std::string& text, const Framing& framing, bool final = true,
            int64_t max_record = 1 << 20) {
  Framer framer(framing, max_record);
  return CutAll(&framer, text, {}, final).records;
}

TEST(FramerTest, LinesEndAtLineBreaks) {
  EXPECT_EQ(Cut("a\nbb\n\nccc", {}), Strings({"a", "bb", "", "ccc"}));
  EXPECT_EQ(Cut("a\nbb\n\nccc", {}, false), Strings({"a", "bb", ""}));
  EXPECT_THAT(Cut("", {}), IsEmpty());
  EXPECT_EQ(Cut("\n", {}), Strings({""}));
}

TEST(FramerTest, ValuesAreFoundWhateverIsAroundThem) {
  EXPECT_EQ(Cut("{\"a\":1}\n{\"b\":\"}\"}\n", Values()),
            Strings({"{\"a\":1}", "{\"b\":\"}\"}"}));
  EXPECT_EQ(Cut("{\n \"a\": [\n  {}\n ]\n}\n{\n \"b\": 2\n}", Values()),
            Strings({"{\n \"a\": [\n  {}\n ]\n}", "{\n \"b\": 2\n}"}));
  EXPECT_EQ(Cut("[{\"a\":1},{\"b\":2}]", Values()),
            Strings({"{\"a\":1}", "{\"b\":2}"}));
  EXPECT_EQ(Cut("{\"Records\":[{\"a\":\"\\\"]}\"},{\"b\":2}]}", Values()),
            Strings({"{\"a\":\"\\\"]}\"}", "{\"b\":2}"}));
  EXPECT_EQ(Cut("\xef\xbb\xbf{ \"Records\" : [\n {\"a\":1},\n {\"b\":2}\n]\n}\n"
                "{\"Records\":[{\"c\":3}]}",
                Values()),
            Strings({"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"}));
  EXPECT_THAT(Cut("{\"Records\":[]}", Values()), IsEmpty());
  // A map that only resembles the wrapper is a record.
  EXPECT_EQ(Cut("{\"Recordings\":[1]}", Values()),
            Strings({"{\"Recordings\":[1]}"}));
  EXPECT_EQ(Cut("{\"Records\":7}", Values()), Strings({"{\"Records\":7}"}));
}

TEST(FramerTest, BrokenValuesDoNotHideTheNext) {
  // A line cut off: lines are records of their own.
  EXPECT_EQ(Cut("{\"a\":1,\n{\"b\":2}\n", Values()),
            Strings({"{\"a\":1,", "{\"b\":2}"}));
  EXPECT_EQ(Cut("{\"a\":\"x\n{\"b\":2}\n", Values()),
            Strings({"{\"a\":\"x", "{\"b\":2}"}));
  EXPECT_EQ(Cut("garbage\n{\"b\":2}\n", Values()),
            Strings({"garbage", "{\"b\":2}"}));
  // In a list, a string that never ends ends at its line.
  EXPECT_EQ(Cut("[{\"a\":\"x\n},\n{\"b\":2}]", Values()),
            Strings({"{\"a\":\"x", "{\"b\":2}"}));
  EXPECT_EQ(Cut("[{\"a\":1},junk\n{\"b\":2}]", Values()),
            Strings({"{\"a\":1}", "junk", "{\"b\":2}"}));
  EXPECT_EQ(Cut("[{\"a\":1},{\"b\":", Values()),
            Strings({"{\"a\":1}", "{\"b\":"}));
}

// However the bytes come in, and wherever reading begins anew.
TEST(FramerTest, RecordsDoNotDependOnHowTheBytesCome) {
  const Strings texts = {
      "a\nbb\n\nccc",
      "{\"a\":1}\n{\"b\":\"}\\\"\"}\n{\"c\":[{}]}\n",
      "{\n \"a\": [\n  {}\n ]\n}\n{\n \"b\": 2\n}\n",
      "{\"Records\":[{\"a\":\"\\\"]}\"},{\"b\":{\"c\":[1]}}]}\n",
      "\xef\xbb\xbf[ {\"a\":1} , {\"b\":2} ]",
      "[{\"a\":\"x\n},\n{\"b\":2}]",
      "{\"a\":\"x\n{\"b\":2}\n",
  };
  for (const std::string& text : texts) {
    for (const Framing& framing : {Framing(), Values()}) {
      for (int64_t max_record : {1 << 20, 9}) {
        Framer whole(framing, max_record);
        const CutResult want = CutAll(&whole, text, {}, true);
        for (size_t i = 1; i < text.size(); ++i) {
          Framer framer(framing, max_record);
          const CutResult got = CutAll(&framer, text, {i}, true);
          ASSERT_EQ(got.records, want.records) << text << " at " << i;
          ASSERT_EQ(got.begins, want.begins) << text << " at " << i;
          ASSERT_EQ(got.nexts, want.nexts) << text << " at " << i;
        }
        std::vector<size_t> each;
        for (size_t i = 1; i < text.size(); ++i) each.push_back(i);
        Framer bytewise(framing, max_record);
        ASSERT_EQ(CutAll(&bytewise, text, each, true).records, want.records);
        Framer few(framing, max_record);
        ASSERT_EQ(CutAll(&few, text, {}, true, 1).records, want.records);

        // From each record on: a restart.
        for (size_t i = 0; i < want.records.size(); ++i) {
          Framer again(framing, max_record);
          again.set_mode(whole.mode());
          const Strings rest =
              CutAll(&again, text.substr(static_cast<size_t>(want.begins[i])),
                     {}, true)
                  .records;
          ASSERT_EQ(rest, Strings(want.records.begin() + i, want.records.end()))
              << text << " from record " << i;
        }
      }
    }
  }
}

TEST(FramerTest, LongRecordsAreCutOffWithoutBeingHeld) {
  for (const Framing& framing : {Framing(), Values()}) {
    Framer framer(framing, 1000);
    const std::string big(10 << 20, 'x');
    const std::string text =
        absl::StrCat("{\"a\":1}\n{\"b\":\"", big, "\"}\n{\"c\":3}\n");
    std::vector<size_t> breaks;
    for (size_t i = 5000; i < text.size(); i += 5000) breaks.push_back(i);
    Strings records;
    std::string left;
    size_t at = 0;
    size_t most = 0;
    breaks.push_back(text.size());
    for (size_t end : breaks) {
      left.append(text, at, end - at);
      at = end;
      std::vector<Framer::Record> cut;
      const size_t used = framer.Cut(left, false, SIZE_MAX, &cut);
      for (const Framer::Record& record : cut) {
        records.push_back(record.truncated
                              ? record.sample
                              : left.substr(record.begin, record.size));
        if (record.truncated) {
          EXPECT_EQ(record.length, static_cast<int64_t>(big.size()) + 8);
        }
      }
      left.erase(0, used);
      most = std::max(most, left.size());
    }
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[0], "{\"a\":1}");
    EXPECT_EQ(records[1].size(), size_t{16} << 10);
    EXPECT_EQ(records[2], "{\"c\":3}");
    EXPECT_LE(most, 6100u);
  }
}

TEST(FramerTest, HostileBracketsDoNoHarm) {
  std::mt19937 random(4);
  const std::string pieces = "{}[]\",:\\\n aR";
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t n = random() % 60; n > 0; --n) {
      text += pieces[random() % pieces.size()];
    }
    Framer framer(Values(), 16);
    const size_t at = text.empty() ? 0 : random() % text.size();
    const CutResult result = CutAll(&framer, text, {at}, true);
    int64_t last = 0;
    for (size_t k = 0; k < result.nexts.size(); ++k) {
      ASSERT_GE(result.begins[k], last) << text;
      ASSERT_GE(result.nexts[k], result.begins[k]) << text;
      last = result.nexts[k];
    }
    ASSERT_LE(last, static_cast<int64_t>(text.size()));
  }
}

TEST(PageBuilderTest, RecordsPointIntoThePage) {
  PageBuilder builder;
  const std::string text = "aa\nbbbb\n";
  std::copy(text.begin(), text.end(), builder.Extend(text.size()));
  Framer framer({}, 3);
  std::vector<Framer::Record> records;
  framer.Cut(builder.Since(0), false, SIZE_MAX, &records);
  builder.Add(records, 0, 100, 7);
  Page page = std::move(builder).Finish();
  ASSERT_EQ(page.records.size(), 2u);
  EXPECT_EQ(page.records[0].bytes, "aa");
  EXPECT_EQ(page.records[0].begin, 100);
  EXPECT_EQ(page.records[0].end, 103);
  EXPECT_EQ(page.records[0].stream, 7u);
  EXPECT_FALSE(page.records[0].truncated);
  EXPECT_EQ(page.records[1].bytes, "bbbb");
  EXPECT_TRUE(page.records[1].truncated);
  EXPECT_EQ(page.records[1].begin, 103);
  EXPECT_EQ(page.records[1].end, 108);
  for (const Record& record : page.records) {
    EXPECT_GE(record.bytes.data(), page.data->data());
    EXPECT_LE(record.bytes.data() + record.bytes.size() + 64,
              page.data->data() + page.data->size());
  }
}

}  // namespace
}  // namespace keywatch
