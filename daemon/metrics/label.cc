#include "daemon/metrics/label.h"

#include "daemon/core/utf8.h"

namespace keywatch {

std::string LabelValue(absl::string_view text) {
  if (text.empty()) return "unknown";
  const std::string valid = ToValidUtf8(text);
  return std::string(TruncateUtf8(valid, kMaxLabelBytes));
}

}  // namespace keywatch
