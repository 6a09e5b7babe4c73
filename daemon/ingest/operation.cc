#include "daemon/ingest/operation.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"

namespace keywatch {
namespace {

// Kinds of bytes, each counted in nine bits of one word.
enum Kind { kLowerHex, kLower, kUpperHex, kUpper, kDigit, kDash, kOther };
constexpr int kKindBits = 9;
constexpr size_t kMaxCounted = (1 << kKindBits) - 1;

constexpr Kind KindOf(int c) {
  return c >= 'a' && c <= 'z'   ? (c <= 'f' ? kLowerHex : kLower)
         : c >= 'A' && c <= 'Z' ? (c <= 'F' ? kUpperHex : kUpper)
         : c >= '0' && c <= '9' ? kDigit
         : c == '-'             ? kDash
                                : kOther;
}

struct KindTable {
  uint64_t one[256];
};

constexpr KindTable MakeKindTable() {
  KindTable table = {};
  for (int c = 0; c < 256; ++c) {
    table.one[c] = uint64_t{1} << (KindOf(c) * kKindBits);
  }
  return table;
}

constexpr KindTable kKinds = MakeKindTable();

struct Counts {
  int lower = 0;
  int upper = 0;
  int digits = 0;
  int hex = 0;
  int dashes = 0;
  int other = 0;
};

Counts Count(absl::string_view text) {
  Counts counts;
  while (!text.empty()) {
    const absl::string_view part = text.substr(0, kMaxCounted);
    uint64_t sums = 0;
    for (char c : part) sums += kKinds.one[static_cast<unsigned char>(c)];
    const auto of = [sums](Kind kind) {
      return static_cast<int>((sums >> (kind * kKindBits)) & kMaxCounted);
    };
    counts.lower += of(kLowerHex) + of(kLower);
    counts.upper += of(kUpperHex) + of(kUpper);
    counts.digits += of(kDigit);
    counts.hex += of(kLowerHex) + of(kUpperHex) + of(kDigit);
    counts.dashes += of(kDash);
    counts.other += of(kOther);
    text.remove_prefix(part.size());
  }
  return counts;
}

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

// `cus_NffrFeUfNV2Hib`: lower-case words and underscores, then a part with a
// digit or a capital. The last underscore stands at `underscore`.
bool IsPrefixedId(absl::string_view text, size_t underscore) {
  if (underscore == 0 || absl::ascii_isdigit(text[0])) return false;
  const Counts prefix = Count(text.substr(0, underscore));
  if (prefix.lower == 0 || prefix.upper > 0 || prefix.dashes > 0 ||
      prefix.other > 3) {
    return false;
  }
  for (char c : text.substr(0, underscore)) {
    if (!absl::ascii_isalnum(c) && c != '_') return false;
  }
  const absl::string_view rest = text.substr(underscore + 1);
  const Counts tail = Count(rest);
  return tail.other == 0 && tail.dashes == 0 &&
         (tail.digits > 0 || (tail.upper > 0 && rest.size() >= 6));
}

}  // namespace

bool LooksLikeId(absl::string_view segment) {
  // Most segments are words.
  if (std::none_of(segment.begin(), segment.end(), [](char c) {
        return absl::ascii_isdigit(c) || absl::ascii_isupper(c);
      })) {
    return false;
  }
  // No other id has an underscore.
  const size_t underscore = segment.rfind('_');
  if (underscore != absl::string_view::npos) {
    return IsPrefixedId(segment, underscore);
  }
  const Counts all = Count(segment);
  const int size = static_cast<int>(segment.size());
  if (all.digits == size || IsUuid(segment)) return true;
  if (all.other > 0 || all.digits == 0) return false;
  if (all.hex == size && size >= 8) return true;
  // Random words: long, without punctuation, letters and digits mixed.
  return all.dashes == 0 && size >= 16 && all.digits >= 2;
}

void AppendTemplatedPath(absl::string_view path, std::string* out,
                         absl::string_view* last_id) {
  *last_id = absl::string_view();
  size_t at = 0;
  for (int segments = 0; at < path.size(); ++segments) {
    if (path[at] == '/') {
      if (segments > kMaxOperationSegments) {
        out->append("/...");
        return;
      }
      out->push_back('/');
      ++at;
    }
    size_t end = path.find('/', at);
    if (end == absl::string_view::npos) end = path.size();
    const absl::string_view segment = path.substr(at, end - at);
    if (LooksLikeId(segment)) {
      out->append(":id");
      *last_id = segment;
    } else {
      out->append(segment.data(), segment.size());
    }
    at = end;
  }
}

}  // namespace keywatch
