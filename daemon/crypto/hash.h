#ifndef DAEMON_CRYPTO_HASH_H_
#define DAEMON_CRYPTO_HASH_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace keywatch {

// SHA-256 and HMAC-SHA256 over OpenSSL. Thread-safe.

// 32 raw bytes.
std::string Sha256(absl::string_view data);
// 32 raw bytes.
std::string HmacSha256(absl::string_view key, absl::string_view data);
// The first `digits` (at most 64) lower-case hex digits of Sha256(data).
std::string Sha256Hex(absl::string_view data, size_t digits = 64);
// `count` random bytes of the operating system.
std::string RandomBytes(size_t count);
// True when equal; takes the same time wherever they differ.
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

}  // namespace keywatch

#endif  // DAEMON_CRYPTO_HASH_H_
