#include "daemon/ingest/operation.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace keywatch {
namespace {

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
  for (char c : text) {
    if (absl::ascii_islower(c)) {
      ++counts.lower;
    } else if (absl::ascii_isupper(c)) {
      ++counts.upper;
    } else if (absl::ascii_isdigit(c)) {
      ++counts.digits;
    } else if (c == '-') {
      ++counts.dashes;
    } else {
      ++counts.other;
    }
    if (absl::ascii_isxdigit(c)) ++counts.hex;
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
// digit or a capital.
bool IsPrefixedId(absl::string_view text) {
  const size_t underscore = text.rfind('_');
  if (underscore == absl::string_view::npos || underscore == 0) return false;
  const Counts prefix = Count(text.substr(0, underscore));
  const absl::string_view rest = text.substr(underscore + 1);
  const Counts tail = Count(rest);
  const int underscores = prefix.other;
  for (char c : text.substr(0, underscore)) {
    if (!absl::ascii_isalnum(c) && c != '_') return false;
  }
  return prefix.lower > 0 && prefix.upper == 0 && underscores <= 3 &&
         !absl::ascii_isdigit(text[0]) && tail.other == 0 && tail.dashes == 0 &&
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
  const Counts all = Count(segment);
  const int size = static_cast<int>(segment.size());
  if (all.digits == size) return true;
  if (IsUuid(segment) || IsPrefixedId(segment)) return true;
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
