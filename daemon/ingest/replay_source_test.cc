#include "daemon/ingest/replay_source.h"

#include <unistd.h>
#include <zlib.h>

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Strings = std::vector<std::string>;

std::string WriteFile(const std::string& name, const std::string& bytes) {
  const std::string path =
      absl::StrCat(testing::TempDir(), "/replay_", getpid(), "_", name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string GzipFile(const std::string& name, const std::string& text,
                     size_t cut = 0) {
  const std::string path = WriteFile(name, "");
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  if (cut > 0) {
    EXPECT_EQ(truncate(path.c_str(), static_cast<off_t>(cut)), 0);
  }
  return path;
}

std::string Noise(int lines) {
  std::mt19937 random(3);
  std::string text;
  for (int i = 0; i < lines; ++i)
    absl::StrAppend(&text, i, " ", random(), "\n");
  return text;
}

struct Outcome {
  Strings records;
  std::vector<absl::Status> errors;
};
Outcome ReadAll(ReplaySource* source) {
  Outcome outcome;
  while (!source->done()) {
    absl::StatusOr<Page> page = source->Fetch({}, absl::InfiniteFuture());
    if (!page.ok()) {
      outcome.errors.push_back(page.status());
      continue;
    }
    for (const Record& record : page->records) {
      EXPECT_LT(record.stream, page->streams.size());
      outcome.records.emplace_back(record.bytes);
    }
  }
  return outcome;
}

TEST(ReplaySourceTest, ReadsFilesInTheirOrderToTheirEnd) {
  const std::string noise = Noise(20000);
  ReplaySourceOptions options;
  options.paths = {WriteFile("a", "a1\na2"), GzipFile("b", noise),
                   WriteFile("empty", ""), WriteFile("c", "c1\n")};
  options.page_bytes = 1000;
  auto source = ReplaySource::Create(options);
  ASSERT_TRUE(source.ok());
  EXPECT_GT((*source)->bytes_total(), 0);
  EXPECT_EQ((*source)->bytes_done(), 0);
  const Outcome outcome = ReadAll(source->get());
  EXPECT_THAT(outcome.errors, IsEmpty());
  ASSERT_EQ(outcome.records.size(), 20003u);
  EXPECT_EQ(outcome.records[0], "a1");
  EXPECT_EQ(outcome.records[1], "a2");
  EXPECT_EQ(absl::StrJoin(outcome.records.begin() + 2,
                          outcome.records.begin() + 20002, "\n") +
                "\n",
            noise);
  EXPECT_EQ(outcome.records.back(), "c1");
  EXPECT_EQ((*source)->bytes_done(), (*source)->bytes_total());
}

TEST(ReplaySourceTest, PeekDoesNotUseUpAnything) {
  ReplaySourceOptions options;
  options.paths = {GzipFile("peek", "one\ntwo\n")};
  auto source = ReplaySource::Create(options);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(*(*source)->Peek(5), "one\nt");
  EXPECT_EQ(*(*source)->Peek(100), "one\ntwo\n");
  EXPECT_THAT(ReadAll(source->get()).records, ElementsAre("one", "two"));
}

TEST(ReplaySourceTest, JsonValuesAreFoundInEveryLayout) {
  ReplaySourceOptions options;
  options.paths = {WriteFile("wrapped", "{\"Records\":[{\"a\":1},{\"a\":2}]}"),
                   WriteFile("lines", "{\"a\":3}\n{\"a\":4}\n"),
                   WriteFile("pretty", "{\n \"a\": 5\n}\n{\n \"a\": 6\n}\n")};
  auto source = ReplaySource::Create(options);
  ASSERT_TRUE(source.ok());
  Framing framing;
  framing.kind = Framing::Kind::kJsonValues;
  framing.records = "Records";
  (*source)->SetFraming(framing);
  EXPECT_THAT(ReadAll(source->get()).records,
              ElementsAre("{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":4}",
                          "{\n \"a\": 5\n}", "{\n \"a\": 6\n}"));
}

TEST(ReplaySourceTest, AnArchiveThatIsCutOffGivesWhatItHasAndSaysSo) {
  ReplaySourceOptions options;
  options.paths = {GzipFile("cut", Noise(20000), 50000),
                   WriteFile("next", "n1\n")};
  auto source = ReplaySource::Create(options);
  ASSERT_TRUE(source.ok());
  const Outcome outcome = ReadAll(source->get());
  ASSERT_EQ(outcome.errors.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(outcome.errors[0])) << outcome.errors[0];
  EXPECT_GT(outcome.records.size(), 1000u);
  EXPECT_EQ(outcome.records.back(), "n1");
}

TEST(ReplaySourceTest, AWrongPathShowsAtOnce) {
  ReplaySourceOptions options;
  options.paths = {WriteFile("ok", "x\n"), "/nonexistent/log"};
  EXPECT_TRUE(absl::IsNotFound(ReplaySource::Create(options).status()));
  options.paths = {testing::TempDir()};
  EXPECT_TRUE(absl::IsInvalidArgument(ReplaySource::Create(options).status()));
}

TEST(ReplaySourceTest, LongRecordsAreTruncated) {
  ReplaySourceOptions options;
  options.max_record_bytes = 100;
  options.paths = {WriteFile(
      "long", absl::StrCat("a\n", std::string(3 << 20, 'x'), "\nb\n"))};
  auto source = ReplaySource::Create(options);
  ASSERT_TRUE(source.ok());
  const Outcome outcome = ReadAll(source->get());
  ASSERT_EQ(outcome.records.size(), 3u);
  EXPECT_EQ(outcome.records[0], "a");
  EXPECT_LE(outcome.records[1].size(), size_t{16} << 10);
  EXPECT_EQ(outcome.records[2], "b");
}

}  // namespace
}  // namespace keywatch
