#ifndef DAEMON_STORE_KEY_TABLE_H_
#define DAEMON_STORE_KEY_TABLE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/core/key_profile.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace keywatch {

// Key profiles, each stored whole. Errors and orders as in store.h.

// Within a Write of `db`.
absl::Status WriteKeyProfiles(Connection& db,
                              const std::vector<KeyProfile>& profiles);

absl::StatusOr<KeyProfile> ReadKeyProfile(Connection& db, const KeyId& key);
absl::StatusOr<KeyPage> ListKeyProfiles(Connection& db,
                                        const KeyFilter& filter);

}  // namespace keywatch

#endif  // DAEMON_STORE_KEY_TABLE_H_
