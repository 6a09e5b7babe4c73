#ifndef DAEMON_INGEST_OPERATION_H_
#define DAEMON_INGEST_OPERATION_H_

#include <string>

#include "absl/strings/string_view.h"

namespace keywatch {

// True for a path segment that names one thing instead of a kind of things:
// ids with a prefix (`vs_1Pabc`, `acct_123`), numbers, UUIDs, long hexadecimal
// and random words. Versions (`v1`) and names (`verification_sessions`,
// `3d_secure`) are none.
bool LooksLikeId(absl::string_view segment);

// `path` with every segment that looks like an id replaced by `:id`:
// /v1/identity/verification_sessions/:id. `*last_id` becomes the last such
// segment, pointing into `path`, or "". Very long paths are cut after
// kMaxOperationSegments segments, ending in `/...`.
constexpr int kMaxOperationSegments = 12;
void AppendTemplatedPath(absl::string_view path, std::string* out,
                         absl::string_view* last_id);

}  // namespace keywatch

#endif  // DAEMON_INGEST_OPERATION_H_
