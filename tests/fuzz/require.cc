#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/fuzz/target.h"

namespace keywatch {
namespace fuzz {

void Require(bool holds, absl::string_view message) {
  if (holds) return;
  std::fprintf(stderr, "claim broken: %s\n", std::string(message).c_str());
  std::abort();
}

}  // namespace fuzz
}  // namespace keywatch
