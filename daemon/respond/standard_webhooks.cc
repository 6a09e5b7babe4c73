#include "daemon/respond/standard_webhooks.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/core/secret_access.h"
#include "daemon/crypto/hash.h"

namespace keywatch {

absl::StatusOr<Secret> ParseWebhookSecret(const Secret& secret) {
  absl::string_view text = SecretAccess::Reveal(secret);
  std::string key;
  if (!absl::ConsumePrefix(&text, "whsec_") ||
      !absl::Base64Unescape(text, &key)) {
    return absl::InvalidArgumentError(
        "a webhook secret is whsec_ and base64 text");
  }
  const size_t size = key.size();
  Secret parsed(std::move(key));
  if (size < 24 || size > 64) {
    return absl::InvalidArgumentError(
        absl::StrCat("a webhook secret has 24 to 64 bytes, not ", size));
  }
  return parsed;
}

std::string WebhookSignature(const std::vector<Secret>& keys,
                             absl::string_view id, int64_t timestamp_seconds,
                             absl::string_view body) {
  const std::string content =
      absl::StrCat(id, ".", timestamp_seconds, ".", body);
  std::string signature;
  for (const Secret& key : keys) {
    absl::StrAppend(
        &signature, signature.empty() ? "v1," : " v1,",
        absl::Base64Escape(HmacSha256(SecretAccess::Reveal(key), content)));
  }
  return signature;
}

std::string WebhookId(absl::string_view idempotency_key) {
  std::string id(idempotency_key);
  for (char& c : id) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-') {
      c = '_';
    }
  }
  return id;
}

}  // namespace keywatch
