#include "daemon/cli/terminal_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TerminalTextTest, ControlCharactersBecomeVisible) {
  EXPECT_EQ(Sanitize("a\x1b[31mred\x07\n\tb\x7f"),
            "a\\x1b[31mred\\x07\\n\\tb\\x7f");
  // C1: some terminals take U+009B for ESC [.
  EXPECT_EQ(Sanitize("\xc2\x9b"
                     "31m"),
            "\\x9b31m");
}

TEST(TerminalTextTest, TextThatReversesOrHidesIsShownAsEscapes) {
  EXPECT_EQ(Sanitize("gnp.\xe2\x80\xae"
                     "exe"),
            "gnp.\\u202eexe");
  EXPECT_EQ(Sanitize("a\xe2\x80\x8b"
                     "b"),
            "a\\u200bb");
}

TEST(TerminalTextTest, BrokenUtf8IsReplacedAndOrdinaryTextIsKept) {
  EXPECT_EQ(Sanitize("\xff"), "\xef\xbf\xbd");
  EXPECT_EQ(Sanitize("caf\xc3\xa9 \xe2\x82\xac"), "caf\xc3\xa9 \xe2\x82\xac");
}

TEST(TerminalTextTest, OnlyLinesKeepTheirEnds) {
  EXPECT_EQ(SanitizeLines("a\nb\r"), "a\nb\\r");
  EXPECT_EQ(Sanitize("a\nb"), "a\\nb");
}

TEST(TerminalTextTest, CutsToColumnsNotBytes) {
  EXPECT_EQ(CutToWidth("\xc3\xa9\xc3\xa9\xc3\xa9", 3),
            "\xc3\xa9\xc3\xa9\xc3\xa9");
  EXPECT_EQ(CutToWidth("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3),
            "\xc3\xa9\xc3\xa9…");
  EXPECT_EQ(CutToWidth("abc", 0), "");
}

TEST(TerminalTextTest, WrapsAtBlanksAndKeepsLines) {
  EXPECT_THAT(Wrap("one two three\nfour\n", 8),
              ElementsAre("one two", "three", "four"));
  EXPECT_THAT(Wrap("unbreakable", 3), ElementsAre("unbreakable"));
  EXPECT_THAT(Wrap("", 8), IsEmpty());
}

// Line ends of the YAML stood beside those of the terminal.
TEST(TerminalTextTest, ParagraphsFlowAndListsStayLists) {
  EXPECT_EQ(Reflow("one\ntwo\n\n1. first\n   goes on\n2. second\n- dash\nmore"),
            "one two\n\n1. first goes on\n2. second\n- dash more");
  EXPECT_EQ(Reflow("run:\n\n    keywatch status\n    keywatch alerts list\n"),
            "run:\n\n    keywatch status\n    keywatch alerts list\n");
  EXPECT_EQ(Reflow(""), "");
}

TEST(TerminalTextTest, WhatAShellWouldActOnIsQuoted) {
  EXPECT_EQ(ShellQuote("rk_live:4f1c:W4ie"), "rk_live:4f1c:W4ie");
  EXPECT_EQ(ShellQuote("a; rm -rf ~"), "'a; rm -rf ~'");
  EXPECT_EQ(ShellQuote("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellQuote(""), "''");
}

}  // namespace
}  // namespace keywatch
