#include "daemon/rules/encoding.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/rules/case_fold.h"

namespace keywatch {
namespace {

using Kind = Pattern::Part::Kind;

constexpr absl::string_view kDashes[] = {"-", "/", "\xe2\x80\x93",
                                         "\xe2\x80\x94", "\xe2\x80\x95"};

void AppendUnit(uint32_t unit, bool big_endian, std::string* out) {
  const char high = static_cast<char>(unit >> 8);
  const char low = static_cast<char>(unit & 0xff);
  out->push_back(big_endian ? high : low);
  out->push_back(big_endian ? low : high);
}

// The bytes of a pattern that is text only.
absl::StatusOr<std::string> PlainBytes(const Pattern& pattern) {
  if (pattern.has_wildcards()) {
    return absl::InvalidArgumentError(
        "Base64 of a value with wildcards has no meaning");
  }
  if (pattern.literal().empty()) {
    return absl::InvalidArgumentError(
        "Base64 of an empty value has no meaning");
  }
  return pattern.literal();
}

bool IsWordCharacter(char32_t c) {
  if (c < 0x80) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  }
  // Beyond ASCII nearly everything is a letter but signs and punctuation.
  if (c < 0xc0) return c == 0xaa || c == 0xb5 || c == 0xba;
  return c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x206f) &&
         !(c >= 0x3000 && c <= 0x303f);
}

// The length of the dash at `text[i]`, 0 when there is none.
size_t DashLength(absl::string_view text, size_t i) {
  for (const absl::string_view dash : kDashes) {
    if (absl::string_view(text).substr(i, dash.size()) == dash) {
      return dash.size();
    }
  }
  return 0;
}

}  // namespace

Pattern EncodeUtf16(const Pattern& pattern, Utf16 form) {
  const bool big_endian = form == Utf16::kBigEndian;
  Pattern result;
  if (form == Utf16::kLittleEndianWithMark) result.AppendText("\xff\xfe");
  for (const Pattern::Part& part : pattern.parts()) {
    if (part.kind != Kind::kText) {
      result.Append(part);
      continue;
    }
    std::string bytes;
    size_t i = 0;
    while (i < part.text.size()) {
      const char32_t c = NextCharacter(part.text, &i);
      if (c < 0x10000) {
        AppendUnit(c, big_endian, &bytes);
      } else {
        AppendUnit(0xd800 + ((c - 0x10000) >> 10), big_endian, &bytes);
        AppendUnit(0xdc00 + ((c - 0x10000) & 0x3ff), big_endian, &bytes);
      }
    }
    result.AppendText(bytes);
  }
  return result;
}

absl::StatusOr<Pattern> EncodeBase64(const Pattern& pattern) {
  absl::StatusOr<std::string> bytes = PlainBytes(pattern);
  if (!bytes.ok()) return bytes.status();
  return Pattern::Text(absl::Base64Escape(*bytes));
}

absl::StatusOr<std::vector<Pattern>> EncodeBase64Offsets(
    const Pattern& pattern) {
  absl::StatusOr<std::string> bytes = PlainBytes(pattern);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < 2) {
    return absl::InvalidArgumentError(
        "base64offset needs a value of two bytes or more");
  }
  std::vector<Pattern> result;
  for (size_t offset = 0; offset < 3; ++offset) {
    const std::string encoded =
        absl::Base64Escape(std::string(offset, ' ') + *bytes);
    // The first and the last characters depend on what stands around the
    // value: of the first, those that hold bits of the padding before it.
    static constexpr size_t kSkip[] = {0, 2, 3};
    static constexpr size_t kCut[] = {0, 3, 2};
    const size_t cut = kCut[(bytes->size() + offset) % 3];
    result.push_back(Pattern::Text(
        encoded.substr(kSkip[offset], encoded.size() - cut - kSkip[offset])));
  }
  return result;
}

absl::StatusOr<std::vector<Pattern>> ExpandDashes(const Pattern& pattern) {
  std::vector<Pattern> results = {Pattern()};
  int places = 0;
  for (const Pattern::Part& part : pattern.parts()) {
    if (part.kind != Kind::kText) {
      for (Pattern& result : results) result.Append(part);
      continue;
    }
    const absl::string_view text = part.text;
    bool after_word = false;
    size_t i = 0;
    size_t copied = 0;
    while (i < text.size()) {
      const size_t begin = i;
      const size_t dash = DashLength(text, begin);
      const bool was_word = after_word;
      after_word = IsWordCharacter(NextCharacter(text, &i));
      if (dash == 0 || was_word || i >= text.size()) continue;
      size_t next = i;
      if (!IsWordCharacter(NextCharacter(text, &next))) continue;
      if (++places > 5) {
        return absl::InvalidArgumentError(
            "windash of more than five dashes gives too many values");
      }
      std::vector<Pattern> grown;
      for (const Pattern& result : results) {
        for (const absl::string_view form : kDashes) {
          Pattern longer = result;
          longer.AppendText(text.substr(copied, begin - copied));
          longer.AppendText(form);
          grown.push_back(std::move(longer));
        }
      }
      results = std::move(grown);
      copied = i;
    }
    for (Pattern& result : results) result.AppendText(text.substr(copied));
  }
  return results;
}

}  // namespace keywatch
