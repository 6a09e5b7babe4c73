// MayHoldSecret: the test that every record goes through.

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "daemon/ingest/escapes.h"
#include "daemon/ingest/secret_kinds.h"
#include "daemon/ingest/secret_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace keywatch {
namespace {

// What a secret shows itself by: sets of bytes at three neighbouring places;
// "" is any byte.
constexpr int kShapes = 8;
constexpr const char* kShape[kShapes][3] = {
    {"sSrReE", "kK", "_"},  // sk_ rk_ ek_
    {"cCsS", "sS", "_"},    // rkcs_ pss_
    {"eE", "cC", "_"},      // whsec_
    {"bB", "eE", "aA"},     // Bearer
    {"bB", "aA", "sS"},     // Basic
    {"%", "234567", ""},    // a percent escape
    {"\\", "uUx", ""},      // a JSON escape
    {"c", "2m", "t"},       // sk_ and rk_ in base64
};

// For one of the places: bit k belongs to shape k. A set is a product of low
// and high half byte, so that a vector unit can look up sixteen or more bytes
// at once.
struct HalfByteTables {
  unsigned char low[16];
  unsigned char high[16];
};

constexpr HalfByteTables TablesOf(int place) {
  HalfByteTables t = {};
  for (int shape = 0; shape < kShapes; ++shape) {
    const unsigned bit = 1u << shape;
    const char* const bytes = kShape[shape][place];
    for (const char* p = bytes; *p != 0; ++p) {
      t.low[*p & 15] |= bit;
      t.high[(*p >> 4) & 15] |= bit;
    }
    for (int i = 0; i < 16 && *bytes == 0; ++i) {
      t.low[i] |= bit;
      t.high[i] |= bit;
    }
  }
  return t;
}

constexpr HalfByteTables kFirst = TablesOf(0);
constexpr HalfByteTables kSecond = TablesOf(1);
constexpr HalfByteTables kThird = TablesOf(2);

unsigned Shapes(const HalfByteTables& tables, char c) {
  return tables.low[c & 15] & tables.high[(c >> 4) & 15];
}

// An escape matters when it hides a character of a secret or of another
// escape. Nobody else writes those as escapes.
bool HidesCharacter(int code) {
  return code >= 0 && code < 0x80 &&
         (IsKeyCharacter(static_cast<char>(code)) || code == '%' ||
          code == '\\');
}

int Code(absl::string_view text, size_t at, size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + digits; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// Looks closer at the three bytes at `at`, which have one of the shapes.
bool Suspicious(absl::string_view text, size_t at) {
  const absl::string_view rest = text.substr(at);
  if (rest[2] == '_') {
    // Where the kind begins: `sk_` ends at the underscore.
    for (size_t back : {0, 1, 2, 3}) {
      if (back > at) break;
      const absl::string_view kind = text.substr(at - back);
      for (absl::string_view prefix : kKeyKinds) {
        if (absl::StartsWithIgnoreCase(kind, prefix)) return true;
      }
      if (absl::StartsWithIgnoreCase(kind, "sk_org") ||
          absl::StartsWithIgnoreCase(kind, "whsec_")) {
        return true;
      }
    }
    return false;
  }
  switch (rest[0]) {
    case '%':
      return HidesCharacter(Code(rest, 1, 2));
    case '\\':
      return HidesCharacter(rest[1] == 'x' ? Code(rest, 2, 2)
                                           : Code(rest, 2, 4));
    case 'c':
      return absl::StartsWith(rest, "c2tf") || absl::StartsWith(rest, "cmtf");
    default: {
      size_t length = 0;
      if (absl::StartsWithIgnoreCase(rest, "bearer")) length = 6;
      if (absl::StartsWithIgnoreCase(rest, "basic")) length = 5;
      if (length == 0 || length >= rest.size()) return false;
      const char after = rest[length];
      return after == ' ' || after == '\t' || after == '+' || after == '%' ||
             after == '\\';
    }
  }
}

bool MayHoldSecretFrom(absl::string_view text, size_t from) {
  for (size_t i = from; i + 2 < text.size(); ++i) {
    if ((Shapes(kFirst, text[i]) & Shapes(kSecond, text[i + 1]) &
         Shapes(kThird, text[i + 2])) != 0 &&
        Suspicious(text, i)) {
      return true;
    }
  }
  return false;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) inline __m256i Lookup(
    const HalfByteTables& tables, __m256i bytes) {
  const __m256i half = _mm256_set1_epi8(15);
  const __m256i low = _mm256_broadcastsi128_si256(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(tables.low)));
  const __m256i high = _mm256_broadcastsi128_si256(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(tables.high)));
  return _mm256_and_si256(
      _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half)),
      _mm256_shuffle_epi8(high,
                          _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)));
}

__attribute__((target("avx2"))) inline __m256i Load(const char* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// The shapes at the 32 bytes from `p` on; reads two bytes more.
__attribute__((target("avx2"))) inline uint32_t ShapesAvx2(const char* p) {
  const __m256i shapes = _mm256_and_si256(
      _mm256_and_si256(Lookup(kFirst, Load(p)), Lookup(kSecond, Load(p + 1))),
      Lookup(kThird, Load(p + 2)));
  return ~static_cast<uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(shapes, _mm256_setzero_si256())));
}

__attribute__((target("avx2"))) bool MayHoldSecretAvx2(absl::string_view text) {
  constexpr size_t kStep = 32;
  if (text.size() < kStep + 2) return MayHoldSecretFrom(text, 0);
  const size_t last = text.size() - kStep - 2;
  // The last step overlaps the one before it.
  for (size_t i = 0;; i = std::min(i + kStep, last)) {
    for (uint32_t hits = ShapesAvx2(text.data() + i); hits != 0;
         hits &= hits - 1) {
      if (Suspicious(text, i + static_cast<size_t>(__builtin_ctz(hits)))) {
        return true;
      }
    }
    if (i == last) return false;
  }
}

#endif  // __x86_64__

}  // namespace

bool MayHoldSecret(absl::string_view text) {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return MayHoldSecretAvx2(text);
#endif
  return MayHoldSecretFrom(text, 0);
}

}  // namespace keywatch
