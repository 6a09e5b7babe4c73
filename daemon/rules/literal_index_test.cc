#include "daemon/rules/literal_index.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using Mode = LiteralIndex::Mode;

std::set<uint32_t> Found(const LiteralIndex& index, absl::string_view text) {
  std::set<uint32_t> found;
  index.Find(text, [&](uint32_t id) { found.insert(id); });
  return found;
}

bool Fits(Mode mode, absl::string_view literal, absl::string_view text) {
  switch (mode) {
    case Mode::kEqual:
      return text == literal;
    case Mode::kPrefix:
      return absl::StartsWith(text, literal);
    case Mode::kSuffix:
      return absl::EndsWith(text, literal);
    case Mode::kContains:
      return absl::StrContains(text, literal);
  }
  return false;
}

TEST(LiteralIndexTest, FindsNothingWhenItIsEmpty) {
  LiteralIndex index;
  index.Build();
  EXPECT_TRUE(index.empty());
  EXPECT_TRUE(Found(index, "abc").empty());
  EXPECT_TRUE(Found(index, "").empty());
}

TEST(LiteralIndexTest, FindsTheEmptyTextByEqualityOnly) {
  LiteralIndex index;
  index.Add(Mode::kEqual, "", 5);
  index.Build();
  EXPECT_EQ(Found(index, ""), std::set<uint32_t>{5});
  EXPECT_TRUE(Found(index, "a").empty());
}

TEST(LiteralIndexTest, AgreesWithPlainSearchOnRandomTexts) {
  std::mt19937 random(11);
  const auto text = [&](int max, int letters) {
    std::string out;
    for (int i = static_cast<int>(random() % static_cast<uint32_t>(max + 1));
         i > 0; --i) {
      out += static_cast<char>('a' + random() % static_cast<uint32_t>(letters));
    }
    return out;
  };
  size_t found_in_all = 0;
  for (int round = 0; round < 200; ++round) {
    const int letters = 2 + round % 4;
    std::map<std::pair<Mode, std::string>, uint32_t> literals;
    for (int i = 0; i < 1 + round % 60; ++i) {
      const Mode mode = static_cast<Mode>(random() % 4);
      const std::string literal = text(mode == Mode::kEqual ? 24 : 9, letters);
      if (literal.empty() && mode != Mode::kEqual) continue;
      literals.try_emplace({mode, literal},
                           static_cast<uint32_t>(literals.size()));
    }
    LiteralIndex index;
    for (const auto& [key, id] : literals) index.Add(key.first, key.second, id);
    index.Build();
    for (int i = 0; i < 100; ++i) {
      std::string value = text(40, letters);
      // Now and then one of the literals itself, or around one.
      if (i % 3 == 0 && !literals.empty()) {
        auto it = literals.begin();
        std::advance(it, random() % literals.size());
        value = i % 2 == 0 ? it->first.second
                           : absl::StrCat(text(3, letters), it->first.second,
                                          text(3, letters));
      }
      std::set<uint32_t> expected;
      for (const auto& [key, id] : literals) {
        if (Fits(key.first, key.second, value)) expected.insert(id);
      }
      ASSERT_EQ(Found(index, value), expected) << value;
      found_in_all += expected.size();
    }
  }
  EXPECT_GT(found_in_all, 1000u);
}

TEST(LiteralIndexTest, BytesOfAnyValueAreText) {
  LiteralIndex index;
  const std::string zeros("\0\0\0\0a", 5);
  const std::string high = "\xff\xfe\xc3\xa9";
  index.Add(Mode::kContains, zeros, 0);
  index.Add(Mode::kPrefix, high, 1);
  index.Add(Mode::kSuffix, absl::string_view("\0", 1), 2);
  index.Add(Mode::kContains, "\xc3\xa9", 3);
  index.Build();
  EXPECT_EQ(Found(index, high + zeros), (std::set<uint32_t>{0, 1, 3}));
  EXPECT_EQ(Found(index, absl::string_view("x\0", 2)), std::set<uint32_t>{2});
}

TEST(LiteralIndexTest, TextsThatDifferInTheMiddleOnlyAreToldApart) {
  LiteralIndex index;
  const std::string head(20, 'a');
  for (uint32_t i = 0; i < 300; ++i) {
    index.Add(Mode::kEqual,
              absl::StrCat(head, absl::Hex(i, absl::kZeroPad4), head), i);
  }
  index.Build();
  for (uint32_t i = 0; i < 300; ++i) {
    EXPECT_EQ(
        Found(index, absl::StrCat(head, absl::Hex(i, absl::kZeroPad4), head)),
        std::set<uint32_t>{i});
  }
  EXPECT_TRUE(Found(index, absl::StrCat(head, "zzzz", head)).empty());
}

TEST(NumberIndexTest, FindsNumbersOfAllSizes) {
  NumberIndex index;
  const std::vector<int64_t> numbers = {
      0, 1, -1, 200, 403, 500, INT64_MAX, INT64_MIN, 1LL << 40, 404};
  for (uint32_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(index.Add(numbers[i], i), i);
  }
  EXPECT_EQ(index.Add(403, 99), 4u);
  index.Build();
  for (uint32_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(index.Find(numbers[i]), i);
  }
  EXPECT_EQ(index.Find(2), NumberIndex::kNone);
  NumberIndex empty;
  empty.Build();
  EXPECT_EQ(empty.Find(0), NumberIndex::kNone);
}

}  // namespace
}  // namespace keywatch
