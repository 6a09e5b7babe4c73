#include "daemon/rules/schedule.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace keywatch {

absl::Status CheckSchedule(absl::string_view text) {
  struct Field {
    const char* name;
    int low;
    int high;
  };
  static constexpr Field kFields[] = {{"minute", 0, 59},
                                      {"hour", 0, 23},
                                      {"day of the month", 1, 31},
                                      {"month", 1, 12},
                                      {"day of the week", 0, 7}};
  const std::vector<std::string> fields =
      absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (fields.size() != 5) {
    return absl::InvalidArgumentError(
        absl::StrCat("a schedule has five fields, not ", fields.size()));
  }
  for (size_t i = 0; i < 5; ++i) {
    for (const absl::string_view item : absl::StrSplit(fields[i], ',')) {
      const std::vector<std::string> step = absl::StrSplit(item, '/');
      const std::vector<std::string> ends = absl::StrSplit(step[0], '-');
      const auto in_range = [&](const std::string& number) {
        int value = 0;
        return !number.empty() &&
               number.find_first_not_of("0123456789") == std::string::npos &&
               absl::SimpleAtoi(number, &value) && value >= kFields[i].low &&
               value <= kFields[i].high;
      };
      int every = 1;
      const bool ok =
          step.size() <= 2 && ends.size() <= 2 &&
          (step.size() == 1 ||
           (step[1].find_first_not_of("0123456789") == std::string::npos &&
            absl::SimpleAtoi(step[1], &every) && every > 0)) &&
          (step[0] == "*" || (in_range(ends.front()) && in_range(ends.back())));
      if (!ok) {
        return absl::InvalidArgumentError(absl::StrCat(
            "\"", item, "\" is no ", kFields[i].name, " of a schedule"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace keywatch
