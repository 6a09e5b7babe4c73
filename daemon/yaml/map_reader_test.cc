#include <limits>
#include <string>

#include "daemon/yaml/document.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace yaml {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MapReaderTest : public ::testing::Test {
 protected:
  MapReader& Over(absl::string_view text) {
    file_ = File::Parse("t.yml", text, &issues_);
    EXPECT_TRUE(issues_.empty()) << FormatIssues(issues_);
    reader_.emplace(file_,
                    file_.documents().empty() ? nullptr : &file_.documents()[0],
                    &issues_);
    return *reader_;
  }
  // Code and place of each issue so far; forgets them.
  std::vector<std::string> Issues() {
    std::vector<std::string> result;
    for (const Issue& issue : issues_.issues()) {
      result.push_back(issue.code + "@" + std::to_string(issue.where.line) +
                       ":" + std::to_string(issue.where.column));
    }
    last_ = FormatIssues(issues_);
    issues_ = IssueList();
    return result;
  }

  File file_;
  IssueList issues_;
  absl::optional<MapReader> reader_;
  std::string last_;
};

TEST_F(MapReaderTest, GivesValuesOfTheirType) {
  MapReader& reader = Over(
      "s: text\nn: 12\nb: no\nd: 1.5\nt: 90s\nz: 2MiB\nl: [a, 1]\nc: two\n");
  EXPECT_EQ(reader.String("s"), "text");
  EXPECT_EQ(reader.Int("n", 0, 0, 100), 12);
  EXPECT_FALSE(reader.Bool("b", true));
  EXPECT_DOUBLE_EQ(reader.Double("d", 0, 0, 2), 1.5);
  EXPECT_EQ(reader.Duration("t", absl::ZeroDuration()), absl::Seconds(90));
  EXPECT_EQ(reader.Bytes("z", 0, 0, INT64_MAX), 2 * 1024 * 1024);
  EXPECT_THAT(reader.Strings("l"), ElementsAre("a", "1"));
  EXPECT_EQ(reader.Choice("c", {"one", "two"}, 0), 1);
  reader.Finish();
  EXPECT_THAT(Issues(), IsEmpty());
}

TEST_F(MapReaderTest, AbsentKeysGiveTheFallback) {
  MapReader& reader = Over("");
  EXPECT_EQ(reader.String("s", "f"), "f");
  EXPECT_EQ(reader.Int("n", 7, 0, 100), 7);
  EXPECT_TRUE(reader.Bool("b", true));
  EXPECT_EQ(reader.Duration("t", absl::Seconds(1)), absl::Seconds(1));
  EXPECT_EQ(reader.Bytes("z", 5, 0, 100), 5);
  EXPECT_THAT(reader.Strings("l"), IsEmpty());
  EXPECT_EQ(reader.Choice("c", {"one", "two"}, 1), 1);
  EXPECT_EQ(reader.Get("g"), nullptr);
  reader.Finish();
  EXPECT_THAT(Issues(), IsEmpty());
}

TEST_F(MapReaderTest, WrongTypesAreIssuesAtTheValueAndGiveTheFallback) {
  MapReader& reader = Over(
      "s: [a]\nn: '12'\nb: 1\nd: x\nt: 90\nz: 2 apples\nl: {a: b}\n"
      "c: thre\nm: 5\ne:\nv: [a, [b]]\n");
  EXPECT_EQ(reader.String("s", "f"), "f");
  EXPECT_EQ(reader.Int("n", 7, 0, 100), 7);
  EXPECT_TRUE(reader.Bool("b", true));
  EXPECT_DOUBLE_EQ(reader.Double("d", 0.5, 0, 2), 0.5);
  EXPECT_EQ(reader.Duration("t", absl::Seconds(1)), absl::Seconds(1));
  EXPECT_EQ(reader.Bytes("z", 5, 0, 100), 5);
  EXPECT_THAT(reader.Strings("l"), IsEmpty());
  EXPECT_EQ(reader.Choice("c", {"one", "three"}, 0), 0);
  MapReader nested(reader.file(), reader.Get("m"), reader.issues());
  EXPECT_EQ(nested.String("x", "f"), "f");
  EXPECT_EQ(reader.String("e", "f"), "f");
  EXPECT_THAT(reader.Strings("v"), ElementsAre("a"));
  reader.Finish();
  EXPECT_THAT(
      Issues(),
      ElementsAre("wrong-type@1:4", "wrong-type@2:4", "wrong-type@3:4",
                  "wrong-type@4:4", "bad-duration@5:4", "bad-size@6:4",
                  "wrong-type@7:4", "unknown-value@8:4", "wrong-type@9:4",
                  "empty-value@10:1", "wrong-type@11:8"));
  EXPECT_THAT(last_, HasSubstr("did you mean \"90s\"?"));
  EXPECT_THAT(last_, HasSubstr("did you mean \"three\"?"));
}

TEST_F(MapReaderTest, BoundsAreChecked) {
  MapReader& reader = Over(
      "n: 101\nd: -0.1\nt: 2h\nz: 1GiB\nl: 9223372036854775807GiB\n"
      "i: .nan\n");
  EXPECT_EQ(reader.Int("n", 7, 0, 100), 7);
  EXPECT_DOUBLE_EQ(reader.Double("d", 0.5, 0, 2), 0.5);
  EXPECT_EQ(reader.Duration("t", absl::Seconds(1), absl::Milliseconds(100),
                            absl::Hours(1)),
            absl::Seconds(1));
  EXPECT_EQ(reader.Bytes("z", 5, 1, 1 << 20), 5);
  EXPECT_EQ(reader.Bytes("l", 5, 1, INT64_MAX), 5);
  EXPECT_DOUBLE_EQ(reader.Double("i", 0.5, 0, 2), 0.5);
  EXPECT_THAT(Issues(), ElementsAre("out-of-range@1:4", "out-of-range@2:4",
                                    "out-of-range@3:4", "out-of-range@4:4",
                                    "bad-size@5:4", "wrong-type@6:4"));
  EXPECT_THAT(last_, HasSubstr("between 0 and 100"));
  EXPECT_THAT(last_, HasSubstr("between 100ms and 1h"));
  EXPECT_THAT(last_, HasSubstr("between 1 B and 1 MiB"));
}

TEST_F(MapReaderTest, ANumberMayBeWrittenWithAnExponentAlone) {
  EXPECT_DOUBLE_EQ(
      Over("d: 1e6\n").Double("d", 0, 0, std::numeric_limits<double>::max()),
      1e6);
  EXPECT_THAT(Issues(), IsEmpty());
}

TEST_F(MapReaderTest, RequiredKeysThatAreMissingOrEmptyAreIssues) {
  MapReader& reader = Over("a: ''\nb:\nc: x\n");
  EXPECT_EQ(reader.RequiredString("a"), "");
  EXPECT_EQ(reader.RequiredString("b"), "");
  EXPECT_EQ(reader.RequiredString("c"), "x");
  EXPECT_EQ(reader.RequiredString("d"), "");
  EXPECT_EQ(reader.Require("e"), nullptr);
  EXPECT_THAT(Issues(), ElementsAre("empty-value@1:4", "empty-value@2:1",
                                    "missing-key@1:1", "missing-key@1:1"));
}

TEST_F(MapReaderTest, UnknownKeysAreReportedWithTheNearestKnownOne) {
  MapReader& reader = Over("listen: x\nlisten_adress: y\nzzz: 1\n");
  reader.String("listen");
  reader.String("listen_address");
  reader.Finish();
  EXPECT_THAT(Issues(), ElementsAre("unknown-key@2:1", "unknown-key@3:1"));
  EXPECT_THAT(last_, HasSubstr("^~~~~~~~~~~~~ did you mean "
                               "\"listen_address\"?"));
  EXPECT_THAT(last_, HasSubstr("known: listen, listen_address"));
}

TEST_F(MapReaderTest, ADocumentThatIsNoMapIsOneIssue) {
  MapReader& reader = Over("- a\n- b\n");
  EXPECT_EQ(reader.String("x", "f"), "f");
  reader.Finish();
  EXPECT_THAT(Issues(), ElementsAre("wrong-type@1:1"));
}

TEST_F(MapReaderTest, WarningsAreNotErrors) {
  MapReader& reader = Over("a: 1\n");
  reader.Warning("a", "odd", "odd", "do");
  EXPECT_FALSE(issues_.has_errors());
  reader.Error("a", "bad", "bad");
  EXPECT_TRUE(issues_.has_errors());
}

}  // namespace
}  // namespace yaml
}  // namespace keywatch
