#include "daemon/engine/explain.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

absl::string_view OpText(Comparison::Op op) {
  switch (op) {
    case Comparison::Op::kGt:
      return ">";
    case Comparison::Op::kGte:
      return ">=";
    case Comparison::Op::kLt:
      return "<";
    case Comparison::Op::kLte:
      return "<=";
    case Comparison::Op::kEq:
      return "=";
    case Comparison::Op::kNeq:
      return "!=";
  }
  return "?";
}

template <typename F>
std::string Condition(const std::vector<Comparison>& condition, F format) {
  std::string out = "threshold";
  bool first = true;
  for (const Comparison& comparison : condition) {
    absl::StrAppend(&out, first ? " " : " and ", OpText(comparison.op), " ",
                    format(comparison.number));
    first = false;
  }
  return out;
}

}  // namespace

std::string FormatNumber(double x) {
  if (!std::isfinite(x)) return x != x ? "nan" : (x > 0 ? "inf" : "-inf");
  if (std::fabs(x) >= 1e15) return absl::StrFormat("%.6g", x);
  std::string text = absl::StrFormat("%.3f", x);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string FormatCount(int64_t n, absl::string_view singular) {
  return absl::StrCat(n, " ", singular, n == 1 ? "" : "s");
}

std::string FormatMillis(int64_t ms) {
  // Beyond a minute milliseconds say nothing, beyond a day seconds do not.
  if (ms >= 86'400'000) {
    ms -= ms % 3'600'000;
  } else if (ms >= 3'600'000) {
    ms -= ms % 60'000;
  } else if (ms >= 60'000) {
    ms -= ms % 1000;
  }
  return keywatch::FormatDuration(absl::Milliseconds(ms));
}

std::string FormatCondition(const std::vector<Comparison>& condition) {
  return Condition(condition, FormatNumber);
}

std::string FormatShare(double x) { return absl::StrFormat("%.4g", x); }

std::string FormatShareCondition(const std::vector<Comparison>& condition) {
  return Condition(condition, FormatShare);
}

std::string FormatDurationCondition(const std::vector<Comparison>& condition) {
  return Condition(condition, [](double x) {
    return keywatch::FormatDuration(
        absl::Milliseconds(static_cast<int64_t>(x)));
  });
}

bool ConditionHolds(const std::vector<Comparison>& condition, double x) {
  for (const Comparison& comparison : condition) {
    if (!comparison.Holds(x)) return false;
  }
  return true;
}

}  // namespace keywatch
