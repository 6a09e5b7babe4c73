#ifndef TESTS_FUZZ_TARGET_H_
#define TESTS_FUZZ_TARGET_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {
namespace fuzz {

// What is fuzzed. Each *_target.cc defines these three; smoke_test.cc and
// libfuzzer.cc run them.

// Gives `input` to the code and ends the process with a message when a claim
// about it does not hold.
void RunOne(absl::string_view input);
// Inputs that reach far into the code.
std::vector<std::string> Seeds();
// Words of the input's language, for mutations.
std::vector<std::string> Words();

// Ends the process with `message` unless `holds`.
void Require(bool holds, absl::string_view message);

}  // namespace fuzz
}  // namespace keywatch

#endif  // TESTS_FUZZ_TARGET_H_
