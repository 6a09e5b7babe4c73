// Writes the seeds of a target into a directory, as the corpus to begin with:
//   write_rules_seeds DIRECTORY
// and its words as libFuzzer's dictionary into DIRECTORY.dict.

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/fuzz/target.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::string directory = argv[1];
  int number = 0;
  for (const std::string& seed : keywatch::fuzz::Seeds()) {
    std::ofstream file(absl::StrCat(directory, "/seed_", number++));
    file << seed;
    file.close();
    if (!file) {
      std::fprintf(stderr, "cannot write to %s\n", directory.c_str());
      return 1;
    }
  }
  std::ofstream words(directory + ".dict");
  for (const std::string& word : keywatch::fuzz::Words()) {
    words << '"';
    for (const char c : word) {
      words << (c == '"' || c == '\\' || c < 0x20
                    ? absl::StrCat("\\x",
                                   absl::BytesToHexString(std::string(1, c)))
                    : std::string(1, c));
    }
    words << "\"\n";
  }
  return 0;
}
