#include "daemon/ingest/json_split.h"

#include "daemon/ingest/json_scanner.h"

namespace keywatch {

bool SplitJsonRecords(absl::string_view text, absl::string_view records_key,
                      uint32_t max_depth,
                      std::vector<absl::string_view>* elements) {
  JsonScanner scanner(text);
  const bool wrapped = scanner.Peek() == '{';
  if (wrapped) {
    bool is_list = !records_key.empty() && scanner.Take('{') &&
                   scanner.Take('"') && scanner.TakeRestOfString(records_key) &&
                   scanner.Take(':') && scanner.Peek() == '[';
    if (!is_list) {
      elements->push_back(text);
      return true;
    }
  }
  if (!scanner.Take('[')) {
    elements->push_back(text);
    return true;
  }
  if (!scanner.Take(']')) {
    do {
      scanner.Peek();
      const char* const first = scanner.place();
      if (!scanner.Skip(max_depth)) return false;
      elements->emplace_back(first,
                             static_cast<size_t>(scanner.place() - first));
    } while (scanner.Take(','));
    if (!scanner.Take(']')) return false;
  }
  while (wrapped && scanner.Take(',')) {
    absl::string_view key;
    bool escaped;
    scanner.Peek();
    if (!scanner.String(&key, &escaped) || !scanner.Take(':') ||
        !scanner.Skip(max_depth)) {
      return false;
    }
  }
  if (wrapped && !scanner.Take('}')) return false;
  scanner.Peek();
  return scanner.at_end();
}

}  // namespace keywatch
