#ifndef DAEMON_INGEST_SHIPPED_FORMATS_H_
#define DAEMON_INGEST_SHIPPED_FORMATS_H_

#include <cstddef>

namespace keywatch {

// A file of config/formats/, as it was when the binary was built.
struct ShippedFormat {
  const char* name;  // of the file, without .yaml
  const char* text;
  size_t size;
};
extern const ShippedFormat kShippedFormats[];
extern const size_t kShippedFormatCount;

}  // namespace keywatch

#endif  // DAEMON_INGEST_SHIPPED_FORMATS_H_
