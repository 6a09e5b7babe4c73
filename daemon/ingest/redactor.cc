#include "daemon/ingest/redactor.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/secret_access.h"
#include "daemon/crypto/hash.h"
#include "daemon/ingest/secret_scan.h"

namespace keywatch {
namespace {

// Of a shorter secret four characters would give too much away.
constexpr size_t kLeastForTail = 16;

}  // namespace

Redactor::Redactor(Secret pepper) : pepper_(std::move(pepper)) {}

bool Redactor::Finds(absl::string_view text) const {
  return MayHoldSecret(text) && !FindSecrets(text).empty();
}

std::string Redactor::Redact(absl::string_view text, int64_t* replaced) const {
  std::string out;
  if (!MayHoldSecret(text)) {
    out.assign(text.data(), text.size());
    return out;
  }
  size_t copied = 0;
  for (const FoundSecret& found : FindSecrets(text)) {
    absl::StrAppend(&out, text.substr(copied, found.begin - copied),
                    Name(found.secret, !found.password));
    copied = found.end;
    ++*replaced;
  }
  absl::StrAppend(&out, text.substr(copied));
  return out;
}

std::string Redactor::Fingerprint(absl::string_view secret) const {
  return Name(secret, true);
}

std::string Redactor::Name(absl::string_view secret, bool show_tail) const {
  const std::string hash = absl::BytesToHexString(
      HmacSha256(SecretAccess::Reveal(pepper_), secret).substr(0, 8));
  std::string name = absl::StrCat(SecretPrefix(secret), ":", hash);
  if (show_tail && secret.size() >= kLeastForTail) {
    absl::StrAppend(&name, ":", secret.substr(secret.size() - 4));
  }
  return name;
}

}  // namespace keywatch
