// The long run of a target: libFuzzer's main is linked in by --config=fuzz.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  keywatch::fuzz::RunOne(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
