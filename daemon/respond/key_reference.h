#ifndef DAEMON_RESPOND_KEY_REFERENCE_H_
#define DAEMON_RESPOND_KEY_REFERENCE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// What people type to name a key. Pure functions.

// True when `text` holds something in the form of a live credential: a Stripe
// secret, restricted, organization or webhook secret, or what follows `Bearer`
// or `Basic`. Masked forms (`rk_live_...W4ie`) and fingerprints
// (`rk_live:4f1c09aa3be2d871:W4ie`) are none.
bool LooksLikeSecret(absl::string_view text);

// OK when `text` can be the id of a key: 1 to 256 bytes of valid UTF-8 without
// blanks and control characters, and no secret. Else INVALID_ARGUMENT that says
// `what` is wrong and does not repeat it.
absl::Status CheckKeyReference(absl::string_view text, absl::string_view what);

// OK when `text` can be stored as an actor, a reason or a note: 1 to `max_bytes`
// bytes of valid UTF-8, and no secret in it. Else INVALID_ARGUMENT, as above.
absl::Status CheckFreeText(absl::string_view text, absl::string_view what,
                           size_t max_bytes);

// True when the key's id says that it is of a test mode.
bool IsTestKey(absl::string_view key);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_KEY_REFERENCE_H_
