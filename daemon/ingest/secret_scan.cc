#include "daemon/ingest/secret_scan.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "daemon/ingest/escapes.h"

namespace keywatch {
namespace {

// What a key of known kind begins with, up to its body.
constexpr absl::string_view kKeyKinds[] = {
    "sk_live_", "rk_live_", "sk_test_",  "rk_test_",  "ek_live_",
    "ek_test_", "rkcs_",    "pss_live_", "pss_test_",
};
// Fewer characters than that do not open anything.
constexpr size_t kLeastBody = 10;
constexpr size_t kLeastToken = 16;
// Rounds of escaping that are undone, one within the other.
constexpr int kMostEscapes = 6;

bool IsKeyCharacter(char c) { return absl::ascii_isalnum(c) || c == '_'; }
bool IsBase64Character(char c) {
  return absl::ascii_isalnum(c) || c == '+' || c == '/' || c == '-' ||
         c == '_' || c == '=';
}
bool IsTokenCharacter(char c) {
  return IsBase64Character(c) || c == '.' || c == '~';
}

template <typename Predicate>
size_t RunLength(absl::string_view text, Predicate predicate) {
  size_t n = 0;
  while (n < text.size() && predicate(text[n])) ++n;
  return n;
}

bool HasDigit(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), absl::ascii_isdigit);
}

size_t LongestAlphanumericRun(absl::string_view text) {
  size_t longest = 0;
  size_t run = 0;
  for (char c : text) {
    run = absl::ascii_isalnum(c) ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

// The length of the key secret that `text` begins with, 0 when with none.
// `*prefix` becomes the length of its kind, without the underscore.
size_t KeyLength(absl::string_view text, size_t* prefix) {
  for (absl::string_view kind : kKeyKinds) {
    if (!absl::StartsWithIgnoreCase(text, kind)) continue;
    const size_t body = RunLength(text.substr(kind.size()), IsKeyCharacter);
    if (body < kLeastBody) return 0;
    *prefix = kind.size() - 1;
    return kind.size() + body;
  }
  if (absl::StartsWithIgnoreCase(text, "whsec_")) {
    const size_t body = RunLength(text.substr(6), IsBase64Character);
    if (body < kLeastBody) return 0;
    *prefix = 5;
    return 6 + body;
  }
  if (absl::StartsWithIgnoreCase(text, "sk_org")) {
    const size_t body = RunLength(text.substr(6), IsKeyCharacter);
    const absl::string_view rest = text.substr(6, body);
    // Words such as "task_organization" begin alike.
    if (LongestAlphanumericRun(rest) < kLeastBody || !HasDigit(rest)) return 0;
    *prefix = 6;
    return 6 + body;
  }
  return 0;
}

size_t KeyLength(absl::string_view text) {
  size_t prefix;
  return KeyLength(text, &prefix);
}

// The text of a base64 run in either alphabet; false when it is none.
bool DecodeBase64(absl::string_view run, std::string* out) {
  while (absl::ConsumeSuffix(&run, "=")) {
  }
  // One character more than a multiple of four encodes nothing: what follows
  // the credential was taken in.
  if (run.size() % 4 == 1) run.remove_suffix(1);
  return absl::Base64Unescape(run, out) ||
         absl::WebSafeBase64Unescape(run, out);
}

// The key secret within a decoded credential ("sk_live_...:"), or "".
std::string KeyWithin(absl::string_view decoded) {
  for (size_t i = 0; i < decoded.size(); ++i) {
    const size_t length = KeyLength(decoded.substr(i));
    if (length > 0) return std::string(decoded.substr(i, length));
  }
  return "";
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  });
}

// Length of the blanks after the scheme at the beginning of `text`.
size_t BlankLength(absl::string_view text) {
  return RunLength(text,
                   [](char c) { return c == ' ' || c == '\t' || c == '+'; });
}

// A credential after `Bearer`; 0 when it is a word, a mask or a fingerprint.
size_t BearerLength(absl::string_view text) {
  const size_t length = RunLength(text, IsTokenCharacter);
  const absl::string_view token = text.substr(0, length);
  if (KeyLength(token) > 0) return 0;  // found as a key
  if (length < kLeastToken / 2 || absl::StrContains(token, "..")) return 0;
  if (length < text.size() && text[length] == '*') return 0;
  return length >= kLeastToken || HasDigit(token) ? length : 0;
}

// A credential after `Basic`; `*secret` becomes the key within it, or all of
// it, which then is a `*password`.
size_t BasicLength(absl::string_view text, std::string* secret,
                   bool* password) {
  const size_t length = RunLength(text, IsBase64Character);
  const absl::string_view run = text.substr(0, length);
  if (KeyLength(run) > 0) return 0;
  std::string decoded;
  if (length < 4 || !DecodeBase64(run, &decoded)) return 0;
  *secret = KeyWithin(decoded);
  if (!secret->empty()) return length;
  secret->assign(run.data(), run.size());
  *password = true;
  const bool credential =
      absl::StrContains(decoded, ':') && IsPrintable(decoded);
  return credential || (length >= kLeastToken && HasDigit(run)) ? length : 0;
}

// Adds the secrets that stand plainly in `text`.
void FindPlain(absl::string_view text, std::vector<FoundSecret>* found) {
  for (size_t i = 0; i < text.size(); ++i) {
    const absl::string_view rest = text.substr(i);
    size_t skip = 0;
    size_t length = 0;
    std::string secret;
    bool password = false;
    switch (text[i] | 0x20) {
      case 's':
      case 'r':
      case 'e':
      case 'p':
      case 'w':
        length = KeyLength(rest);
        break;
      case 'b':
        if (absl::StartsWithIgnoreCase(rest, "bearer")) {
          skip = 6 + BlankLength(rest.substr(6));
          if (skip > 6) length = BearerLength(rest.substr(skip));
        } else if (absl::StartsWithIgnoreCase(rest, "basic")) {
          skip = 5 + BlankLength(rest.substr(5));
          if (skip > 5) {
            length = BasicLength(rest.substr(skip), &secret, &password);
          }
        }
        break;
      case 'c':
        // "sk_" and "rk_" in base64.
        if (absl::StartsWith(rest, "c2tf") || absl::StartsWith(rest, "cmtf")) {
          length = RunLength(rest, IsBase64Character);
          std::string decoded;
          if (!DecodeBase64(rest.substr(0, length), &decoded) ||
              KeyLength(decoded) == 0) {
            length = 0;
          } else {
            secret = KeyWithin(decoded);
          }
        }
        break;
      default:
        break;
    }
    if (length == 0) continue;
    if (secret.empty()) secret = std::string(rest.substr(skip, length));
    found->push_back(
        {i + skip, i + skip + length, std::move(secret), password});
    i += skip + length - 1;
  }
}

void FindMapped(const MappedText& mapped, std::vector<FoundSecret>* found) {
  const size_t first = found->size();
  FindPlain(mapped.text, found);
  for (size_t i = first; i < found->size(); ++i) {
    FoundSecret& secret = (*found)[i];
    const size_t last = secret.end - 1;
    secret.begin = mapped.begin[secret.begin];
    secret.end = mapped.end[last];
  }
}

// --- The test that every record goes through.

// Sets of bytes that a secret shows itself by, at three neighbouring bytes;
// bit k of all three tables belongs to shape k:
//   0  [sre]k_  sk_ rk_ ek_       4  bas   Basic
//   1  [cs]s_   rkcs_ pss_        5  %??   a percent escape
//   2  ec_      whsec_            6  \u \x a JSON escape
//   3  bea      Bearer            7  c2t cmt  sk_ and rk_ in base64
// Each table is a product of low and high half byte, so that a vector unit can
// look up sixteen or more bytes at once.
struct HalfByteTables {
  unsigned char low[16];
  unsigned char high[16];
};

constexpr void AddSet(HalfByteTables* tables, int shape, const char* bytes) {
  for (; *bytes != 0; ++bytes) {
    tables->low[*bytes & 15] |= 1 << shape;
    tables->high[(*bytes >> 4) & 15] |= 1 << shape;
  }
}
constexpr void AddAll(HalfByteTables* tables, int shape) {
  for (int i = 0; i < 16; ++i) {
    tables->low[i] |= 1 << shape;
    tables->high[i] |= 1 << shape;
  }
}

constexpr HalfByteTables First() {
  HalfByteTables t = {};
  AddSet(&t, 0, "sSrReE");
  AddSet(&t, 1, "cCsS");
  AddSet(&t, 2, "eE");
  AddSet(&t, 3, "bB");
  AddSet(&t, 4, "bB");
  AddSet(&t, 5, "%");
  AddSet(&t, 6, "\\");
  AddSet(&t, 7, "c");
  return t;
}
constexpr HalfByteTables Second() {
  HalfByteTables t = {};
  AddSet(&t, 0, "kK");
  AddSet(&t, 1, "sS");
  AddSet(&t, 2, "cC");
  AddSet(&t, 3, "eE");
  AddSet(&t, 4, "aA");
  AddSet(&t, 5, "234567");
  AddSet(&t, 6, "uUx");
  AddSet(&t, 7, "2m");
  return t;
}
constexpr HalfByteTables Third() {
  HalfByteTables t = {};
  AddSet(&t, 0, "_");
  AddSet(&t, 1, "_");
  AddSet(&t, 2, "_");
  AddSet(&t, 3, "aA");
  AddSet(&t, 4, "sS");
  AddAll(&t, 5);
  AddAll(&t, 6);
  AddSet(&t, 7, "t");
  return t;
}

constexpr HalfByteTables kFirst = First();
constexpr HalfByteTables kSecond = Second();
constexpr HalfByteTables kThird = Third();

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

}  // namespace
}  // namespace keywatch

#if defined(__x86_64__)
#include <immintrin.h>

namespace keywatch {
namespace {

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

}  // namespace
}  // namespace keywatch
#endif  // __x86_64__

namespace keywatch {

bool MayHoldSecret(absl::string_view text) {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return MayHoldSecretAvx2(text);
#endif
  return MayHoldSecretFrom(text, 0);
}

std::vector<FoundSecret> FindSecrets(absl::string_view text) {
  std::vector<FoundSecret> found;
  FindPlain(text, &found);
  if (text.find('\\') != absl::string_view::npos ||
      text.find('%') != absl::string_view::npos) {
    const MappedText once = UndoJsonEscapes(MappedText::Of(text));
    // What is found in the text as it stands may begin within an escape
    // (`\rk_live_`): that goes too, or what is left would not be JSON.
    for (FoundSecret& secret : found) {
      const auto after = std::upper_bound(once.begin.begin(), once.begin.end(),
                                          static_cast<uint32_t>(secret.begin));
      secret.begin = *std::prev(after);
    }
    FindMapped(once, &found);
    // A text does not say in which order it was escaped: each order is tried.
    MappedText json = once;
    MappedText mixed = UndoPercentEscapes(once);
    FindMapped(mixed, &found);
    for (int depth = 1; depth < kMostEscapes; ++depth) {
      MappedText next = UndoJsonEscapes(json);
      if (next.text.size() == json.text.size()) break;
      FindMapped(next, &found);
      json = std::move(next);
    }
    for (int depth = 1; depth < kMostEscapes; ++depth) {
      MappedText next = UndoPercentEscapes(UndoJsonEscapes(mixed));
      if (next.text.size() == mixed.text.size()) break;
      FindMapped(next, &found);
      mixed = std::move(next);
    }
    FindMapped(UndoAllEscapes(text), &found);
  }
  // What was found more than once is one secret, as long as its longest
  // reading.
  std::sort(found.begin(), found.end(),
            [](const FoundSecret& a, const FoundSecret& b) {
              if (a.begin != b.begin) return a.begin < b.begin;
              return a.end > b.end;
            });
  std::vector<FoundSecret> merged;
  for (FoundSecret& secret : found) {
    if (merged.empty() || secret.begin >= merged.back().end) {
      merged.push_back(std::move(secret));
      continue;
    }
    FoundSecret& last = merged.back();
    if (secret.end - secret.begin > last.end - last.begin) {
      last.secret = std::move(secret.secret);
      last.password = secret.password;
    }
    last.end = std::max(last.end, secret.end);
  }
  return merged;
}

std::string SecretPrefix(absl::string_view secret) {
  size_t prefix = 0;
  if (KeyLength(secret, &prefix) == 0) return "token";
  return absl::AsciiStrToLower(secret.substr(0, prefix));
}

}  // namespace keywatch
