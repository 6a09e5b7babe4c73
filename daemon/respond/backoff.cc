#include "daemon/respond/backoff.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/crypto/hash.h"

namespace keywatch {

absl::Duration Backoff(absl::string_view key, int64_t attempt,
                       absl::Duration initial, absl::Duration most) {
  absl::Duration wait = initial;
  for (int64_t i = 1; i < attempt && wait < most; ++i) wait *= 2;
  wait = std::min(wait, most);
  const std::string hash = Sha256(absl::StrCat(key, "#", attempt));
  uint32_t bits = 0;
  std::memcpy(&bits, hash.data(), sizeof(bits));
  return wait - wait * 0.25 * (static_cast<double>(bits) / UINT32_MAX);
}

}  // namespace keywatch
