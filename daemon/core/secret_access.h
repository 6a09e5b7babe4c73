#ifndef DAEMON_CORE_SECRET_ACCESS_H_
#define DAEMON_CORE_SECRET_ACCESS_H_

#include "absl/strings/string_view.h"
#include "daemon/core/secret.h"

namespace keywatch {

// SecretAccess reveals a Secret. A package that needs it must be named in the
// visibility of //daemon/core:secret_access.
class SecretAccess {
 public:
  // The value, valid as long as `secret`. Never log, store or export it.
  static absl::string_view Reveal(const Secret& secret) {
    return secret.value_;
  }
};

}  // namespace keywatch

#endif  // DAEMON_CORE_SECRET_ACCESS_H_
