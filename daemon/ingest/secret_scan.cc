#include "daemon/ingest/secret_scan.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "daemon/ingest/escapes.h"
#include "daemon/ingest/secret_kinds.h"

namespace keywatch {
namespace {

// Fewer characters than that do not open anything.
constexpr size_t kLeastBody = 10;
constexpr size_t kLeastToken = 16;
// Rounds of escaping that are undone, one within the other.
constexpr int kMostEscapes = 6;

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
  // Each kind has its first underscore from the third to the sixth character.
  if (text.size() < 6 ||
      (text[2] != '_' && text[3] != '_' && text[4] != '_' && text[5] != '_')) {
    return 0;
  }
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
  if (!MayHoldSecret(text)) return;
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

bool MayHoldEscape(absl::string_view text) {
  return text.find_first_of("\\%") != absl::string_view::npos;
}

// Adds the secrets of `text` when its escapes are undone; `found` holds those
// that stand plainly in it.
void FindEscaped(absl::string_view text, std::vector<FoundSecret>* found) {
  const MappedText once = UndoJsonEscapes(MappedText::Of(text));
  // What is found in the text as it stands may begin within an escape
  // (`\rk_live_`): that goes too, or what is left would not be JSON.
  for (FoundSecret& secret : *found) {
    const auto after = std::upper_bound(once.begin.begin(), once.begin.end(),
                                        static_cast<uint32_t>(secret.begin));
    secret.begin = *std::prev(after);
  }
  FindMapped(once, found);
  // Nothing is left to undo, in no order.
  if (!MayHoldEscape(once.text)) return;
  // A text does not say in which order it was escaped: each order is tried.
  MappedText mixed = UndoPercentEscapes(once);
  FindMapped(mixed, found);
  if (!MayHoldEscape(mixed.text)) return;
  MappedText json = once;
  for (int depth = 1; depth < kMostEscapes; ++depth) {
    MappedText next = UndoJsonEscapes(json);
    if (next.text.size() == json.text.size()) break;
    FindMapped(next, found);
    json = std::move(next);
  }
  for (int depth = 1; depth < kMostEscapes; ++depth) {
    MappedText next = UndoPercentEscapes(UndoJsonEscapes(mixed));
    if (next.text.size() == mixed.text.size()) break;
    FindMapped(next, found);
    mixed = std::move(next);
  }
  FindMapped(UndoAllEscapes(text), found);
}

}  // namespace

std::vector<FoundSecret> FindSecrets(absl::string_view text) {
  std::vector<FoundSecret> found;
  FindPlain(text, &found);
  if (MayHoldEscape(text)) FindEscaped(text, &found);
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
