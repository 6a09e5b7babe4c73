#include "daemon/yaml/document.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace yaml {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Codes(const IssueList& issues) {
  std::vector<std::string> codes;
  for (const Issue& issue : issues.issues()) {
    codes.push_back(absl::StrCat(issue.code, "@", issue.where.line, ":",
                                 issue.where.column));
  }
  return codes;
}

// The single document of `text`, which must be free of mistakes.
Node ParseOne(absl::string_view text) {
  IssueList issues;
  File file = File::Parse("t.yml", text, &issues);
  EXPECT_EQ(FormatIssues(issues), "");
  EXPECT_EQ(file.documents().size(), 1u);
  return file.documents().empty() ? Node() : file.documents()[0];
}

Node Scalar(absl::string_view text) {
  const Node document = ParseOne(absl::StrCat("k: ", text, "\n"));
  const Node* value = document.Find("k");
  return value == nullptr ? Node() : *value;
}

std::vector<std::string> MistakesIn(absl::string_view text) {
  IssueList issues;
  File::Parse("t.yml", text, &issues);
  return Codes(issues);
}

TEST(PlainScalars, ResolveAsYaml11) {
  struct {
    const char* text;
    Node::Kind kind;
  } cases[] = {
      {"null", Node::Kind::kNull},      {"~", Node::Kind::kNull},
      {"NULL", Node::Kind::kNull},      {"nULL", Node::Kind::kString},
      {"true", Node::Kind::kBool},      {"Yes", Node::Kind::kBool},
      {"OFF", Node::Kind::kBool},       {"oN", Node::Kind::kString},
      {"y", Node::Kind::kString},       {"12", Node::Kind::kInt},
      {"-0x1F", Node::Kind::kInt},      {"0o17", Node::Kind::kInt},
      {"017", Node::Kind::kInt},        {"089", Node::Kind::kString},
      {"1_000", Node::Kind::kInt},      {"0b101", Node::Kind::kInt},
      {"1.5", Node::Kind::kDouble},     {".5", Node::Kind::kDouble},
      {"-1.5e-3", Node::Kind::kDouble}, {".inf", Node::Kind::kDouble},
      {".NaN", Node::Kind::kDouble},    {"1.2.3", Node::Kind::kString},
      {"1e5", Node::Kind::kString},     {"12e4567", Node::Kind::kString},
      {"-", Node::Kind::kString},       {"0x", Node::Kind::kString},
      {"12:30", Node::Kind::kString},   {"2026-08-03", Node::Kind::kString},
      {"1.2.3.4", Node::Kind::kString}, {"+1", Node::Kind::kInt},
      {"_1", Node::Kind::kString},      {"nan", Node::Kind::kString},
  };
  for (const auto& c : cases) {
    if (absl::string_view(c.text) == "-") continue;  // a list in a map
    const Node node = Scalar(c.text);
    EXPECT_EQ(static_cast<int>(node.kind), static_cast<int>(c.kind)) << c.text;
    EXPECT_EQ(node.text, c.text);
    EXPECT_FALSE(node.quoted);
  }
}

TEST(PlainScalars, HaveTheValueThatTheTextStandsFor) {
  EXPECT_EQ(Scalar("-0x1F").integer, -31);
  EXPECT_EQ(Scalar("017").integer, 15);
  EXPECT_EQ(Scalar("0o17").integer, 15);
  EXPECT_EQ(Scalar("1_000").integer, 1000);
  EXPECT_EQ(Scalar("-9223372036854775808").integer, INT64_MIN);
  EXPECT_EQ(Scalar("9223372036854775807").integer, INT64_MAX);
  const Node large = Scalar("18446744073709551615");
  EXPECT_EQ(static_cast<int>(large.kind),
            static_cast<int>(Node::Kind::kDouble));
  EXPECT_DOUBLE_EQ(large.number, 18446744073709551615.0);
  EXPECT_DOUBLE_EQ(Scalar("12").number, 12.0);
  EXPECT_DOUBLE_EQ(Scalar("-1.5e-3").number, -0.0015);
  EXPECT_TRUE(std::isinf(Scalar("-.inf").number));
  EXPECT_LT(Scalar("-.inf").number, 0);
  EXPECT_TRUE(std::isnan(Scalar(".nan").number));
  EXPECT_TRUE(Scalar("on").boolean);
  EXPECT_FALSE(Scalar("No").boolean);
}

TEST(QuotedScalars, AreStringsWhateverTheyLookLike) {
  for (const char* text : {"'12'", "\"true\"", "'~'", "''", "\"null\""}) {
    const Node node = Scalar(text);
    EXPECT_EQ(static_cast<int>(node.kind),
              static_cast<int>(Node::Kind::kString))
        << text;
    EXPECT_TRUE(node.quoted);
  }
  EXPECT_EQ(Scalar("\"a\\tb\\u00e9\"").text, "a\tb\xc3\xa9");
}

TEST(BlockScalars, AreStrings) {
  const Node document = ParseOne("a: |\n  12\nb: >-\n  true\n  false\nc: x\n");
  EXPECT_EQ(document.Find("a")->text, "12\n");
  EXPECT_EQ(static_cast<int>(document.Find("a")->kind),
            static_cast<int>(Node::Kind::kString));
  EXPECT_EQ(document.Find("b")->text, "true false");
  EXPECT_TRUE(document.Find("b")->quoted);
}

TEST(Tags, ForceTheKindThatTheyName) {
  EXPECT_EQ(Scalar("!!str 12").text, "12");
  EXPECT_EQ(static_cast<int>(Scalar("!!str 12").kind),
            static_cast<int>(Node::Kind::kString));
  EXPECT_EQ(Scalar("!!int \"12\"").integer, 12);
  EXPECT_EQ(static_cast<int>(Scalar("!!float 3").kind),
            static_cast<int>(Node::Kind::kDouble));
  EXPECT_THAT(MistakesIn("k: !!int abc\n"), ElementsAre("bad-tag@1:4"));
  EXPECT_THAT(MistakesIn("k: !python/object x\n"), ElementsAre("bad-tag@1:4"));
  EXPECT_THAT(MistakesIn("k: !set {a: 1}\n"), ElementsAre("bad-tag@1:4"));
}

TEST(Places, AreLineAndColumnInCharacters) {
  const Node document = ParseOne(
      "# caf\xc3\xa9\n"
      "a: {\"\xc3\xa9\": [1, x]}\n"
      "b:\n"
      "  - c: d\n");
  const Node* a = document.Find("a");
  EXPECT_EQ(document.FindKey("a")->line, 2);
  EXPECT_EQ(document.FindKey("a")->column, 1);
  EXPECT_EQ(a->map[0].first.column, 5);
  EXPECT_EQ(a->map[0].second.list[1].column, 14);
  const Node& c = document.Find("b")->list[0].map[0].first;
  EXPECT_EQ(c.line, 4);
  EXPECT_EQ(c.column, 5);
}

TEST(Places, OfAnOmittedValueIsItsKey) {
  const Node document = ParseOne("a:\n  b:\n\n\n# next\nnull: 1\n");
  const Node* b = document.Find("a")->Find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_TRUE(b->is_null());
  EXPECT_EQ(b->line, 2);
  EXPECT_EQ(document.Find("null")->integer, 1);
}

TEST(LineEnds, OfWindowsAndOldMacGiveTheSameTree) {
  for (const char* text :
       {"a: 1\r\nb: |\r\n  x\r\n  y\r\n", "a: 1\rb: |\r  x\r  y\r"}) {
    const Node document = ParseOne(text);
    EXPECT_EQ(document.Find("a")->integer, 1);
    EXPECT_EQ(document.Find("b")->text, "x\ny\n");
    EXPECT_EQ(document.FindKey("b")->line, 2);
  }
}

TEST(ByteOrderMark, IsNotPartOfTheFirstKey) {
  const Node document = ParseOne(
      "\xef\xbb\xbf"
      "a: 1\n");
  ASSERT_NE(document.Find("a"), nullptr);
  EXPECT_EQ(document.FindKey("a")->column, 1);
}

TEST(Documents, AreSeparatedByMarkersAndEmptyOnesLeftOut) {
  IssueList issues;
  const File file = File::Parse(
      "t.yml", "---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n", &issues);
  EXPECT_TRUE(issues.empty()) << FormatIssues(issues);
  ASSERT_EQ(file.documents().size(), 2u);
  EXPECT_NE(file.documents()[0].Find("a"), nullptr);
  EXPECT_NE(file.documents()[1].Find("b"), nullptr);
}

TEST(Documents, OfAnEmptyFileAreNone) {
  for (const char* text : {"", "\n\n", "# only this\n", "\xef\xbb\xbf"}) {
    IssueList issues;
    EXPECT_TRUE(File::Parse("t.yml", text, &issues).documents().empty());
    EXPECT_TRUE(issues.empty()) << FormatIssues(issues);
  }
}

TEST(Documents, DoNotBeginWithoutAMarker) {
  EXPECT_THAT(MistakesIn("- a\nb: c\n"), ElementsAre("syntax@2:1"));
  EXPECT_THAT(MistakesIn("a: 1\n...\n# then\nb: 2\n"), ElementsAre());
}

TEST(Documents, BeforeASyntaxErrorAreKept) {
  IssueList issues;
  const File file = File::Parse("t.yml", "a: 1\n---\nb: [1\n", &issues);
  EXPECT_EQ(issues.issues().size(), 1u);
  ASSERT_EQ(file.documents().size(), 1u);
  EXPECT_NE(file.documents()[0].Find("a"), nullptr);
}

TEST(Keys, ThatAreDuplicatesAreErrorsAndTheFirstIsKept) {
  IssueList issues;
  const File file =
      File::Parse("t.yml", "a: 1\nb: {x: 1, x: 2}\n'a': 3\n", &issues);
  EXPECT_THAT(Codes(issues),
              ElementsAre("duplicate-key@2:11", "duplicate-key@3:1"));
  EXPECT_THAT(FormatIssue(issues.issues()[1]), HasSubstr("line 1"));
  EXPECT_EQ(file.documents()[0].Find("a")->integer, 1);
}

TEST(Keys, ThatAreDuplicatesAreFoundInLargeMaps) {
  std::string text;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&text, "k", i, ": 1\n");
  EXPECT_THAT(MistakesIn(text), ElementsAre());
  EXPECT_THAT(MistakesIn(text + "k150: 2\n"),
              ElementsAre("duplicate-key@201:1"));
}

TEST(Keys, ThatAreNotScalarsAreErrors) {
  EXPECT_THAT(MistakesIn("? [a, b]\n: 1\nc: 2\n"), ElementsAre("bad-key@1:3"));
  EXPECT_THAT(MistakesIn("{{a: 1}: 2}\n"), ElementsAre("bad-key@1:2"));
}

TEST(Aliases, AreReplacedByWhatTheyName) {
  const Node document =
      ParseOne("a: &x [1, 2]\nb: *x\nc: &y text\nd: *y\n*y : key\n");
  ASSERT_EQ(document.Find("b")->list.size(), 2u);
  EXPECT_EQ(document.Find("b")->list[1].integer, 2);
  EXPECT_EQ(document.Find("d")->text, "text");
  EXPECT_EQ(document.Find("text")->text, "key");
}

TEST(Aliases, OfNothingOrOfThemselvesAreErrors) {
  EXPECT_THAT(MistakesIn("a: *nobody\n"), ElementsAre("syntax@1:4"));
  EXPECT_THAT(MistakesIn("a: &x [1, *x]\n"), ElementsAre("syntax@1:11"));
}

TEST(Aliases, ThatMultiplyAreBounded) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) absl::StrAppend(&bomb, "*a", i - 1, ",");
    bomb += "]\n";
  }
  IssueList issues;
  File::Parse("t.yml", bomb, &issues);
  ASSERT_EQ(issues.issues().size(), 1u);
  EXPECT_EQ(issues.issues()[0].code, "too-large");
}

TEST(Aliases, OfLongTextsAreBounded) {
  std::string bomb =
      absl::StrCat("a: &a [", std::string(1024 * 1024, 'x'), "]\nb:\n");
  for (int i = 0; i < 200; ++i) bomb += " - *a\n";
  IssueList issues;
  File::Parse("t.yml", bomb, &issues);
  ASSERT_EQ(issues.issues().size(), 1u);
  EXPECT_EQ(issues.issues()[0].code, "too-large");
}

TEST(Aliases, CannotNestDeeperThanTheText) {
  std::string text = absl::StrCat(
      "a: &a ", std::string(60, '['), std::string(60, ']'),
      "\nb: ", std::string(60, '['), "*a", std::string(60, ']'), "\n");
  EXPECT_THAT(MistakesIn(text), ElementsAre("too-deep@2:64"));
}

TEST(MergeKeys, AddWhatTheMapDoesNotSayItself) {
  const Node document = ParseOne(
      "base: &b {x: 1, y: 2}\n"
      "other: &o {y: 3, z: 4}\n"
      "m: {<<: [*b, *o], x: 9}\n"
      "n: {'<<': text}\n");
  const Node* m = document.Find("m");
  EXPECT_EQ(m->map.size(), 3u);
  EXPECT_EQ(m->Find("x")->integer, 9);
  EXPECT_EQ(m->Find("y")->integer, 2);
  EXPECT_EQ(m->Find("z")->integer, 4);
  EXPECT_EQ(document.Find("n")->Find("<<")->text, "text");
  EXPECT_THAT(MistakesIn("a: {<<: 1}\n"), ElementsAre("bad-merge@1:5"));
}

TEST(Depth, BeyondTheBoundIsAnErrorNotACrash) {
  EXPECT_THAT(MistakesIn(std::string(99, '[') + "1" + std::string(99, ']')),
              ElementsAre());
  EXPECT_THAT(MistakesIn(std::string(100, '[') + "1" + std::string(100, ']')),
              ElementsAre("too-deep@1:101"));
  EXPECT_EQ(MistakesIn(std::string(200'000, '[')).size(), 1u);
  EXPECT_EQ(MistakesIn(std::string(200'000, '{')).size(), 1u);
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  EXPECT_EQ(MistakesIn(dashes).size(), 1u);
}

TEST(Bytes, ThatAreNoTextAreErrorsAtTheirPlace) {
  EXPECT_THAT(MistakesIn("a: 1\nb: \xff\n"), ElementsAre("bad-character@2:4"));
  EXPECT_THAT(MistakesIn("a: \xc3\xa9 \xed\xa0\x80\n"),
              ElementsAre("bad-character@1:6"));
  EXPECT_THAT(MistakesIn(absl::string_view("a: \0b\n", 6)),
              ElementsAre("bad-character@1:4"));
  // yaml-cpp would take this one for the end of the file.
  EXPECT_THAT(MistakesIn("a: 1\n\x04\nb: [\n"),
              ElementsAre("bad-character@2:1"));
}

TEST(SyntaxErrors, SayWhatIsWrongAndWhere) {
  struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"a: b: c\n",
       "t.yml:1:5: error: a \": \" is not allowed here\n"
       "    1 | a: b: c\n"
       "      |     ^ quote the text if the colon belongs to it"},
      {"a:\n\tb: c\n",
       "t.yml:2:1: error: a tab in the indentation\n"
       "    2 |  b: c\n"
       "      | ^ use spaces"},
      {"a: %x\n",
       "t.yml:1:4: error: this character cannot begin a value\n"
       "    1 | a: %x\n"
       "      |    ^ quote the text"},
      {"a: *.example.com\n",
       "t.yml:1:4: error: the alias names no anchor above it\n"
       "    1 | a: *.example.com\n"
       "      |    ^ quote the text if the * belongs to it"},
  };
  for (const auto& c : cases) {
    IssueList issues;
    File::Parse("t.yml", c.text, &issues);
    ASSERT_EQ(issues.issues().size(), 1u) << c.text;
    EXPECT_EQ(FormatIssue(issues.issues()[0]), c.expected);
  }
  for (const char* text :
       {"a: [1, 2\n", "a: {x: 1\n", "a: 'open\n", "a: \"open\nb: 1\n",
        "a: 'it''s\n", "a: &x \"b\\\"\n", "a: \"\\q\"\n", "a\nb: c\n",
        "a: 1\n b: 2\n", "a: ]\n", "%YAML\n---\na\n", "a: |x\n  y\n", "a: &\n",
        "\"a\" \"b\"\n", "a: 1\n- b\n"}) {
    EXPECT_EQ(MistakesIn(text).size(), 1u) << text;
  }
}

TEST(At, UnderlinesTheNodeAsItIsWritten) {
  IssueList issues;
  const File file = File::Parse(
      "t.yml",
      "caf\xc3\xa9: \"a \\\"b\\\" c\" # d\nm: {key: 1}\nb: |\n  text\n",
      &issues);
  const Node& root = file.documents()[0];
  const Issue quoted =
      file.At(root.map[0].second, Issue::Severity::kError, "c", "m");
  EXPECT_EQ(quoted.where.column, 7);
  EXPECT_EQ(quoted.where.length, 11);
  EXPECT_EQ(file.At(root.map[0].first, Issue::Severity::kError, "c", "m")
                .where.length,
            4);
  EXPECT_EQ(
      file.At(*root.Find("b"), Issue::Severity::kError, "c", "m").where.length,
      1);
  EXPECT_EQ(file.Line(3), "b: |");
  EXPECT_EQ(file.Line(0), "");
  EXPECT_EQ(file.Line(99), "");
}

TEST(Read, ReportsWhatCannotBeRead) {
  const std::string directory = ::testing::TempDir();
  IssueList issues;
  File::Read(directory + "/no-such-file.yml", &issues);
  File::Read(directory, &issues);
  ASSERT_EQ(issues.issues().size(), 2u);
  EXPECT_EQ(issues.issues()[0].code, "unreadable");
  EXPECT_THAT(FormatIssue(issues.issues()[0]), HasSubstr("No such file"));
  EXPECT_EQ(issues.issues()[1].code, "unreadable");

  const std::string large = directory + "/large.yml";
  std::ofstream(large) << std::string(16 * 1024 * 1024 + 1, '#');
  IssueList too_large;
  EXPECT_TRUE(File::Read(large, &too_large).documents().empty());
  EXPECT_THAT(Codes(too_large), ElementsAre("too-large@0:0"));
  std::remove(large.c_str());

  const std::string good = directory + "/good.yml";
  std::ofstream(good) << "a: 1\n";
  IssueList none;
  EXPECT_EQ(File::Read(good, &none).documents().size(), 1u);
  EXPECT_TRUE(none.empty());
  std::remove(good.c_str());
}

}  // namespace
}  // namespace yaml
}  // namespace keywatch
