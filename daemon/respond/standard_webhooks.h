#ifndef DAEMON_RESPOND_STANDARD_WEBHOOKS_H_
#define DAEMON_RESPOND_STANDARD_WEBHOOKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/core/secret.h"

namespace keywatch {

// The signature scheme v1 of Standard Webhooks (standardwebhooks.com): the
// receiver recomputes HMAC-SHA256 over "<id>.<timestamp>.<body>" with the
// shared secret. Pure functions.

// The key bytes of a secret, `whsec_` and the base64 of 24 to 64 bytes.
// INVALID_ARGUMENT for anything else; the text never repeats it.
absl::StatusOr<Secret> ParseWebhookSecret(const Secret& secret);

// The value of `webhook-signature`: one `v1,<base64>` for each key, separated by
// blanks, so that a receiver that knows any of them accepts the message. `keys`
// as ParseWebhookSecret gives them.
std::string WebhookSignature(const std::vector<Secret>& keys,
                             absl::string_view id, int64_t timestamp_seconds,
                             absl::string_view body);

// The value of `webhook-id`: the idempotency key with everything replaced by
// '_' that may not stand in an id ('.' separates the signed parts).
std::string WebhookId(absl::string_view idempotency_key);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_STANDARD_WEBHOOKS_H_
