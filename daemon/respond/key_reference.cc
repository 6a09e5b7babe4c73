#include "daemon/respond/key_reference.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/utf8.h"

namespace keywatch {
namespace {

// Shorter ones are aliases and examples.
constexpr size_t kMinSecretBody = 10;
constexpr size_t kMaxKeyBytes = 256;

bool Alnum(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c));
}

bool BodyChar(char c) { return Alnum(c) || c == '_'; }

bool TokenChar(char c) {
  return Alnum(c) ||
         absl::string_view("-._~+/=").find(c) != absl::string_view::npos;
}

template <typename Accepts>
size_t LengthOf(absl::string_view text, Accepts accepts) {
  return std::find_if_not(text.begin(), text.end(), accepts) - text.begin();
}

bool SecretAt(absl::string_view text) {
  for (absl::string_view prefix :
       {"sk_live_", "sk_test_", "rk_live_", "rk_test_", "rkcs_live_",
        "rkcs_test_", "rkcs_", "whsec_"}) {
    // The body of a secret has no '_'; names that people give have.
    if (absl::StartsWith(text, prefix) &&
        LengthOf(text.substr(prefix.size()), Alnum) >= kMinSecretBody) {
      return true;
    }
  }
  if (absl::StartsWith(text, "sk_org_") &&
      LengthOf(text.substr(7), BodyChar) >= kMinSecretBody) {
    return true;
  }
  for (absl::string_view scheme : {"bearer ", "basic "}) {
    if (absl::StartsWithIgnoreCase(text, scheme) &&
        LengthOf(absl::StripLeadingAsciiWhitespace(text.substr(scheme.size())),
                 TokenChar) >= 2 * kMinSecretBody) {
      return true;
    }
  }
  return false;
}

absl::Status Refuse(absl::string_view what, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(what, why));
}

}  // namespace

bool LooksLikeSecret(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && BodyChar(text[i - 1])) continue;
    if (SecretAt(text.substr(i))) return true;
  }
  return false;
}

absl::Status CheckKeyReference(absl::string_view text, absl::string_view what) {
  if (text.empty()) return Refuse(what, " is missing");
  if (LooksLikeSecret(text)) {
    return Refuse(what,
                  " looks like the secret of a key; give its id or alias, and "
                  "treat the secret as exposed if it was typed where others "
                  "can read");
  }
  if (text.size() > kMaxKeyBytes) return Refuse(what, " is too long");
  if (!IsValidUtf8(text) || std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
      })) {
    return Refuse(what, " holds blanks, control characters or invalid UTF-8");
  }
  return absl::OkStatus();
}

absl::Status CheckFreeText(absl::string_view text, absl::string_view what,
                           size_t max_bytes) {
  if (absl::StripAsciiWhitespace(text).empty()) {
    return Refuse(what, " is missing");
  }
  if (LooksLikeSecret(text)) {
    return Refuse(what, " holds what looks like the secret of a key");
  }
  if (text.size() > max_bytes) return Refuse(what, " is too long");
  if (!IsValidUtf8(text)) return Refuse(what, " is not valid UTF-8");
  return absl::OkStatus();
}

bool IsTestKey(absl::string_view key) {
  return absl::StrContains(key, "_test_") || absl::StrContains(key, "_test:");
}

}  // namespace keywatch
