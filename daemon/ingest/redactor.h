#ifndef DAEMON_INGEST_REDACTOR_H_
#define DAEMON_INGEST_REDACTOR_H_

#include <string>

#include "absl/strings/string_view.h"
#include "daemon/core/secret.h"

namespace keywatch {

// Redactor replaces everything that looks like the secret of a key (Stripe's
// sk_, rk_, sk_org, rkcs_, whsec_ in every mode, and what follows `Bearer` or
// `Basic`) by its fingerprint and its last four characters, so that the same
// secret always gives the same text and the text gives nothing away:
//
//   rk_live_51Habc...W4ie  ->  rk_live:4f1c09aa3be2d871:W4ie
//
// The fingerprint is the first 16 hex digits of HMAC-SHA256 of the secret
// under the installation's pepper. A secret without a known beginning is a
// "token"; a short one, and a password, show no characters. The text that comes
// out is left alone when it is redacted again, and JSON stays JSON. What a
// service itself shows of a key (`rk_live_...W4ie`, `sk_live_****abcd`) stays.
// Thread-safe.
class Redactor {
 public:
  explicit Redactor(Secret pepper);

  // True when `text` holds something to replace. Fast: this is asked of every
  // record.
  bool Finds(absl::string_view text) const;

  // `text` with secrets replaced, also those written with JSON's escapes,
  // percent-encoded (nested in any depth), and in base64 after `Basic`; `*replaced` grows by their number.
  std::string Redact(absl::string_view text, int64_t* replaced) const;

  // The public name of a secret: what Redact would put in its place.
  std::string Fingerprint(absl::string_view secret) const;

 private:
  std::string Name(absl::string_view secret, bool show_tail) const;

  const Secret pepper_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_REDACTOR_H_
