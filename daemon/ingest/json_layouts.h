#ifndef DAEMON_INGEST_JSON_LAYOUTS_H_
#define DAEMON_INGEST_JSON_LAYOUTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace keywatch {

// JsonLayouts remembers how the records of a log are laid out: the text that
// stands before each value, with its keys, punctuation and blanks. Whoever
// writes a log writes its records alike, so what comes next is known before it
// is read, and to compare is much less work than to parse. Layouts that begin
// alike share their beginning: together they are a tree of steps. Its size is
// bounded. Thread-compatible.
class JsonLayouts {
 public:
  // From behind one value (or the beginning of the record) to the next value,
  // or to the end of the record.
  struct Step {
    std::unique_ptr<char[]> text;  // readable up to a multiple of 16 bytes
    uint32_t size = 0;
    uint32_t depth = 0;  // levels that may still be nested at the value
    int node = 0;        // of the path tree: where the value leads
    int cell = 0;        // PathTree::kNone when nobody wants it
    bool end = false;    // there is no value: the record ends
    uint32_t next = 0;   // the steps behind the value, that of the last record
                         // first; 0 is none
    uint32_t other = 0;  // the next one of the steps at the same place
  };
  // A value that was read: a scalar or a whole list.
  struct Place {
    size_t begin = 0;
    size_t end = 0;
    uint32_t depth = 0;
    int node = 0;
    int cell = 0;
  };

  JsonLayouts() { Clear(); }

  // The step before everything, which has neither text nor value.
  static constexpr uint32_t kStart = 0;
  Step& step(uint32_t index) { return steps_[index]; }

  // The step behind `index` whose text stands at `p`, of which `left` bytes
  // are left and 64 more can be read, before a value that is no map; 0 when
  // there is none. It will be the first one to be looked at.
  uint32_t Follow(uint32_t index, const char* p, size_t left) {
    const uint32_t first = steps_[index].next;
    for (uint32_t at = first, before = 0; at != 0;
         before = at, at = steps_[at].other) {
      const Step& step = steps_[at];
      if (left < step.size || !Same(p, step.text.get(), step.size)) continue;
      if (step.end ? left != step.size : p[step.size] == '{') continue;
      if (before != 0) ToFront(index, before, at);
      return at;
    }
    return 0;
  }

  // Remembers the layout of a record whose values are `places`, in order.
  void Learn(absl::string_view record, absl::Span<const Place> places);

  // Counts whether a record was found, and gives up for some time on a log
  // whose records never are. False: not worth trying.
  bool worth_trying() {
    if (pause_ == 0) return true;
    --pause_;
    return false;
  }
  void Tried(bool found);

  size_t size() const { return steps_.size(); }

 private:
  static bool Same(const char* a, const char* b, size_t size);
  void ToFront(uint32_t parent, uint32_t before, uint32_t index);
  uint32_t Child(uint32_t parent, absl::string_view text, const Place* place);
  void Clear();

  std::vector<Step> steps_;
  uint32_t tried_ = 0;
  uint32_t missed_ = 0;
  uint32_t pause_ = 0;
};

}  // namespace keywatch

#if defined(__SSE2__)
#include <emmintrin.h>
#else
#include <cstring>
#endif

namespace keywatch {

inline bool JsonLayouts::Same(const char* a, const char* b, size_t size) {
#if defined(__SSE2__)
  const auto equal = [](const char* x, const char* y) {
    return static_cast<unsigned>(_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(y)))));
  };
  while (size > 16) {
    if (equal(a, b) != 0xffff) return false;
    a += 16;
    b += 16;
    size -= 16;
  }
  const unsigned wanted = (1u << size) - 1;
  return (equal(a, b) & wanted) == wanted;
#else
  return std::memcmp(a, b, size) == 0;
#endif
}

}  // namespace keywatch

#endif  // DAEMON_INGEST_JSON_LAYOUTS_H_
