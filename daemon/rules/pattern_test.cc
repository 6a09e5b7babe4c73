#include "daemon/rules/pattern.h"

#include <random>
#include <string>
#include <vector>

#include "daemon/rules/case_fold.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using Shape = Pattern::Shape;

TEST(PatternTest, ShapeIsThatOfTheText) {
  EXPECT_EQ(Pattern::Parse("abc").shape(), Shape::kEqual);
  EXPECT_EQ(Pattern::Parse("").shape(), Shape::kEqual);
  EXPECT_EQ(Pattern::Parse("abc*").shape(), Shape::kPrefix);
  EXPECT_EQ(Pattern::Parse("*abc").shape(), Shape::kSuffix);
  EXPECT_EQ(Pattern::Parse("*abc*").shape(), Shape::kContains);
  EXPECT_EQ(Pattern::Parse("**abc**").shape(), Shape::kContains);
  EXPECT_EQ(Pattern::Parse("*").shape(), Shape::kAnything);
  EXPECT_EQ(Pattern::Parse("***").shape(), Shape::kAnything);
  EXPECT_EQ(Pattern::Parse("a*c").shape(), Shape::kGeneral);
  EXPECT_EQ(Pattern::Parse("ab?").shape(), Shape::kGeneral);
  EXPECT_EQ(Pattern::Parse("?").shape(), Shape::kGeneral);
  EXPECT_EQ(Pattern::Parse("\\*abc\\*").shape(), Shape::kEqual);
}

TEST(PatternTest, EqualMeaningsHaveOneForm) {
  EXPECT_EQ(Pattern::Parse("a*?b"), Pattern::Parse("a?*b"));
  EXPECT_EQ(Pattern::Parse("a**b"), Pattern::Parse("a*b"));
  EXPECT_EQ(Pattern::Parse("a*?*b"), Pattern::Parse("a?*b"));
  EXPECT_FALSE(Pattern::Parse("a?b") == Pattern::Parse("a*b"));
}

TEST(PatternTest, ToStringReadsBackAsTheSamePattern) {
  for (const char* text :
       {"", "abc", "a*b", "\\*", "\\?", "\\\\*", "\\\\\\*", "a\\b", "a\\\\",
        "\\\\\\\\x", "*\\", "C:\\Windows\\*\\x.exe", "?\\?*", "\\\\?"}) {
    const Pattern pattern = Pattern::Parse(text);
    EXPECT_EQ(Pattern::Parse(pattern.ToString()), pattern)
        << text << " became " << pattern.ToString();
  }
}

TEST(PatternTest, PlaceholdersStandBetweenPercentSigns) {
  Pattern pattern = Pattern::Parse("a%x%b%y.z-1%%");
  pattern.InsertPlaceholders();
  ASSERT_EQ(pattern.parts().size(), 5u);
  EXPECT_EQ(pattern.parts()[1].kind, Pattern::Part::Kind::kPlaceholder);
  EXPECT_EQ(pattern.parts()[1].text, "x");
  EXPECT_EQ(pattern.parts()[3].text, "y.z-1");
  EXPECT_EQ(pattern.parts()[4].text, "%");
  Pattern none = Pattern::Parse("100% of %a b% \\%c%");
  none.InsertPlaceholders();
  EXPECT_FALSE(none.has_placeholders());
  EXPECT_EQ(none.literal(), "100% of %a b% %c%");
}

// What a pattern means, in the plainest words.
bool MatchesPlainly(const std::u32string& pattern, size_t p,
                    const std::u32string& text, size_t t) {
  if (p == pattern.size()) return t == text.size();
  if (pattern[p] == U'*') {
    for (size_t i = t; i <= text.size(); ++i) {
      if (MatchesPlainly(pattern, p + 1, text, i)) return true;
    }
    return false;
  }
  return t < text.size() && (pattern[p] == U'?' || pattern[p] == text[t]) &&
         MatchesPlainly(pattern, p + 1, text, t + 1);
}

TEST(PatternTest, MatchesWhatThePlainDefinitionMatches) {
  std::mt19937 random(7);
  const std::vector<std::pair<char32_t, std::string>> letters = {
      {U'a', "a"}, {U'b', "b"}, {U'é', "é"}, {U'😀', "😀"}};
  int matched = 0;
  for (int round = 0; round < 20000; ++round) {
    std::u32string pattern32, text32;
    std::string pattern, text;
    for (int i = static_cast<int>(random() % 7); i > 0; --i) {
      const uint32_t n = random() % 7;
      if (n < 2) {
        pattern32 += U'*';
        pattern += "*";
      } else if (n < 3) {
        pattern32 += U'?';
        pattern += "?";
      } else {
        pattern32 += letters[n - 3].first;
        pattern += letters[n - 3].second;
      }
    }
    for (int i = static_cast<int>(random() % 8); i > 0; --i) {
      const auto& letter = letters[random() % 4];
      text32 += letter.first;
      text += letter.second;
    }
    const bool expected = MatchesPlainly(pattern32, 0, text32, 0);
    ASSERT_EQ(Pattern::Parse(pattern).Matches(text), expected)
        << pattern << " on " << text;
    matched += expected;
  }
  EXPECT_GT(matched, 1000);
}

TEST(PatternTest, ManyStarsOnALongTextEndSoon) {
  std::string pattern, text(20000, 'a');
  for (int i = 0; i < 30; ++i) pattern += "a*";
  EXPECT_FALSE(Pattern::Parse(pattern + "b").Matches(text));
}

TEST(CaseFoldTest, FoldsAsUnicodeSimplyDoes) {
  EXPECT_EQ(FoldCase("AbCz[@`{"), "abcz[@`{");
  EXPECT_EQ(FoldCase("ÀÉÞ ÿ"), "àéþ ÿ");
  EXPECT_EQ(FoldCase("ΑΒΣς"), "αβσσ");
  EXPECT_EQ(FoldCase("ДЖЯ"), "джя");
  EXPECT_EQ(FoldCase("ẞß"), "ßß");
  EXPECT_EQ(FoldCase("\xe2\x84\xaa"), "k");  // the Kelvin sign
  EXPECT_EQ(FoldCase("ſ"), "s");
  EXPECT_EQ(FoldCase("İı"), "İı");  // Turkish only, and so left alone
  EXPECT_EQ(FoldCase("Ａ"), "ａ");
  EXPECT_EQ(FoldCase("\xf0\x90\x90\x80"), "\xf0\x90\x90\xa8");  // Deseret
}

TEST(CaseFoldTest, EveryLengthAndPlaceIsFolded) {
  for (size_t size = 0; size < 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, '-');
      std::string folded = text;
      text[at] = 'Q';
      folded[at] = 'q';
      EXPECT_EQ(FoldCase(text), folded);
      EXPECT_EQ(FoldCase(folded), folded);
    }
  }
  std::string all, expected;
  for (int c = 0; c < 128; ++c) {
    all += static_cast<char>(c);
    expected += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  EXPECT_EQ(FoldCase(all), expected);
}

TEST(CaseFoldTest, BytesThatAreNoTextStayAsTheyAre) {
  EXPECT_EQ(FoldCase("A\xff\xc3"), "a\xff\xc3");
  EXPECT_EQ(FoldCase("\xc0\x80Z"), "\xc0\x80z");
  EXPECT_EQ(FoldCase("\xe2\x84"), "\xe2\x84");
}

TEST(CaseFoldTest, FoldingTwiceChangesNothing) {
  std::string text;
  for (char32_t c = 0x80; c < 0x20000; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    if (c < 0x800) {
      text += static_cast<char>(0xc0 | c >> 6);
    } else if (c < 0x10000) {
      text += static_cast<char>(0xe0 | c >> 12);
      text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    } else {
      text += static_cast<char>(0xf0 | c >> 18);
      text += static_cast<char>(0x80 | (c >> 12 & 0x3f));
      text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    }
    text += static_cast<char>(0x80 | (c & 0x3f));
  }
  const std::string once = FoldCase(text);
  EXPECT_NE(once, text);
  EXPECT_EQ(FoldCase(once), once);
}

}  // namespace
}  // namespace keywatch
