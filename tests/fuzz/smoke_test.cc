// The short run of a target: its seeds and mutations of them, the same ones
// every time. KEYWATCH_FUZZ_ROUNDS makes it longer, KEYWATCH_FUZZ_SEED another.

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "tests/fuzz/target.h"

namespace keywatch {
namespace fuzz {
namespace {

int64_t Setting(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : fallback;
}

class Mutator {
 public:
  explicit Mutator(int64_t seed) : random_(static_cast<uint32_t>(seed)) {}

  std::string Mutate(std::string text, const std::string& other) {
    for (size_t edits = 1 + Below(6); edits > 0; --edits) {
      Edit(&text, other);
    }
    return text;
  }

  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }

 private:
  void Edit(std::string* text, const std::string& other) {
    const size_t at = Below(text->size() + 1);
    switch (Below(7)) {
      case 0:
        text->erase(at, 1 + Below(20));
        return;
      case 1:
        text->insert(at, words_[Below(words_.size())]);
        return;
      case 2:
        if (at < text->size()) (*text)[at] = static_cast<char>(Below(256));
        return;
      case 3: {
        const std::string part = text->substr(at, Below(60));
        text->insert(Below(text->size() + 1), part);
        return;
      }
      case 4: {
        const size_t from = Below(other.size() + 1);
        text->insert(at, other, from, Below(80));
        return;
      }
      case 5: {
        const std::string word = words_[Below(words_.size())];
        std::string many;
        for (size_t times = 1 + Below(200); times > 0; --times) many += word;
        text->insert(at, many);
        return;
      }
      default: {
        // A line somewhere else, at another depth.
        const size_t begin = text->rfind('\n', at);
        const size_t end = text->find('\n', at);
        if (begin == std::string::npos || end == std::string::npos) return;
        const std::string line = text->substr(begin, end - begin);
        text->insert(end, line);
        return;
      }
    }
  }

  const std::vector<std::string> words_ = Words();
  std::mt19937 random_;
};

TEST(FuzzSmokeTest, SeedsAndWhatBecomesOfThemHold) {
  const std::vector<std::string> seeds = Seeds();
  ASSERT_FALSE(seeds.empty());
  RunOne("");
  for (const std::string& seed : seeds) RunOne(seed);
  Mutator mutator(Setting("KEYWATCH_FUZZ_SEED", 20260803));
  const int64_t rounds = Setting("KEYWATCH_FUZZ_ROUNDS", 2000);
  for (int64_t round = 0; round < rounds; ++round) {
    const std::string& seed = seeds[mutator.Below(seeds.size())];
    const std::string input =
        mutator.Mutate(seed, seeds[mutator.Below(seeds.size())]);
    SCOPED_TRACE(input);
    RunOne(input);
  }
}

}  // namespace
}  // namespace fuzz
}  // namespace keywatch
