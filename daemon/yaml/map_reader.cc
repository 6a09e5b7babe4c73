#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/core/time.h"
#include "daemon/yaml/document.h"

namespace keywatch {
namespace yaml {
namespace {

constexpr char kWrongType[] = "wrong-type";
constexpr char kOutOfRange[] = "out-of-range";

struct Unit {
  const char* name;
  int64_t bytes;
};
constexpr Unit kUnits[] = {{"GiB", int64_t{1} << 30},
                           {"MiB", int64_t{1} << 20},
                           {"KiB", int64_t{1} << 10},
                           {"GB", 1'000'000'000},
                           {"MB", 1'000'000},
                           {"KB", 1'000},
                           {"B", 1}};

bool ParseBytes(absl::string_view text, int64_t* bytes) {
  for (const Unit& unit : kUnits) {
    if (!absl::EndsWith(text, unit.name)) continue;
    int64_t number = 0;
    const absl::string_view digits = absl::StripAsciiWhitespace(
        text.substr(0, text.size() - absl::string_view(unit.name).size()));
    if (!absl::SimpleAtoi(digits, &number) || number < 0) return false;
    if (number > INT64_MAX / unit.bytes) return false;
    *bytes = number * unit.bytes;
    return true;
  }
  return false;
}

std::string FormatBytes(int64_t bytes) {
  for (const Unit& unit : {kUnits[0], kUnits[1], kUnits[2]}) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
      return absl::StrCat(bytes / unit.bytes, " ", unit.name);
    }
  }
  return absl::StrCat(bytes, " B");
}

// "between 1 and 10", or only the bound that there is.
template <typename T, typename Format>
std::string RangeText(T min, T max, T no_max, Format format) {
  if (max == no_max) return absl::StrCat("at least ", format(min));
  return absl::StrCat("between ", format(min), " and ", format(max));
}

}  // namespace

MapReader::MapReader(const File& file, const Node* node, IssueList* issues)
    : file_(file), node_(node), issues_(issues) {
  if (node_ != nullptr && !node_->is_map()) {
    // `section:` with everything in it commented out is an empty map.
    if (!node_->is_null()) {
      ErrorAt(*node_, kWrongType,
              absl::StrCat("must be a map, not ", KindName(node_->kind)),
              "keys with their values, indented below");
    }
    node_ = nullptr;
  }
}

bool MapReader::Has(absl::string_view key) const {
  return node_ != nullptr && node_->Find(key) != nullptr;
}

const Node* MapReader::Get(absl::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) {
    asked_.emplace_back(key);
  }
  return node_ == nullptr ? nullptr : node_->Find(key);
}

const Node* MapReader::Require(absl::string_view key) {
  const Node* value = Get(key);
  if (value == nullptr) {
    Error(key, "missing-key", absl::StrCat("\"", key, "\" is missing"),
          absl::StrCat("add \"", key, ": ...\" to this map"));
  }
  return value;
}

const Node* MapReader::Typed(absl::string_view key, bool want_scalar) {
  const Node* value = Get(key);
  if (value == nullptr || !want_scalar) return value;
  if (value->is_null()) {
    Error(key, "empty-value", absl::StrCat("\"", key, "\" has no value"),
          "remove the key for its default");
    return nullptr;
  }
  if (!value->is_scalar()) {
    Error(key, kWrongType,
          absl::StrCat("\"", key, "\" must be a single value, not ",
                       KindName(value->kind)),
          "one word or number, or text in quotes");
    return nullptr;
  }
  return value;
}

std::string MapReader::String(absl::string_view key,
                              absl::string_view fallback) {
  const Node* value = Typed(key, true);
  return value == nullptr ? std::string(fallback) : value->text;
}

std::string MapReader::RequiredString(absl::string_view key) {
  const Node* value = Require(key);
  if (value == nullptr) return "";
  if (value->is_scalar() && value->text.empty()) {
    Error(key, "empty-value", absl::StrCat("\"", key, "\" has no value"),
          "it has no default: write one");
    return "";
  }
  value = Typed(key, true);
  if (value == nullptr) return "";
  return value->text;
}

bool MapReader::Bool(absl::string_view key, bool fallback) {
  const Node* value = Typed(key, true);
  if (value == nullptr) return fallback;
  if (value->kind != Node::Kind::kBool) {
    Error(key, kWrongType,
          absl::StrCat("\"", key, "\" must be true or false, not ",
                       KindName(value->kind)),
          value->quoted ? "without quotes" : "write true or false");
    return fallback;
  }
  return value->boolean;
}

int64_t MapReader::Int(absl::string_view key, int64_t fallback, int64_t min,
                       int64_t max) {
  const Node* value = Typed(key, true);
  if (value == nullptr) return fallback;
  if (value->kind != Node::Kind::kInt) {
    Error(key, kWrongType, absl::StrCat("\"", key, "\" must be a whole number"),
          value->quoted ? "without quotes" : "digits only");
    return fallback;
  }
  if (value->integer < min || value->integer > max) {
    Error(key, kOutOfRange, absl::StrCat("\"", key, "\" is out of range"),
          RangeText(min, max, INT64_MAX,
                    [](int64_t n) { return absl::StrCat(n); }));
    return fallback;
  }
  return value->integer;
}

double MapReader::Double(absl::string_view key, double fallback, double min,
                         double max) {
  const Node* value = Typed(key, true);
  if (value == nullptr) return fallback;
  double number = value->number;
  // YAML 1.1 takes 1e6 for text; where a number is asked for it is one.
  const bool is_number =
      value->kind == Node::Kind::kInt || value->kind == Node::Kind::kDouble ||
      (!value->quoted && absl::SimpleAtod(value->text, &number));
  if (!is_number || std::isnan(number)) {
    Error(key, kWrongType, absl::StrCat("\"", key, "\" must be a number"),
          value->quoted ? "without quotes" : "like 10 or 0.5");
    return fallback;
  }
  if (number < min || number > max) {
    Error(key, kOutOfRange, absl::StrCat("\"", key, "\" is out of range"),
          RangeText(min, max, std::numeric_limits<double>::max(),
                    [](double d) { return absl::StrCat(d); }));
    return fallback;
  }
  return number;
}

absl::Duration MapReader::Duration(absl::string_view key,
                                   absl::Duration fallback, absl::Duration min,
                                   absl::Duration max) {
  const Node* value = Typed(key, true);
  if (value == nullptr) return fallback;
  absl::StatusOr<absl::Duration> duration = ParseDuration(value->text);
  if (!duration.ok()) {
    const bool number = value->kind == Node::Kind::kInt && value->integer > 0;
    Error(key, "bad-duration",
          absl::StrCat("\"", key, "\" must be a duration like 90s or 15m"),
          number ? absl::StrCat("did you mean \"", value->text, "s\"?")
                 : "a number and one of ms s m h d w");
    return fallback;
  }
  if (*duration < min || *duration > max) {
    Error(key, kOutOfRange, absl::StrCat("\"", key, "\" is out of range"),
          RangeText(min, max, absl::InfiniteDuration(), FormatDuration));
    return fallback;
  }
  return *duration;
}

int64_t MapReader::Bytes(absl::string_view key, int64_t fallback, int64_t min,
                         int64_t max) {
  const Node* value = Typed(key, true);
  if (value == nullptr) return fallback;
  int64_t bytes = value->integer;
  if (value->kind != Node::Kind::kInt && !ParseBytes(value->text, &bytes)) {
    Error(key, "bad-size",
          absl::StrCat("\"", key, "\" must be a size like 64KiB or 10MiB"),
          "a number and one of B KiB MiB GiB KB MB GB");
    return fallback;
  }
  if (bytes < min || bytes > max) {
    Error(key, kOutOfRange, absl::StrCat("\"", key, "\" is out of range"),
          RangeText(min, max, INT64_MAX, FormatBytes));
    return fallback;
  }
  return bytes;
}

std::vector<std::string> MapReader::Strings(absl::string_view key) {
  std::vector<std::string> strings;
  const Node* value = Get(key);
  if (value == nullptr || value->is_null()) return strings;
  if (value->is_scalar()) {
    strings.push_back(value->text);
    return strings;
  }
  if (!value->is_list()) {
    Error(key, kWrongType,
          absl::StrCat("\"", key, "\" must be a list, not ",
                       KindName(value->kind)),
          "[a, b], or each element on a line that begins with -");
    return strings;
  }
  for (const Node& element : value->list) {
    if (!element.is_scalar() || element.is_null()) {
      ErrorAt(element, kWrongType,
              absl::StrCat("the elements of \"", key, "\" must be text, not ",
                           KindName(element.kind)),
              "quote the text if it looks like something else");
      continue;
    }
    strings.push_back(element.text);
  }
  return strings;
}

int MapReader::Choice(absl::string_view key,
                      const std::vector<std::string>& words, int fallback) {
  const Node* value = Typed(key, true);
  if (value == nullptr) return fallback;
  const auto it = std::find(words.begin(), words.end(), value->text);
  if (it == words.end()) {
    Error(key, "unknown-value",
          absl::StrCat("\"", value->text, "\" is no value of \"", key, "\""),
          SuggestionHint(value->text, words));
    return fallback;
  }
  return static_cast<int>(it - words.begin());
}

void MapReader::Error(absl::string_view key, std::string code,
                      std::string message, std::string hint) {
  static const Node kNowhere;
  const Node* value = node_ == nullptr ? nullptr : node_->Find(key);
  const Node& place = value != nullptr   ? *value
                      : node_ != nullptr ? *node_
                                         : kNowhere;
  ErrorAt(place, std::move(code), std::move(message), std::move(hint));
}

void MapReader::Warning(absl::string_view key, std::string code,
                        std::string message, std::string hint) {
  static const Node kNowhere;
  const Node* value = node_ == nullptr ? nullptr : node_->Find(key);
  const Node& place = value != nullptr   ? *value
                      : node_ != nullptr ? *node_
                                         : kNowhere;
  WarningAt(place, std::move(code), std::move(message), std::move(hint));
}

void MapReader::ErrorAt(const Node& node, std::string code, std::string message,
                        std::string hint) {
  issues_->Add(file_.At(node, Issue::Severity::kError, std::move(code),
                        std::move(message), std::move(hint)));
}

void MapReader::WarningAt(const Node& node, std::string code,
                          std::string message, std::string hint) {
  issues_->Add(file_.At(node, Issue::Severity::kWarning, std::move(code),
                        std::move(message), std::move(hint)));
}

void MapReader::Finish() {
  if (node_ == nullptr) return;
  for (const auto& entry : node_->map) {
    const std::string& key = entry.first.text;
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    ErrorAt(entry.first, "unknown-key",
            absl::StrCat("unknown key \"", key, "\""),
            SuggestionHint(key, asked_));
  }
}

}  // namespace yaml
}  // namespace keywatch
