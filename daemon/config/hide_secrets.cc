#include "daemon/config/hide_secrets.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace keywatch {
namespace {

// Secrets that providers hand out are longer.
constexpr size_t kShortestSecret = 8;
// Of a word that is a secret by its looks alone.
constexpr size_t kShortestRandom = 24;

bool IsWordCharacter(char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '+' ||
         c == '=' || c == '.';
}

bool HasKnownPrefix(absl::string_view word) {
  for (absl::string_view prefix :
       {"sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_org_", "whsec_",
        "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-",
        "eyJ", "AKIA", "ASIA"}) {
    if (absl::StartsWith(word, prefix) &&
        word.size() >= prefix.size() + kShortestSecret) {
      return true;
    }
  }
  return false;
}

// Digits between upper and lower case letters: no name that a person chose.
bool LooksRandom(absl::string_view word) {
  if (word.size() < kShortestRandom) return false;
  const auto has = [word](bool (*is)(unsigned char)) {
    return std::any_of(word.begin(), word.end(), is);
  };
  const bool hex = std::all_of(word.begin(), word.end(), absl::ascii_isxdigit);
  return has(absl::ascii_isdigit) && has(absl::ascii_isalpha) &&
         (hex || (has(absl::ascii_isupper) && has(absl::ascii_islower)));
}

// The end of what stands between `://` and `@`, or npos.
size_t EndOfUserInfo(absl::string_view text, size_t from) {
  const size_t end = text.find_first_of("/?# \t\"'", from);
  const size_t at = text.substr(0, end).rfind('@');
  return at == absl::string_view::npos || at < from ? absl::string_view::npos
                                                    : at;
}

// The column behind the key that `issue` underlines, as a byte.
size_t EndOfKey(const Issue& issue) {
  int character = 1;
  const int end = issue.where.column + std::max(1, issue.where.length);
  size_t at = 0;
  while (at < issue.line_text.size() && character < end) {
    ++at;
    while (at < issue.line_text.size() &&
           (static_cast<unsigned char>(issue.line_text[at]) & 0xc0) == 0x80) {
      ++at;
    }
    ++character;
  }
  return at;
}

}  // namespace

bool IsSecretName(absl::string_view name) {
  const std::string word =
      absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"-", ""}, {"_", ""}});
  for (absl::string_view part :
       {"token", "secret", "passw", "pwd", "bearer", "credential", "apikey",
        "accesskey", "privatekey", "signature", "authorization"}) {
    if (absl::StrContains(word, part)) return true;
  }
  return word == "key" || word == "auth" || word == "sig" || word == "pass";
}

std::string MaskSecrets(absl::string_view text) {
  std::string masked(text);
  const auto mask = [&masked](size_t from, size_t to) {
    std::fill(masked.begin() + from, masked.begin() + to, '*');
  };
  for (size_t at = text.find("://"); at != absl::string_view::npos;
       at = text.find("://", at + 3)) {
    const size_t end = EndOfUserInfo(text, at + 3);
    if (end != absl::string_view::npos) mask(at + 3, end);
  }
  bool after_bearer = false;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && IsWordCharacter(text[end])) ++end;
    const absl::string_view word = text.substr(begin, end - begin);
    if (!word.empty()) {
      if (HasKnownPrefix(word) || LooksRandom(word) ||
          (after_bearer && word.size() >= kShortestSecret)) {
        mask(begin, end);
      }
      after_bearer = absl::EqualsIgnoreCase(word, "bearer") &&
                     end < text.size() && text[end] == ' ';
    } else if (text[begin] != ' ') {
      after_bearer = false;
    }
    begin = std::max(end, begin + 1);
  }
  return masked;
}

void HideSecrets(IssueList* issues) {
  std::set<std::pair<std::string, int>> unchecked;
  for (const Issue& issue : issues->issues()) {
    if (issue.code == "secret-in-config" || issue.code == "unknown-key") {
      unchecked.emplace(issue.where.file, issue.where.line);
    }
  }
  IssueList hidden;
  for (Issue issue : issues->issues()) {
    if (issue.code == "unknown-key") {
      const size_t end = EndOfKey(issue);
      const size_t begin =
          end - std::min<size_t>(
                    end, static_cast<size_t>(std::max(1, issue.where.length)));
      std::fill(issue.line_text.begin(), issue.line_text.begin() + begin, ' ');
      issue.line_text.resize(end);
    } else if (unchecked.count({issue.where.file, issue.where.line}) != 0) {
      issue.line_text.clear();
    }
    issue.line_text = MaskSecrets(issue.line_text);
    issue.message = MaskSecrets(issue.message);
    issue.hint = MaskSecrets(issue.hint);
    hidden.Add(std::move(issue));
  }
  *issues = std::move(hidden);
}

}  // namespace keywatch
