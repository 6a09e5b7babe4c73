#ifndef DAEMON_RULES_REGEX_INDEX_H_
#define DAEMON_RULES_REGEX_INDEX_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace keywatch {

// RegexIndex finds which of many regular expressions stand in a text, in one
// pass for each few dozen of them. Thread-compatible while filled, safe to read
// from any thread then.
class RegexIndex {
 public:
  RegexIndex();
  RegexIndex(RegexIndex&&) noexcept;
  RegexIndex& operator=(RegexIndex&&) noexcept;
  ~RegexIndex();

  void Add(std::shared_ptr<const re2::RE2> regex, uint32_t id);
  // After the last Add.
  void Build();
  bool empty() const { return entries_.empty(); }

  // Appends the id of every expression that is found in `text`.
  void Find(absl::string_view text, std::vector<uint32_t>* ids) const;

 private:
  struct Entry {
    std::shared_ptr<const re2::RE2> regex;
    uint32_t id;
  };
  // Entries beside each other, and the automaton of them all; none when they
  // are too few to be worth one.
  struct Batch;

  std::vector<Entry> entries_;
  std::vector<Batch> batches_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_REGEX_INDEX_H_
