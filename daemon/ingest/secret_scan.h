#ifndef DAEMON_INGEST_SECRET_SCAN_H_
#define DAEMON_INGEST_SECRET_SCAN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// A secret in a text: the bytes that it takes there, and the secret itself
// without the escapes that it was written with.
struct FoundSecret {
  size_t begin = 0;
  size_t end = 0;
  std::string secret;
  // A user name and password: not even its end may be shown.
  bool password = false;
};

// False when `text` certainly holds no secret, in no encoding that FindSecrets
// knows. Some 10 bytes per nanosecond; everything else is only done for a
// text that does not pass.
bool MayHoldSecret(absl::string_view text);

// The secrets of `text`, in order and apart from each other, whether they
// stand there plainly, with JSON's escapes, percent-encoded, nested in any
// depth of these, or in base64 as HTTP's Basic scheme has them. What services
// show of a key (`rk_live_...W4ie`, `sk_live_****abcd`) is no secret.
std::vector<FoundSecret> FindSecrets(absl::string_view text);

// "sk_live", "rk_test", "sk_org", "whsec", ...: what a secret begins with, in
// lower case; "token" for what has no known beginning.
std::string SecretPrefix(absl::string_view secret);

}  // namespace keywatch

#endif  // DAEMON_INGEST_SECRET_SCAN_H_
