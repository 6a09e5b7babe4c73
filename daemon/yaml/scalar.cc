#include "daemon/yaml/scalar.h"

#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace keywatch {
namespace yaml {
namespace {

bool IsOneOf(absl::string_view text, absl::string_view a, absl::string_view b,
             absl::string_view c) {
  return text == a || text == b || text == c;
}

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

enum class IntegerResult { kNone, kInteger, kTooLarge };

// The digits of `text` in `base`; `_` separates groups of them.
IntegerResult ParseDigits(absl::string_view text, int base, bool negative,
                          int64_t* integer, double* number) {
  if (text.empty() || text[0] == '_') return IntegerResult::kNone;
  const uint64_t limit =
      static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) +
      (negative ? 1 : 0);
  uint64_t value = 0;
  double approximate = 0;
  bool too_large = false;
  for (char c : text) {
    if (c == '_') continue;
    const int digit = DigitValue(c);
    if (digit >= base) return IntegerResult::kNone;
    approximate = approximate * base + digit;
    if (too_large || value > (limit - digit) / base) {
      too_large = true;
    } else {
      value = value * base + digit;
    }
  }
  if (too_large) {
    *number = negative ? -approximate : approximate;
    return IntegerResult::kTooLarge;
  }
  *integer = static_cast<int64_t>(negative ? 0 - value : value);
  *number = static_cast<double>(*integer);
  return IntegerResult::kInteger;
}

IntegerResult ParseInteger(absl::string_view text, int64_t* integer,
                           double* number) {
  bool negative = false;
  if (text[0] == '+' || text[0] == '-') {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    switch (text[1]) {
      case 'x':
        base = 16;
        text.remove_prefix(2);
        break;
      case 'o':
        base = 8;
        text.remove_prefix(2);
        break;
      case 'b':
        base = 2;
        text.remove_prefix(2);
        break;
      default:
        base = 8;
        text.remove_prefix(1);
    }
  }
  return ParseDigits(text, base, negative, integer, number);
}

// A float has a dot: "1e5" and "12e4567" are text in YAML 1.1, which is what a
// hash that happens to look like them needs.
bool ParseFloat(absl::string_view text, double* number) {
  absl::string_view rest = text;
  const bool negative = rest[0] == '-';
  if (rest[0] == '+' || rest[0] == '-') rest.remove_prefix(1);
  if (IsOneOf(rest, ".inf", ".Inf", ".INF")) {
    *number = std::numeric_limits<double>::infinity();
    if (negative) *number = -*number;
    return true;
  }
  if (IsOneOf(text, ".nan", ".NaN", ".NAN")) {
    *number = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  std::string digits;
  size_t i = 0;
  bool any_digit = false;
  auto take_digits = [&] {
    while (i < rest.size() &&
           (absl::ascii_isdigit(rest[i]) || (any_digit && rest[i] == '_'))) {
      if (rest[i] != '_') digits += rest[i];
      any_digit = true;
      ++i;
    }
  };
  take_digits();
  if (i >= rest.size() || rest[i] != '.') return false;
  digits += '.';
  ++i;
  take_digits();
  if (!any_digit) return false;
  if (i < rest.size() && (rest[i] == 'e' || rest[i] == 'E')) {
    digits += 'e';
    ++i;
    if (i < rest.size() && (rest[i] == '+' || rest[i] == '-')) {
      digits += rest[i++];
    }
    const size_t first = i;
    while (i < rest.size() && absl::ascii_isdigit(rest[i])) digits += rest[i++];
    if (i == first) return false;
  }
  if (i != rest.size() || !absl::SimpleAtod(digits, number)) return false;
  if (negative) *number = -*number;
  return true;
}

}  // namespace

void ResolvePlain(Node* node) {
  const absl::string_view text = node->text;
  node->kind = Node::Kind::kString;
  if (text.empty() || text == "~" || IsOneOf(text, "null", "Null", "NULL")) {
    node->kind = Node::Kind::kNull;
    return;
  }
  const char first = text[0];
  if (text.size() <= 5 && absl::ascii_isalpha(first)) {
    if (IsOneOf(text, "true", "True", "TRUE") ||
        IsOneOf(text, "yes", "Yes", "YES") || IsOneOf(text, "on", "On", "ON")) {
      node->kind = Node::Kind::kBool;
      node->boolean = true;
    } else if (IsOneOf(text, "false", "False", "FALSE") ||
               IsOneOf(text, "no", "No", "NO") ||
               IsOneOf(text, "off", "Off", "OFF")) {
      node->kind = Node::Kind::kBool;
    }
    return;
  }
  const bool may_be_number =
      absl::ascii_isdigit(first) ||
      ((first == '+' || first == '-' || first == '.') && text.size() > 1);
  if (!may_be_number) return;
  switch (ParseInteger(text, &node->integer, &node->number)) {
    case IntegerResult::kInteger:
      node->kind = Node::Kind::kInt;
      return;
    case IntegerResult::kTooLarge:
      node->kind = Node::Kind::kDouble;
      return;
    case IntegerResult::kNone:
      node->number = 0;
      node->integer = 0;
      break;
  }
  if (ParseFloat(text, &node->number)) {
    node->kind = Node::Kind::kDouble;
  } else {
    node->number = 0;
  }
}

}  // namespace yaml
}  // namespace keywatch
