#ifndef TESTS_BENCH_LOG_LINE_H_
#define TESTS_BENCH_LOG_LINE_H_

#include <string>

#include "tests/bench/random.h"
#include "tests/bench/traffic.h"

namespace keywatch {

// LogLine writes requests as lines of a log. All ways of writing say the same,
// but that `Combined` has fewer fields and whole seconds. Not thread-safe.
class LogLine {
 public:
  // The order of fields and what is escaped are drawn from `seed`, apart from
  // the requests.
  explicit LogLine(uint64_t seed) : random_(seed) {}

  // One JSON object of 21 fields, always in the same order.
  void AppendJson(const Request& request, std::string* out);
  // The same fields in another order in each line, and some values with
  // characters escaped that need not be.
  void AppendShuffledJson(const Request& request, std::string* out);
  // As AppendJson, but one line of twenty is not quite like the others, or is no
  // request at all: what other writers, and accidents, make of a log.
  void AppendOddJson(const Request& request, std::string* out);
  // As nginx's "combined" has it, with the key as the user.
  void AppendCombined(const Request& request, std::string* out);

 private:
  static constexpr int kFields = 21;

  // Appends the field's name and value.
  void AppendField(int field, const Request& request, std::string* out);
  void AppendText(const char* name, const std::string& value, std::string* out);
  // As 2026-08-10T00:00:00.000Z.
  void AppendTime(int64_t time_ms, std::string* out);
  void SetSecond(int64_t second);

  Random random_;
  bool escape_ = false;
  // Of the last second that was written.
  int64_t second_ = -1;
  std::string iso_;
  std::string clf_;
};

}  // namespace keywatch

#endif  // TESTS_BENCH_LOG_LINE_H_
