#include "daemon/serve/tokens.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/core/secret.h"
#include "daemon/crypto/hash.h"

namespace keywatch {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 64;
constexpr size_t kMinTokenBytes = 32;
constexpr size_t kMaxTokenBytes = 512;
constexpr absl::string_view kHashed = "sha256:";

void AddError(const std::string& path, int line, std::string code,
              std::string message, std::string hint, IssueList* issues) {
  Issue issue;
  issue.code = std::move(code);
  issue.where.file = path;
  issue.where.line = line;
  issue.message = std::move(message);
  issue.hint = std::move(hint);
  issues->Add(std::move(issue));
}

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) ||
                  absl::StrContains("._@-", absl::string_view(&c, 1));
         });
}

// 32 raw bytes, or "" when `text` is no token.
std::string DigestOf(absl::string_view text) {
  if (absl::ConsumePrefix(&text, kHashed)) {
    const bool hex = text.size() == 64 && std::all_of(text.begin(), text.end(),
                                                      absl::ascii_isxdigit);
    return hex ? absl::HexStringToBytes(text) : std::string();
  }
  const bool usable =
      text.size() >= kMinTokenBytes && text.size() <= kMaxTokenBytes &&
      std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
  return usable ? Sha256(text) : std::string();
}

void ReadLine(const std::string& path, int number, absl::string_view line,
              std::vector<Token>* tokens, IssueList* issues) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  if (words.empty() || words[0][0] == '#') return;
  const auto error = [&](std::string code, std::string message,
                         std::string hint) {
    AddError(path, number, std::move(code), std::move(message), std::move(hint),
             issues);
  };
  if (words.size() != 3) {
    error("bad-token", "a line has a name, a role and a token",
          "ada operate TOKEN");
    return;
  }
  const absl::optional<Role> role = ParseRole(words[1]);
  Token token{std::string(words[0]), role.value_or(Role::kRead),
              DigestOf(words[2])};
  if (!IsName(words[0])) {
    error("bad-token", "the first word is no name",
          "letters, digits, . _ @ and -, at most 64 of them");
  } else if (!role) {
    error("bad-token", "the second word is no role",
          "push, read, operate or admin");
  } else if (token.digest.empty()) {
    error("bad-token", "the third word is no token",
          "32 to 512 visible characters (openssl rand -hex 32), or sha256: and "
          "64 hex digits");
  } else if (std::any_of(tokens->begin(), tokens->end(),
                         [&token](const Token& other) {
                           return other.name == token.name ||
                                  other.digest == token.digest;
                         })) {
    error("bad-token", "the name or the token stands above already",
          "give everybody one of each");
  } else {
    tokens->push_back(std::move(token));
  }
}

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kPush:
      return "push";
    case Role::kRead:
      return "read";
    case Role::kOperate:
      return "operate";
    case Role::kAdmin:
      return "admin";
  }
  return "read";
}

absl::optional<Role> ParseRole(absl::string_view name) {
  for (Role role : kRoles) {
    if (name == RoleName(role)) return role;
  }
  return absl::nullopt;
}

std::vector<Token> ReadTokens(const std::string& path, IssueList* issues) {
  std::vector<Token> tokens;
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    AddError(path, 0, "no-such-file",
             absl::StrCat("cannot be used: ", std::strerror(errno)),
             "a line for everybody: NAME ROLE TOKEN", issues);
    return tokens;
  }
  if (!S_ISREG(status.st_mode) || (status.st_mode & 0007) != 0) {
    AddError(
        path, 0, "exposed-secret",
        S_ISREG(status.st_mode) ? "is open to every user" : "is not a file",
        absl::StrCat("chmod o= ", path), issues);
    return tokens;
  }
  const std::unique_ptr<FILE, int (*)(FILE*)> file(
      std::fopen(path.c_str(), "re"), &std::fclose);
  std::string text(kMaxFileBytes + 1, '\0');
  const size_t size =
      file == nullptr ? 0 : std::fread(&text[0], 1, text.size(), file.get());
  if (file == nullptr || std::ferror(file.get()) != 0 || size > kMaxFileBytes) {
    AddError(path, 0, "no-such-file",
             size > kMaxFileBytes
                 ? "is too large for a file of tokens"
                 : absl::StrCat("cannot be read: ", std::strerror(errno)),
             "", issues);
    return tokens;
  }
  text.resize(size);
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ReadLine(path, ++number, line, &tokens, issues);
  }
  // Overwritten when it goes.
  const Secret read_text(std::move(text));
  return tokens;
}

std::string TokenFile::Refresh() {
  struct stat now;
  if (stat(path_.c_str(), &now) != 0) {
    seen_.reset();
    return absl::StrCat(path_, ": ", std::strerror(errno));
  }
  if (seen_ && seen_->st_ino == now.st_ino && seen_->st_dev == now.st_dev &&
      seen_->st_size == now.st_size && seen_->st_mode == now.st_mode &&
      seen_->st_mtim.tv_sec == now.st_mtim.tv_sec &&
      seen_->st_mtim.tv_nsec == now.st_mtim.tv_nsec) {
    return "";
  }
  IssueList issues;
  tokens_ = ReadTokens(path_, &issues);
  seen_.reset();
  if (issues.has_errors()) {
    tokens_.clear();
    return FormatIssue(issues.issues()[0]);
  }
  seen_ = now;
  return "";
}

absl::StatusOr<Token> TokenFile::Find(absl::string_view token) {
  const std::string digest = Sha256(token);
  absl::MutexLock lock(&mu_);
  if (std::string wrong = Refresh(); !wrong.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("keywatchd cannot check tokens: ", wrong));
  }
  const Token* found = nullptr;
  for (const Token& known : tokens_) {
    if (ConstantTimeEquals(known.digest, digest)) found = &known;
  }
  if (found == nullptr) {
    return absl::UnauthenticatedError(
        absl::StrCat("the token is not in keywatchd's file of tokens"));
  }
  return *found;
}

}  // namespace keywatch
