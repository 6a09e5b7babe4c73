#include "daemon/ingest/json_scanner.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/ingest/json_split.h"
#include "gtest/gtest.h"
#include "simdjson.h"

namespace keywatch {
namespace {

// `text` with what the scanner wants after it.
std::string Padded(absl::string_view text) {
  return absl::StrCat(text, std::string(64, '"'));
}

bool IsJson(absl::string_view text) {
  const std::string padded = Padded(text);
  JsonScanner scanner(absl::string_view(padded.data(), text.size()));
  if (!scanner.Skip(64)) return false;
  scanner.Peek();
  return scanner.at_end();
}

// A random JSON text, a little too free here and there.
std::string RandomJson(std::mt19937* random, int depth) {
  std::mt19937& r = *random;
  static const std::vector<std::string> kScalars = {
      "0", "-0", "1", "-17", "1.5", "1e5", "1E-7", "-2.5e+3", "true", "false",
      "null", "\"\"", "\"a\"", "\"\\n\"", "\"\\u00e9\"", "\"\\ud83d\\ude00\"",
      "\"\xc3\xa9\"", "123456789012345678", "9223372036854775807",
      "-9223372036854775808", "18446744073709551615", "0.000001",
      "\"long enough to leave the vector\"",
      // Broken ones.
      "01", "1.", ".5", "-", "nul", "\"", "\"\\x\"", "\"\\u12\"", "+1",
      "\"\t\"", "", "NaN", "1e", "--1", "tru e"};
  const size_t good = 24;
  const bool broken = r() % 40 == 0;
  if (depth == 0 || r() % 3 == 0) {
    return broken ? kScalars[good + r() % (kScalars.size() - good)]
                  : kScalars[r() % good];
  }
  const std::string blank = r() % 4 == 0 ? " \n" : "";
  const int n = static_cast<int>(r() % 4);
  std::string out;
  const bool list = r() % 2 == 0;
  for (int i = 0; i < n; ++i) {
    if (i > 0) out += broken && r() % 4 == 0 ? "" : ",";
    if (!list) absl::StrAppend(&out, blank, "\"k", i, "\"", blank, ":");
    absl::StrAppend(&out, blank, RandomJson(random, depth - 1), blank);
  }
  if (broken && r() % 3 == 0) out += ",";
  const char* const close = broken && r() % 8 == 0 ? "" : list ? "]" : "}";
  return absl::StrCat(list ? "[" : "{", out, close);
}

// simdjson is the reference for what is JSON. It refuses numbers that fit no
// type of it, and we do not.
TEST(JsonScannerTest, AcceptsExactlyWhatIsJson) {
  std::mt19937 random(3);
  simdjson::dom::parser parser;
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text = RandomJson(&random, 4);
    if (random() % 8 == 0 && !text.empty()) {
      const char kNoise[] = "{}[],:\"\\ 0-e.\x01z";
      text[random() % text.size()] = kNoise[random() % (sizeof(kNoise) - 1)];
    }
    const auto error = parser.parse(text).error();
    if (error == simdjson::NUMBER_ERROR || error == simdjson::EMPTY ||
        error == simdjson::UTF8_ERROR) {
      continue;
    }
    // Escapes of single surrogates are refused by simdjson only.
    if (error == simdjson::STRING_ERROR &&
        text.find("\\ud") != std::string::npos) {
      continue;
    }
    const bool expected = error == simdjson::SUCCESS;
    ASSERT_EQ(IsJson(text), expected)
        << absl::CEscape(text) << ": " << simdjson::error_message(error);
    ++(expected ? accepted : refused);
  }
  EXPECT_GT(accepted, 50000);
  EXPECT_GT(refused, 10000);
}

TEST(JsonScannerTest, GarbageNeverEndsOutsideTheText) {
  std::mt19937 random(5);
  const std::string pieces = "{}[],:\"\\u0019eE+-.tfn \n";
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (size_t n = random() % 40; n > 0; --n) {
      text += pieces[random() % pieces.size()];
    }
    const std::string padded = Padded(text);
    JsonScanner scanner(absl::string_view(padded.data(), text.size()));
    scanner.Skip(64);
    ASSERT_LE(scanner.offset(), text.size()) << absl::CEscape(text);
  }
}

TEST(JsonScannerTest, NumbersAreWhatTheReferenceReads) {
  std::mt19937_64 random(9);
  simdjson::dom::parser parser;
  for (int i = 0; i < 100000; ++i) {
    std::string text;
    switch (random() % 4) {
      case 0:
        text = absl::StrCat(static_cast<int64_t>(random()));
        break;
      case 1:
        text = absl::StrCat(static_cast<int64_t>(random() >> (random() % 64)));
        break;
      case 2:
        text = absl::StrCat(static_cast<int64_t>(random() % 100000), ".",
                            random() % 100000);
        break;
      default:
        text = absl::StrCat(random() % 1000, ".", random() % 1000, "e",
                            static_cast<int>(random() % 600) - 300);
    }
    const std::string padded = Padded(text);
    JsonScanner scanner(absl::string_view(padded.data(), text.size()));
    Value value;
    ASSERT_TRUE(scanner.Number(&value)) << text;
    const std::string list = absl::StrCat("[", text, "]");
    simdjson::dom::element parsed;
    if (parser.parse(list).at(0).get(parsed) != simdjson::SUCCESS) continue;
    int64_t integer;
    double real;
    if (parsed.get(integer) == simdjson::SUCCESS) {
      ASSERT_EQ(value.type(), Value::Type::kInt) << text;
      ASSERT_EQ(value.int_value(), integer) << text;
    } else {
      ASSERT_EQ(parsed.get(real), simdjson::SUCCESS);
      ASSERT_EQ(value.type(), Value::Type::kDouble) << text;
      ASSERT_EQ(value.double_value(), real) << text;
    }
  }
}

TEST(JsonScannerTest, StringsOfEveryLengthEndAtTheirQuote) {
  for (size_t size = 0; size < 70; ++size) {
    for (size_t before = 0; before < 20; ++before) {
      const std::string text = absl::StrCat(std::string(before, ' '), "\"",
                                            std::string(size, 'a'), "\"");
      const std::string padded = Padded(text);
      JsonScanner scanner(absl::string_view(padded.data(), text.size()));
      absl::string_view raw;
      bool escaped;
      ASSERT_TRUE(scanner.String(&raw, &escaped));
      ASSERT_EQ(raw.size(), size);
      ASSERT_TRUE(scanner.at_end());
      // Without the closing quote the one behind the text must not count.
      JsonScanner cut(absl::string_view(padded.data(), text.size() - 1));
      ASSERT_FALSE(cut.String(&raw, &escaped));
    }
  }
}

TEST(JsonSplitTest, RecordsOfListsAndWrappers) {
  const auto split = [](absl::string_view text, bool* whole) {
    static std::string padded;
    padded = Padded(text);
    std::vector<absl::string_view> elements;
    *whole = SplitJsonRecords(absl::string_view(padded.data(), text.size()),
                              "Records", 64, &elements);
    return std::vector<std::string>(elements.begin(), elements.end());
  };
  using Strings = std::vector<std::string>;
  bool whole;
  EXPECT_EQ(split("{\"a\":1}", &whole), Strings({"{\"a\":1}"}));
  EXPECT_TRUE(whole);
  EXPECT_EQ(split("[ {\"a\":1} , [2],3 ]", &whole),
            Strings({"{\"a\":1}", "[2]", "3"}));
  EXPECT_TRUE(whole);
  EXPECT_EQ(split("{\"Records\":[]}", &whole), Strings());
  EXPECT_TRUE(whole);
  EXPECT_EQ(split("{\"Records\":[1,2],\"x\":{}}", &whole), Strings({"1", "2"}));
  EXPECT_TRUE(whole);
  // Not a list of records: the record has a field of that name.
  EXPECT_EQ(split("{\"Records\":7}", &whole), Strings({"{\"Records\":7}"}));
  EXPECT_EQ(split("{\"Records\":[1,2", &whole), Strings({"1", "2"}));
  EXPECT_FALSE(whole);
  EXPECT_EQ(split("[1,]", &whole), Strings({"1"}));
  EXPECT_FALSE(whole);
  EXPECT_EQ(split("[1] x", &whole), Strings({"1"}));
  EXPECT_FALSE(whole);
}

}  // namespace
}  // namespace keywatch
