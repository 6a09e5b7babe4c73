#ifndef DAEMON_INGEST_SECRET_KINDS_H_
#define DAEMON_INGEST_SECRET_KINDS_H_

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// What a key of known kind begins with, up to its body.
inline constexpr absl::string_view kKeyKinds[] = {
    "sk_live_", "rk_live_", "sk_test_",  "rk_test_",  "ek_live_",
    "ek_test_", "rkcs_",    "pss_live_", "pss_test_",
};

// What the body of such a key is made of.
inline bool IsKeyCharacter(char c) {
  return absl::ascii_isalnum(c) || c == '_';
}

}  // namespace keywatch

#endif  // DAEMON_INGEST_SECRET_KINDS_H_
