#ifndef DAEMON_METRICS_LABEL_H_
#define DAEMON_METRICS_LABEL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace keywatch {

// The longest label value, in bytes.
constexpr size_t kMaxLabelBytes = 128;

// `text` as a label value: valid UTF-8 (one bad byte would make Prometheus
// refuse the whole scrape), bounded, "unknown" when empty.
std::string LabelValue(absl::string_view text);

}  // namespace keywatch

#endif  // DAEMON_METRICS_LABEL_H_
