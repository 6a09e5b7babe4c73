#include "daemon/rules/regex.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "re2/filtered_re2.h"
#include "re2/re2.h"

namespace keywatch {
namespace {

// Enough for any sane expression; what a hostile log can make an expression's
// automaton grow to.
constexpr int64_t kMemory = 2 << 20;
constexpr size_t kMaxLength = 16 * 1024;

re2::RE2::Options RegexOptions() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemory);
  return options;
}

// What the expression asks for that no linear-time engine can do; "" when
// nothing of that kind is found. Also rewrites `(?<name>` to RE2's form.
std::string Unsupported(absl::string_view text, std::string* rewritten) {
  bool in_class = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      rewritten->push_back(c);
      if (i + 1 == text.size()) break;
      const char next = text[++i];
      rewritten->push_back(next);
      if (!in_class && next >= '1' && next <= '9') {
        return absl::StrCat("the back-reference \\", std::string(1, next));
      }
      if (!in_class && next == 'k') return "a back-reference \\k";
      continue;
    }
    rewritten->push_back(c);
    if (in_class) {
      if (c == ']') in_class = false;
      continue;
    }
    if (c == '[') {
      in_class = true;
      // A `]` directly behind `[` or `[^` is a literal.
      if (i + 1 < text.size() && text[i + 1] == '^') {
        rewritten->push_back(text[++i]);
      }
      if (i + 1 < text.size() && text[i + 1] == ']') {
        rewritten->push_back(text[++i]);
      }
      continue;
    }
    if (c != '(' || i + 2 >= text.size() || text[i + 1] != '?') continue;
    const absl::string_view group = text.substr(i);
    if (absl::StartsWith(group, "(?=") || absl::StartsWith(group, "(?!")) {
      return absl::StrCat("the lookahead ", group.substr(0, 3));
    }
    if (absl::StartsWith(group, "(?<=") || absl::StartsWith(group, "(?<!")) {
      return absl::StrCat("the lookbehind ", group.substr(0, 4));
    }
    if (absl::StartsWith(group, "(?>")) return "the atomic group (?>";
    if (absl::StartsWith(group, "(?(")) return "the conditional group (?(";
    if (absl::StartsWith(group, "(?<") && group.size() > 3 &&
        absl::ascii_isalpha(static_cast<unsigned char>(group[3]))) {
      rewritten->append("?P<");
      i += 2;
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileRegex(
    absl::string_view expression, absl::string_view flags) {
  if (expression.size() > kMaxLength) {
    return absl::InvalidArgumentError(
        "the regular expression is longer than 16 KiB");
  }
  std::string text;
  const std::string unsupported = Unsupported(expression, &text);
  if (!unsupported.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the regular expression uses ", unsupported,
                     ", which RE2 does not support"));
  }
  if (!flags.empty()) text = absl::StrCat("(?", flags, ")", text);
  auto regex = std::make_shared<const re2::RE2>(text, RegexOptions());
  if (!regex->ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("RE2 refuses the regular expression: ", regex->error()));
  }
  return regex;
}

std::vector<std::string> RequiredTexts(const re2::RE2& regex) {
  re2::FilteredRE2 filter;
  int id = 0;
  if (filter.Add(regex.pattern(), regex.options(), &id) != re2::RE2::NoError) {
    return {};
  }
  std::vector<std::string> texts;
  filter.Compile(&texts);
  for (const std::string& text : texts) {
    // RE2 lowers letters beyond ASCII in its own way.
    for (const char c : text) {
      if (static_cast<unsigned char>(c) >= 0x80) return {};
    }
    if (text.empty()) return {};
  }
  return texts;
}

}  // namespace keywatch
