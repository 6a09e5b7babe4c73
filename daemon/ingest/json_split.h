#ifndef DAEMON_INGEST_JSON_SPLIT_H_
#define DAEMON_INGEST_JSON_SPLIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// The elements of a JSON text that holds many records: a list, or a map whose
// first key is `records_key` with a list. A text that is neither is its own
// only element. False when the text is broken: `elements` are those before.
// What JsonScanner wants of a text holds here, too.
bool SplitJsonRecords(absl::string_view text, absl::string_view records_key,
                      uint32_t max_depth,
                      std::vector<absl::string_view>* elements);

}  // namespace keywatch

#endif  // DAEMON_INGEST_JSON_SPLIT_H_
