#ifndef DAEMON_STORE_PAGE_TOKEN_H_
#define DAEMON_STORE_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// A page token says where the next page of a list begins: the place of the last
// row (`position`), bound to the question asked (`scope`: the list's name and
// its filter). Text that fits into a URL; opaque to clients. It is guarded
// against accidents, not against forgery: what it gives access to, the list
// gives as well. Thread-safe.

std::string MakePageToken(absl::string_view scope, absl::string_view position);

// The position in `token`; INVALID_ARGUMENT when the token is not one of
// MakePageToken with the same scope.
absl::StatusOr<std::string> ReadPageToken(absl::string_view scope,
                                          absl::string_view token);

}  // namespace keywatch

#endif  // DAEMON_STORE_PAGE_TOKEN_H_
